// What the files that complete a configuration share.
#pragma once

#include "core/container/configuration.h"

bool configuration_hostname_valid(const char *name);

/// "networks" of a whole configuration whose types are right: "default" where nothing was asked for.
int configuration_complete_networks(json_t *whole, holm_error **error);

/// "ports" of a whole configuration whose types are right: every entry gets all of its keys. With
/// "publishAll" the image's exposed ports are added.
int configuration_complete_ports(json_t *whole, const json_t *image_configuration, const char *usual_address,
                                 holm_error **error);
