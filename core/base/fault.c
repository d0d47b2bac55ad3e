#include "core/base/fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

void fault_point(const char *name) {
    const char *wanted = getenv("HOLM_FAULT");
    if (!wanted)
        return;
    static unsigned seen;
    size_t length = strlen(name);
    if (strncmp(wanted, name, length) != 0 || (wanted[length] != 0 && wanted[length] != ':'))
        return;
    unsigned count = wanted[length] == ':' ? (unsigned)strtoul(wanted + length + 1, NULL, 10) : 1;
    if (++seen >= count)
        raise(SIGKILL);
}
