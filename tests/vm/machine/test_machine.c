// A machine in every way it is used, with a guest that is made for it (init.c).
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/base/path.h"
#include "tests/vm/machine/guest.h"
#include "vm/vsock.h"

#define MIB 1048576UL

static void assert_ready(guest *vm) {
    if (!vm->ready)
        fail_msg("the guest is not ready: %s", vm->problem);
}

static void set_blocking(int fd) {
    assert_true(fd >= 0);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

// ---- much data, both ways at once ----

typedef struct transfer {
    int fd;
    size_t bytes, received;
    bool same;
    double seconds;
} transfer;

static uint64_t pattern(uint64_t at) {
    return (at + 1) * 0x9e3779b97f4a7c15ULL;
}

static void transfer_write(void *data) {
    transfer *self = data;
    static uint64_t block[8192];
    for (size_t at = 0; at < self->bytes; at += sizeof block) {
        for (size_t i = 0; i < 8192; i++)
            block[i] = pattern(at / 8 + i);
        for (size_t done = 0; done < sizeof block;) {
            ssize_t part = write(self->fd, (char *)block + done, sizeof block - done);
            if (part <= 0)
                return;
            done += (size_t)part;
        }
    }
    shutdown(self->fd, SHUT_WR);
}

static void transfer_run(void *data) {
    transfer *self = data;
    static uint8_t block[65536];
    uv_thread_t writer;
    double begin = now_ms();
    uv_thread_create(&writer, transfer_write, self);
    self->same = true;
    ssize_t got;
    while ((got = read(self->fd, block, sizeof block)) > 0)
        for (ssize_t i = 0; i < got; i++, self->received++)
            self->same &= block[i] == (uint8_t)(pattern(self->received / 8) >> self->received % 8 * 8);
    uv_thread_join(&writer);
    self->seconds = (now_ms() - begin) / 1e3;
}

static void transfer_read(void *data) {
    transfer *self = data;
    char text[64];
    ssize_t got;
    while ((got = read(self->fd, text, sizeof text)) > 0)
        self->received += (size_t)got;
}

static void test_echo(void **state) {
    guest *vm = *state;
    transfer one = {.fd = guest_connect(vm, 5000), .bytes = 64 * MIB};
    set_blocking(one.fd);
    guest_run_beside(vm, transfer_run, &one);
    close(one.fd);
    assert_int_equal(one.received, one.bytes);
    assert_true(one.same);
    print_message("echo: %.0f MiB/s each way\n", 64 / one.seconds);
}

// ---- many connections at once ----

#define MANY 200

typedef struct many {
    int fds[MANY];
    int answered;
} many;

static void many_run(void *data) {
    many *self = data;
    for (int i = 0; i < MANY; i++)
        dprintf(self->fds[i], "this is connection %d\n", i);
    for (int i = MANY - 1; i >= 0; i--) {
        char expected[64], text[64] = {0};
        size_t length = (size_t)snprintf(expected, sizeof expected, "this is connection %d\n", i), got = 0;
        ssize_t part;
        while (got < length && (part = read(self->fds[i], text + got, length - got)) > 0)
            got += (size_t)part;
        self->answered += strcmp(text, expected) == 0;
    }
}

static void test_many_connections(void **state) {
    guest *vm = *state;
    many all = {0};
    for (int i = 0; i < MANY; i++) {
        all.fds[i] = guest_connect(vm, 5000);
        set_blocking(all.fds[i]);
    }
    guest_run_beside(vm, many_run, &all);
    for (int i = 0; i < MANY; i++)
        close(all.fds[i]);
    assert_int_equal(all.answered, MANY);
}

// ---- ports ----

static void on_accepted(int fd, uint32_t port, void *data) {
    close(fd);
    *(uint32_t *)data = port;
}

static void test_ports(void **state) {
    guest *vm = *state;
    char answer[128];
    uint32_t port = 0;
    holm_error *error = NULL;
    guest_command(vm, "dial 77", answer, sizeof answer);
    assert_string_equal(answer, "refused");
    assert_int_equal(machine_qemu.listen(vm->machine, 77, on_accepted, &port, NULL), 0);
    guest_command(vm, "dial 77", answer, sizeof answer);
    assert_string_equal(answer, "connected");
    assert_int_equal(port, 77);
    machine_qemu.listen(vm->machine, 77, NULL, NULL, NULL);
    guest_command(vm, "dial 77", answer, sizeof answer);
    assert_string_equal(answer, "refused");
    assert_int_equal(machine_qemu.listen(vm->machine, 1024, on_accepted, &port, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
    holm_error_free(error);
    assert_int_equal(guest_connect(vm, 4999), -1);
}

typedef struct by_path {
    const char *path, *line;
    char answer[64], echoed[64];
} by_path;

static void by_path_run(void *data) {
    by_path *self = data;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", self->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        // Line and data at once: nothing behind the line may be lost.
        dprintf(fd, "%shello", self->line);
        for (size_t i = 0; i < sizeof self->answer - 1 && read(fd, self->answer + i, 1) == 1; i++)
            if (self->answer[i] == '\n')
                break;
        for (size_t i = 0; i < 5 && read(fd, self->echoed + i, 1) == 1;)
            i++;
    }
    close(fd);
}

static void test_by_path(void **state) {
    guest *vm = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/vsock.sock", vm->directory);
    by_path good = {path, "CONNECT 5000\n", "", ""}, refused = {path, "CONNECT 4999\n", "", ""},
            nonsense = {path, "GET / HTTP/1.0\n", "", ""};
    guest_run_beside(vm, by_path_run, &good);
    assert_memory_equal(good.answer, "OK ", 3);
    assert_string_equal(good.echoed, "hello");
    guest_run_beside(vm, by_path_run, &refused);
    assert_string_equal(refused.answer, "");
    guest_run_beside(vm, by_path_run, &nonsense);
    assert_string_equal(nonsense.answer, "");
}

// ---- disks and cards ----

static void write_disk(const char *path, const char *text, size_t bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    close(fd);
}

typedef struct answer {
    bool done;
    holm_error *error;
} answer;

static void on_done(const holm_error *error, void *data) {
    answer *self = data;
    self->error = error ? holm_error_copy(error) : NULL;
    self->done = true;
}

static void settle(guest *vm) {
    answer one = {0};
    machine_qemu.settle(vm->machine, on_done, &one);
    guest_wait(vm, &one.done);
    if (one.error)
        fail_msg("%s", holm_error_message(one.error));
}

static void test_plug_disk(void **state) {
    guest *vm = *state;
    char path[128], said[128], line[32];
    snprintf(path, sizeof path, "%s/disk", vm->directory);
    for (int round = 0; round < 3; round++) {
        snprintf(line, sizeof line, "round %d", round);
        write_disk(path, line, 4 * MIB);
        machine_disk disk = {.name = "data", .path = path};
        assert_int_equal(machine_qemu.add_disk(vm->machine, &disk, NULL), 0);
        assert_int_equal(machine_qemu.add_disk(vm->machine, &disk, NULL), -1); // the name is taken
        settle(vm);
        guest_command(vm, "rescan", said, sizeof said);
        guest_command(vm, "read vdb", said, sizeof said);
        assert_string_equal(said, line);
        answer removed = {0};
        machine_qemu.remove_device(vm->machine, "data", on_done, &removed);
        snprintf(line, sizeof line, "eject %d", machine_qemu.device_slot(vm->machine, "data"));
        guest_command(vm, line, said, sizeof said);
        assert_string_equal(said, "ejected");
        guest_wait(vm, &removed.done);
        assert_null(removed.error);
        assert_int_equal(machine_qemu.device_slot(vm->machine, "data"), -1);
    }
}

static void test_layers(void **state) {
    guest *vm = *state;
    char said[128];
    guest_command(vm, "read vda1", said, sizeof said);
    assert_string_equal(said, "layer one");
    // What looks like another format is bytes like any other.
    guest_command(vm, "read vda2", said, sizeof said);
    assert_memory_equal(said, "QFI\xfb", 4);
    guest_command(vm, "read vda3", said, sizeof said);
    assert_string_equal(said, "layer three");
    guest_command(vm, "read vda4", said, sizeof said);
    assert_non_null(strstr(said, "No such"));
}

static void test_card(void **state) {
    guest *vm = *state;
    char said[128];
    guest_command(vm, "stat eth0", said, sizeof said);
    assert_string_equal(said, "yes");
}

static void test_pause(void **state) {
    guest *vm = *state;
    answer paused = {0}, resumed = {0}, less = {0};
    char said[128];
    int fd = guest_connect(vm, 5000);
    machine_qemu.pause(vm->machine, on_done, &paused);
    guest_wait(vm, &paused.done);
    assert_null(paused.error);
    assert_int_equal(write(fd, "paused", 6), 6);
    machine_qemu.resume(vm->machine, on_done, &resumed);
    guest_wait(vm, &resumed.done);
    // What was open before is open after, and what was written between is there.
    transfer rest = {.fd = fd};
    set_blocking(fd);
    shutdown(fd, SHUT_WR);
    guest_run_beside(vm, transfer_read, &rest);
    assert_int_equal(rest.received, 6);
    machine_qemu.set_memory(vm->machine, 200 * MIB, on_done, &less);
    guest_wait(vm, &less.done);
    assert_null(less.error);
    guest_command(vm, "rescan", said, sizeof said);
    assert_string_equal(said, "ok");
    assert_in_range(machine_qemu.memory_blocks(vm->machine), MIB, 256 * MIB);
}

// ---- ends ----

static void test_killed(void **state) {
    (void)state;
    guest vm;
    guest_create(&vm, 1, 256, NULL);
    guest_start(&vm);
    assert_ready(&vm);
    kill(machine_qemu.pid(vm.machine), SIGKILL);
    guest_wait(&vm, &vm.closed);
    assert_int_equal(vm.end, MACHINE_END_LOST);
    guest_destroy(&vm);
}

// Whoever had the machine is killed: QEMU ends too, with nobody left to tell it.
static void test_ends_with_its_parent(void **state) {
    (void)state;
    int ends[2];
    pid_t qemu = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        guest vm;
        guest_create(&vm, 1, 256, NULL);
        if (machine_qemu.start(vm.machine, NULL) == 0)
            qemu = machine_qemu.pid(vm.machine);
        path_remove_tree(vm.directory, NULL); // it is killed as soon as it has said so
        if (write(ends[1], &qemu, sizeof qemu) < 0)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ends[0], &qemu, sizeof qemu), sizeof qemu);
    assert_true(qemu > 0);
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, qemu, 0), .events = POLLIN};
    assert_true(end.fd >= 0);
    assert_int_equal(poll(&end, 1, 0), 0);
    kill(parent, SIGKILL);
    assert_int_equal(poll(&end, 1, 10000), 1);
    waitpid(parent, NULL, 0);
    close(end.fd), close(ends[0]), close(ends[1]);
}

static void test_guest_ends(void **state) {
    (void)state;
    guest vm;
    guest_create(&vm, 1, 256, NULL);
    guest_start(&vm);
    assert_ready(&vm);
    int fd = guest_connect(&vm, 5001);
    set_blocking(fd);
    dprintf(fd, "crash\n");
    guest_wait(&vm, &vm.closed);
    assert_int_equal(vm.end, MACHINE_END_GUEST);
    close(fd);
    guest_destroy(&vm);
}

// ---- templates ----

static char templates[64];

static void make_template(void) {
    char command[512];
    strcpy(templates, "/tmp/holm-vm-templates-XXXXXX");
    assert_non_null(mkdtemp(templates));
    snprintf(command, sizeof command, "printf m | %s %s %s %s 1 %lu emulation confined rw:%lu,card:0",
             TEST_TEMPLATE_MAKER, templates, kernel_path(), initramfs_path(), 256 * MIB, MIB);
    assert_int_equal(system(command), 0);
}

static bool template_exists(char *state, size_t most) {
    DIR *all = opendir(templates);
    bool found = false;
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        if (strlen(entry->d_name) == 16) {
            snprintf(state, most, "%s/%s/state", templates, entry->d_name);
            found = true;
        }
    closedir(all);
    return found;
}

static void start_with_disk(guest *vm) {
    char path[128], said[128];
    guest_create(vm, 1, 256, templates);
    snprintf(path, sizeof path, "%s/disk", vm->directory);
    write_disk(path, "a disk", MIB);
    machine_disk disk = {.name = "data", .path = path};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    machine_card card = {.name = "eth0", .mac = {2, 0, 0, 0, 0, 1}, .fd = pair[0]};
    assert_int_equal(machine_qemu.add_disk(vm->machine, &disk, NULL), 0);
    assert_int_equal(machine_qemu.add_card(vm->machine, &card, NULL), 0);
    guest_start(vm);
    assert_ready(vm);
    close(pair[1]);
    guest_command(vm, "read vda", said, sizeof said);
    assert_string_equal(said, "a disk");
    guest_command(vm, "stat eth0", said, sizeof said);
    assert_string_equal(said, "yes");
}

static void test_clone(void **state) {
    (void)state;
    char said[128], path[256];
    make_template();
    assert_true(template_exists(path, sizeof path));
    for (int i = 0; i < 3; i++) {
        guest vm;
        start_with_disk(&vm);
        print_message("clone to ready: %.0f ms\n", vm.ready_ms - vm.started_ms);
        // Only what woke from the template has its command line.
        guest_command(&vm, "is clone", said, sizeof said);
        assert_string_equal(said, "yes");
        guest_destroy(&vm);
    }
    assert_true(template_exists(path, sizeof path));
}

// A template that is damaged costs time, and nothing else.
static void test_bad_template(void **state) {
    (void)state;
    char said[128], path[256];
    assert_true(template_exists(path, sizeof path));
    assert_int_equal(truncate(path, 20000), 0);
    guest vm;
    start_with_disk(&vm);
    guest_command(&vm, "is clone", said, sizeof said);
    assert_string_equal(said, "no");
    assert_false(template_exists(path, sizeof path));
    guest_destroy(&vm);
    path_remove_tree(templates, NULL);
}

static int setup(void **state) {
    static guest vm;
    static const char qcow2[] = "QFI\xfb\0\0\0\3";
    char files[3][128];
    guest_create(&vm, 2, 256, NULL);
    if (!vm.machine)
        return -1;
    for (int i = 0; i < 3; i++)
        snprintf(files[i], sizeof files[i], "%s/layer%d", vm.directory, i);
    write_disk(files[0], "layer one", MIB);
    write_disk(files[1], qcow2, 3 * MIB - 4096);
    write_disk(files[2], "layer three", MIB + 100); // not a whole sector
    const char *layers[] = {files[0], files[1], files[2]};
    machine_disk disk = {.name = "layers", .layers = layers, .layer_count = 3};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    machine_card card = {.name = "eth0", .mac = {2, 0, 0, 0, 0, 1}, .fd = pair[0]};
    assert_int_equal(machine_qemu.add_disk(vm.machine, &disk, NULL), 0);
    assert_int_equal(machine_qemu.add_card(vm.machine, &card, NULL), 0);
    guest_start(&vm);
    assert_ready(&vm);
    print_message("cold boot to ready: %.0f ms\n", vm.ready_ms - vm.started_ms);
    *state = &vm;
    return 0;
}

static int teardown(void **state) {
    guest *vm = *state;
    guest_destroy(vm);
    return vm->end == MACHINE_END_STOPPED ? 0 : -1;
}

int main(int argc, char **argv) {
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    signal(SIGPIPE, SIG_IGN);
    if (access(kernel_path(), R_OK) < 0) {
        fprintf(stderr, "no kernel at %s: run kernel/build.sh first\n", kernel_path());
        return 1;
    }
    const struct CMUnitTest shared[] = {
        cmocka_unit_test(test_layers),    cmocka_unit_test(test_card),
        cmocka_unit_test(test_echo),      cmocka_unit_test(test_ports),
        cmocka_unit_test(test_by_path),   cmocka_unit_test(test_many_connections),
        cmocka_unit_test(test_plug_disk), cmocka_unit_test(test_pause),
    };
    const struct CMUnitTest alone[] = {cmocka_unit_test(test_killed), cmocka_unit_test(test_guest_ends),
                                       cmocka_unit_test(test_ends_with_its_parent),
                                       cmocka_unit_test(test_clone), cmocka_unit_test(test_bad_template)};
    return cmocka_run_group_tests_name("machine", shared, setup, teardown) +
           cmocka_run_group_tests_name("ends", alone, NULL, NULL);
}
