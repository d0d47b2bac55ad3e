// Making a template: boots a machine whose disks and cards are like those of its clones, but empty, and that
// has no vsock (which QEMU cannot save), up to where its agent waits, lets the guest give back what it does
// not use, stops it, and keeps its memory and device state.
#include <string.h>
#include <sys/mman.h>

#include "vm/qemu_internal.h"
#define LOG_MODULE "template"
#include "core/base/log.h"

#define DEADLINE_MS 120000 // for all of it, in emulation on a busy machine
// The guest's kernel reports free pages 2 s after they were freed (mm/page_reporting.c), so a template taken
// sooner would carry everything that booting has used once.
#define REPORTING_MS 2500
// The guest checks its timer against another for 100 ms, and does without it when they disagree, as on a busy
// host. It says so, and all clones would wake more often for it: begun anew a few times.
#define NO_TIMER "APIC timer disabled"
#define ATTEMPTS 6

typedef struct making {
    machine machine; ///< first: the driver's callbacks have the machine
    uv_timer_t reported;
    int state;
    int attempts; ///< that are left
    bool ready, saved, again;
    holm_error *error;
} making;

static void fail(making *self, const char *what) {
    if (!self->error)
        holm_error_set(&self->error, HOLM_ERROR_UNAVAILABLE, "make a template: %s", what);
    qemu_process_kill(self->machine.process);
}

static void migrated(machine *machine_, const char *status) {
    making *self = (making *)machine_;
    if (strcmp(status, "failed") == 0)
        fail(self, "QEMU cannot save its state");
    if (strcmp(status, "completed") != 0)
        return;
    if (template_save(machine_->template_directory, machine_->template_key, &machine_->memory, self->state,
                      &self->error) == 0)
        self->saved = true;
    qemu_process_kill(machine_->process); // its memory was all it had to give
}

static void answered(json_t *result, const holm_error *error, void *data) {
    (void)result;
    if (error && !((making *)data)->again)
        fail(data, holm_error_message(error));
}

static void reported(uv_timer_t *timer) {
    making *self = timer->data;
    qmp *control = self->machine.qmp;
    int copy = dup(self->state);
    qmp_execute(control, "stop", NULL, -1, answered, self);
    qmp_execute(control, "getfd", json_pack("{s:s}", "fdname", "state"), copy, answered, self);
    qmp_execute(control, "migrate", json_pack("{s:s}", "uri", "fd:state"), -1, answered, self);
}

static void printed(const char *text, void *data) {
    making *self = data;
    if (strstr(text, NO_TIMER) && self->attempts > 0) {
        self->again = true;
        qemu_process_kill(self->machine.process);
    }
    if (strcmp(text, "holm-template-ready") != 0 || self->ready || self->again)
        return;
    self->ready = true;
    uv_timer_start(&self->reported, reported, REPORTING_MS, 0);
}

static void ended(int code, void *data) {
    making *self = data;
    (void)code;
    if (!self->saved && !self->again)
        fail(self, "the machine ended");
    uv_close((uv_handle_t *)&self->reported, NULL);
    qemu_process_let_go(&self->machine);
}

// One attempt, until the process has ended.
static int run(making *self, holm_error **error) {
    machine *machine_ = &self->machine;
    int unused;
    self->again = false;
    self->attempts--;
    if (guest_memory_init(&machine_->memory, machine_->memory_bytes, error) < 0 ||
        qemu_process_bring(machine_, &unused, ended, printed, error) < 0)
        return -1;
    close(unused);
    uv_timer_init(machine_->loop, &self->reported);
    self->reported.data = self;
    qemu_process_end_within(machine_->process, DEADLINE_MS);
    json_t *capabilities = json_pack("[{s:s, s:b}, {s:s, s:b}]", "capability", "events", "state", 1,
                                     "capability", "x-ignore-shared", "state", 1);
    qmp_execute(machine_->qmp, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", capabilities),
                -1, answered, self);
    qemu_give_all(machine_);
    qmp_execute(machine_->qmp, "cont", NULL, -1, answered, self);
    uv_run(machine_->loop, UV_RUN_DEFAULT);
    guest_memory_finish(&machine_->memory);
    qemu_devices_forget(machine_);
    if (self->error)
        holm_error_propagate(error, steal_pointer(&self->error));
    return self->saved || self->again ? 0 : -1;
}

int qemu_template_make(const machine_configuration *shape, const char *devices, holm_error **error) {
    uv_loop_t loop;
    making self = {.machine = {.loop = &loop, .role = QEMU_TEMPLATE, .memory = {.fd = -1}},
                   .state = -1,
                   .attempts = ATTEMPTS};
    self.machine.migration = migrated;
    if (qemu_configure(&self.machine, shape, error) < 0 ||
        qemu_devices_pretend(&self.machine, devices, error) < 0)
        return -1;
    qemu_choose_template(&self.machine);
    cleanup_close int lock = template_lock(self.machine.template_directory, self.machine.template_key, error);
    template_files files;
    int result = -1;
    uv_loop_init(&loop);
    if (lock < 0) {
        result = -1;
    } else if (template_open(self.machine.template_directory, self.machine.template_key,
                             self.machine.memory_bytes, &files, NULL) == 0) {
        template_files_close(&files); // another was faster
        result = 0;
    } else if (self.machine.confined && qemu_confine_maker(&self.machine, error) < 0) {
        result = -1;
    } else if ((self.state = memfd_create("state", MFD_CLOEXEC)) >= 0) {
        do
            result = run(&self, error);
        while (result == 0 && self.again);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    cleanup_close_fd(&self.state);
    holm_error_free(self.machine.problem);
    guest_memory_finish(&self.machine.memory);
    qemu_devices_finish(&self.machine);
    qemu_configuration_finish(&self.machine);
    return result;
}
