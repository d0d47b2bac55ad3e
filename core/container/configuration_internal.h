// What the files that complete a configuration share.
#pragma once

#include "core/container/configuration.h"

/// That every key is known and every value has its type and range. INVALID names the key.
int configuration_check_types(const json_t *request, holm_error **error);
/// A string without NUL that is not too long.
bool configuration_text_fits(const json_t *value);
/// An array or an object of such strings, and not too many.
bool configuration_texts_fit(json_t *value);

bool configuration_hostname_valid(const char *name);

/// "networks" of a whole configuration whose types are right: "default" where nothing was asked for.
int configuration_complete_networks(json_t *whole, holm_error **error);

/// "ports" of a whole configuration whose types are right: every entry gets all of its keys. With
/// "publishAll" the image's exposed ports are added.
int configuration_complete_ports(json_t *whole, const json_t *image_configuration, const char *usual_address,
                                 holm_error **error);
