// What the checks of holm_system_doctor share. Each appends what it has looked at, what it found and what to
// do to the list.
#pragma once

#include "core/holm_internal.h"

typedef enum doctor_state {
    DOCTOR_GOOD,
    DOCTOR_NOTE,    ///< it works, less well or not all of it
    DOCTOR_MISSING, ///< it does not work without
} doctor_state;

/// advice NULL: nothing is to be done.
void doctor_tell(json_t *list, const char *name, doctor_state verdict, const char *looked, const char *found,
                 const char *advice);

/// How far kernel/build.sh has come, in percent; -1: none is running.
int doctor_kernel_percent(const paths *where);

// ---- holm_doctor_host.c: what the machine gives ----

void doctor_check_confinement(json_t *list);
void doctor_check_namespaces(json_t *list);
void doctor_check_folders(json_t *list, const paths *where);
void doctor_check_space(json_t *list, const paths *where);
void doctor_check_memory(json_t *list);
void doctor_check_network(json_t *list);
