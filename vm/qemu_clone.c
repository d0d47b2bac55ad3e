// Starting from a template: its memory is copied on a worker while QEMU starts and gets disks and cards, then
// the device state is loaded, then vsock is plugged as for a boot, and the agent, which waits in the
// template, is told to go on. Until the agent has answered, everything that goes wrong ends the process, and
// the machine is booted.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/trace.h"
#include "vm/qemu_internal.h"
#define LOG_MODULE "clone"
#include "core/base/log.h"

// An agent that wakes at all does so in a fraction of this, also on a machine with much else to do.
#define WAKE_DEADLINE_MS 15000

struct qemu_clone {
    uv_work_t work;
    machine *owner;
    template_files files;
    uv_sem_t written; ///< posted by the worker when it leaves the memory alone
    bool copying, over;
    holm_error *error;
};

static void clone_free(qemu_clone *self) {
    uv_sem_destroy(&self->written);
    template_files_close(&self->files);
    holm_error_free(self->error);
    free(self);
}

static void copy(uv_work_t *work) {
    qemu_clone *self = work->data;
    uint64_t begin = trace_now();
    template_copy_memory(self->files.memory, &self->owner->memory, &self->error);
    trace_span(TRACE_COPY, "copy the memory", begin, trace_now());
    uv_sem_post(&self->written);
}

static void load(machine *self) {
    qemu_clone *clone = self->clone;
    qmp_execute(self->qmp, "getfd", json_pack("{s:s}", "fdname", "state"), steal_fd(&clone->files.state),
                qemu_expect, self);
    qmp_execute(self->qmp, "migrate-incoming", json_pack("{s:s}", "uri", "fd:state"), -1, qemu_expect, self);
}

static void copied(uv_work_t *work, int status) {
    qemu_clone *self = work->data;
    machine *owner = self->owner;
    (void)status;
    self->copying = false;
    if (!owner)
        clone_free(self);
    else if (self->over)
        qemu_process_is_gone(owner);
    else if (self->error)
        qemu_problem(owner, self->error);
    else if (owner->state == QEMU_STARTING)
        load(owner);
}

bool qemu_clone_open(machine *self) {
    template_files files;
    cleanup_error holm_error *error = NULL;
    if (template_open(self->template_directory, self->template_key, self->memory_bytes, &files, &error) < 0) {
        if (error) {
            log_warning("the template is not used: %s", holm_error_message(error));
            template_discard(self->template_directory, self->template_key);
        }
        return false;
    }
    self->clone = calloc(1, sizeof *self->clone);
    if (!self->clone)
        abort();
    self->clone->owner = self;
    self->clone->files = files;
    self->clone->work.data = self->clone;
    uv_sem_init(&self->clone->written, 0);
    // The copy begins before QEMU does.
    self->clone->copying = uv_queue_work(self->loop, &self->clone->work, copy, copied) == 0;
    if (!self->clone->copying)
        clone_free(steal_pointer(&self->clone));
    return self->clone != NULL;
}

static void loaded(machine *self, const char *status) {
    if (!self->clone || self->state != QEMU_STARTING)
        return;
    if (strcmp(status, "failed") == 0) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, HOLM_ERROR_INTEGRITY, "QEMU cannot load the template");
        qemu_problem(self, error);
    } else if (strcmp(status, "completed") == 0) {
        trace_step("template loaded");
        qemu_let_run(self);
        console_type(self->console, "go\n");
        qemu_process_end_within(self->process, WAKE_DEADLINE_MS);
    }
}

void qemu_clone_begin(machine *self) {
    self->migration = loaded;
    json_t *capabilities = json_pack("[{s:s, s:b}, {s:s, s:b}]", "capability", "events", "state", 1,
                                     "capability", "x-ignore-shared", "state", 1);
    qmp_execute(self->qmp, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", capabilities), -1,
                qemu_expect, self);
    // Nobody has known it before: there is nothing to announce.
    qmp_execute(self->qmp, "migrate-set-parameters", json_pack("{s:i}", "announce-rounds", 0), -1,
                qemu_expect, self);
    qemu_give_all(self); // the state that comes is theirs as well
}

bool qemu_clone_is_over(machine *self) {
    qemu_clone *clone = self->clone;
    if (!clone)
        return true;
    clone->over = true;
    if (clone->copying)
        return false;
    clone_free(steal_pointer(&self->clone));
    return true;
}

void qemu_clone_abandon(machine *self) {
    qemu_clone *clone = steal_pointer(&self->clone);
    if (!clone)
        return;
    // The copy takes some 20 ms, and the caller may give the memory back next.
    uv_sem_wait(&clone->written);
    clone->owner = NULL; // the loop frees it
}

void qemu_clone_finish(machine *self) {
    if (!self->clone)
        return;
    qemu_process_end_never(self->process);
    clone_free(steal_pointer(&self->clone));
}
