// Templates: a machine that booted as far as all machines of its shape are alike, kept as two files. A clone
// starts from a copy of them in a fraction of the time of a boot.
//
//   DIRECTORY/<hash>/key      what it was made from, word for word (the hash only finds it)
//   DIRECTORY/<hash>/memory   the guest's memory, sparse
//   DIRECTORY/<hash>/state    QEMU's device state
//   DIRECTORY/<hash>.lock     held while one makes it
//
// A template appears by one rename and is never changed. Using it sets the time of `key`; when all of them
// together grow above TEMPLATE_BYTES_MOST, those not used for longest go.
#pragma once

#include <stdint.h>

#include "core/base/error.h"
#include "vm/guest_memory.h"
#include "vm/machine.h"

#define TEMPLATE_BYTES_MOST (1ULL << 30)

typedef struct template_files {
    int memory, state; ///< open for reading
} template_files;

void template_files_close(template_files *self);

/// What a template of this shape depends on, as text: files by their identity, not their content. The caller
/// frees it. `program` is QEMU's.
/// `devices` as qemu_devices_describe has them.
char *template_key(const char *program, const machine_configuration *shape, const char *devices);
/// The template's folder. The caller frees it.
char *template_path(const char *directory, const char *key);

/// Opens a template that is whole and for this key. -1 without an error when there is none.
int template_open(const char *directory, const char *key, uint64_t memory_bytes, template_files *files,
                  holm_error **error);
/// Takes one away that did not work.
void template_discard(const char *directory, const char *key);

/// Takes the right to make it; the lock's descriptor, or -1 with IN_USE when another does.
int template_lock(const char *directory, const char *key, holm_error **error);
/// Under the lock: writes the memory of a stopped machine beside its state (a file descriptor to read from
/// its beginning) and makes the template appear; then removes what is too much.
int template_save(const char *directory, const char *key, const guest_memory *memory, int state,
                  holm_error **error);

/// Copies a template's memory into a machine's. Blocks: for a worker.
int template_copy_memory(int from, const guest_memory *to, holm_error **error);
