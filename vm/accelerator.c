#include <stdlib.h>
#include <string.h>

#include "vm/machine.h"

machine_accelerator machine_accelerator_probe(const char *cache_directory, const char *kernel,
                                              const char **why) {
    (void)cache_directory, (void)kernel;
    const char *chosen = getenv("HOLM_ACCELERATOR");
    bool kvm = chosen && strcmp(chosen, "kvm") == 0;
    if (why)
        *why = chosen ? "HOLM_ACCELERATOR says so" : "emulation runs everywhere";
    return kvm ? MACHINE_KVM : MACHINE_EMULATION;
}
