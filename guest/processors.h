// The processors beside the first.
#pragma once

#include "core/base/error.h"

/// Starts them where the kernel came with one (maxcpus=1): an emulator before QEMU 8.2 dies when a processor
/// runs while another one changes where devices lie in memory, as looking for devices does. So they start
/// when the devices are there: in a template before it waits, so that its clones have them and do not pay for
/// it, else with Prepare.
int processors_start(holm_error **error);
/// Stops them where the kernel came with one, until processors_start.
int processors_stop(holm_error **error);
