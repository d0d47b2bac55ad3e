// The QEMU driver against programs in QEMU's place: its confinement, its failures, and the probe for KVM.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/confine.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "vm/machine.h"

static char folder[64], kernel[96], secret[96], neighbour[96], stand_in[96];

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_text(const char *path, const char *text, mode_t mode) {
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void use_stand_in(const char *script) {
    char text[512];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", script);
    write_text(stand_in, text, 0700);
    setenv("HOLM_QEMU", stand_in, 1);
}

// ---- the driver ----

typedef struct seen {
    char failed[512], hint[2048];
    int closed;
    machine_end end;
} seen;

static void on_failed(const holm_error *error, void *data) {
    seen *self = data;
    snprintf(self->failed, sizeof self->failed, "%s", holm_error_message(error));
    snprintf(self->hint, sizeof self->hint, "%s", holm_error_hint_of(error) ? holm_error_hint_of(error) : "");
}

static void on_closed(machine_end end, void *data) {
    seen *self = data;
    self->closed++;
    self->end = end;
}

static void run_machine(seen *saw, bool stop) {
    uv_loop_t loop;
    uv_loop_init(&loop);
    machine_configuration configuration = {.cpus = 1,
                                           .memory_bytes = 64 << 20,
                                           .kernel = kernel,
                                           .initramfs = kernel,
                                           .runtime_directory = folder,
                                           .context_id = 3,
                                           .confine = true};
    machine_events events = {.failed = on_failed, .closed = on_closed};
    machine *self = machine_qemu.create(&loop, &configuration, &events, saw, NULL);
    assert_non_null(self);
    assert_int_equal(machine_qemu.start(self, NULL), 0);
    if (stop)
        machine_qemu.stop(self);
    while (!saw->closed)
        uv_run(&loop, UV_RUN_ONCE);
    machine_qemu.destroy(self);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_confined(void **state) {
    (void)state;
    if (confine_landlock_version() == 0)
        skip();
    char text[256];
    snprintf(text, sizeof text, "%s\n%s\n", secret, neighbour);
    write_text(kernel, text, 0600);
    setenv("HOLM_QEMU", CONFINED_PROBE, 1);
    seen saw = {0};
    run_machine(&saw, false);
    if (!strstr(saw.hint, "secret=13 socket=13 memory=0"))
        fail_msg("%s", saw.hint);
}

static void test_dies(void **state) {
    (void)state;
    use_stand_in("echo 'no such machine' >&2; exit 1");
    seen saw = {0};
    run_machine(&saw, false);
    assert_int_equal(saw.closed, 1);
    assert_int_equal(saw.end, MACHINE_END_LOST);
    assert_non_null(strstr(saw.failed, "start the virtual machine"));
    assert_non_null(strstr(saw.hint, "no such machine"));
}

static void test_hangs_when_stopped(void **state) {
    (void)state;
    use_stand_in("exec sleep 60");
    seen saw = {0};
    double begin = now_s();
    run_machine(&saw, true);
    assert_int_equal(saw.end, MACHINE_END_STOPPED);
    assert_true(now_s() - begin < 5);
}

static void test_missing(void **state) {
    (void)state;
    setenv("HOLM_QEMU", "/not/there", 1);
    uv_loop_t loop;
    uv_loop_init(&loop);
    machine_configuration configuration = {.cpus = 1,
                                           .memory_bytes = 64 << 20,
                                           .kernel = kernel,
                                           .initramfs = kernel,
                                           .runtime_directory = folder,
                                           .context_id = 3};
    machine_events events = {0};
    machine *self = machine_qemu.create(&loop, &configuration, &events, NULL, NULL);
    holm_error *error = NULL;
    assert_int_equal(machine_qemu.start(self, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NOT_FOUND);
    assert_non_null(holm_error_hint_of(error));
    holm_error_free(error);
    machine_qemu.destroy(self);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

// ---- the probe ----

static machine_accelerator probe(double *seconds, const char **why) {
    double begin = now_s();
    machine_accelerator found = machine_accelerator_probe(folder, kernel, why);
    *seconds = now_s() - begin;
    return found;
}

static void test_probe(void **state) {
    (void)state;
    const char *why = NULL;
    double seconds;
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        skip();
    unsetenv("HOLM_ACCELERATOR");
    use_stand_in("exec sleep 60");
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
    assert_true(seconds > 1 && seconds < 2.5);
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION); // remembered
    assert_true(seconds < 0.5);
    use_stand_in("exit 1");
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
    use_stand_in("exit 0 # says nothing");
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
    use_stand_in("echo 'KVM internal error. Suberror: 1' >&2; exec sleep 60");
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
    assert_true(seconds < 1);
    use_stand_in("echo 'Linux version 6.12' >&3; exit 0");
    assert_int_equal(probe(&seconds, &why), MACHINE_KVM);
    assert_non_null(strstr(why, "ran under KVM"));
    use_stand_in("exit 1 # another QEMU: what was found is found anew");
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
    setenv("HOLM_ACCELERATOR", "kvm", 1);
    assert_int_equal(probe(&seconds, &why), MACHINE_KVM);
    setenv("HOLM_ACCELERATOR", "emulation", 1);
    assert_int_equal(probe(&seconds, &why), MACHINE_EMULATION);
}

static int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/holm-qemu-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(kernel, sizeof kernel, "%s/kernel", folder);
    snprintf(secret, sizeof secret, "%s/id_ed25519", folder);
    snprintf(neighbour, sizeof neighbour, "%s/neighbour.sock", folder);
    snprintf(stand_in, sizeof stand_in, "%s/qemu", folder);
    write_text(kernel, "kernel", 0600);
    write_text(secret, "secret", 0600);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", neighbour);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0 ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    return path_remove_tree(folder, NULL);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confined),
        cmocka_unit_test(test_dies),
        cmocka_unit_test(test_hangs_when_stopped),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_probe),
    };
    return cmocka_run_group_tests_name("qemu", tests, setup, teardown);
}
