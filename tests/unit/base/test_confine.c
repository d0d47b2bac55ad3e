// What a confined process can no longer reach. Each attempt is made by a child of its own.
#include "core/base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

static char folder[64], secret[96], shared[96], neighbour[96];

// The errno of an attempt made after confinement; 0 when it succeeded.
static int attempt(const confine_rules *rules, int (*what)(void)) {
    pid_t child = fork();
    if (child == 0) {
        confine *self = confine_create(rules);
        if (confine_enter(self) != 0)
            _exit(255);
        _exit(what() < 0 ? errno : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int read_secret(void) {
    return open(secret, O_RDONLY);
}

static int read_shared(void) {
    return open(shared, O_RDONLY);
}

static int write_shared(void) {
    return open(shared, O_WRONLY);
}

static int connect_neighbour(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", neighbour);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
}

static int make_ip_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int make_pair(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int make_datagram_pair(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
}

static int send_by_name(void) {
    int pair[2];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0
               ? -1
               : (int)sendto(pair[0], "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}

static int send_to_peer(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ? -1 : (int)sendto(pair[0], "x", 1, 0, NULL, 0);
}

static int trace_parent(void) {
    return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int signal_parent(void) {
    return kill(getppid(), 0);
}

static int make_namespace(void) {
    return unshare(CLONE_NEWUSER);
}

static int run_program(void) {
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/true", "true", NULL);
        _exit(errno);
    }
    int status = 0;
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return errno ? -1 : 0;
}

static void test_files(void **state) {
    (void)state;
    if (confine_landlock_version() == 0)
        skip();
    const char *const read_only[] = {shared, "/not/there", NULL};
    const char *const read_write[] = {shared, NULL};
    confine_rules rules = {.read_only = read_only};
    assert_int_equal(attempt(&rules, read_secret), EACCES);
    assert_int_equal(attempt(&rules, read_shared), 0);
    assert_int_equal(attempt(&rules, write_shared), EACCES);
    rules.read_write = read_write;
    assert_int_equal(attempt(&rules, write_shared), 0);
    assert_int_equal(attempt(&rules, read_secret), EACCES);
}

static void test_sockets(void **state) {
    (void)state;
    const char *const everything[] = {"/", NULL};
    confine_rules rules = {.read_write = everything};
    assert_int_equal(attempt(&rules, connect_neighbour), EACCES);
    assert_int_equal(attempt(&rules, make_ip_socket), EACCES);
    assert_int_equal(attempt(&rules, make_pair), 0);
    assert_int_equal(attempt(&rules, make_datagram_pair), EACCES);
    assert_int_equal(attempt(&rules, send_by_name), EACCES);
    assert_int_equal(attempt(&rules, send_to_peer), 0);
    rules.unix_sockets = true;
    assert_int_equal(attempt(&rules, make_datagram_pair), 0);
    assert_int_equal(attempt(&rules, send_by_name), EISCONN);
    assert_int_equal(attempt(&rules, connect_neighbour), 0);
    assert_int_equal(attempt(&rules, make_ip_socket), EACCES);
    rules.unix_sockets = false, rules.network = true;
    assert_int_equal(attempt(&rules, make_datagram_pair), EACCES);
    assert_int_equal(attempt(&rules, connect_neighbour), EACCES);
    assert_int_equal(attempt(&rules, make_ip_socket), 0);
}

static void test_processes(void **state) {
    (void)state;
    const char *const everything[] = {"/", NULL};
    confine_rules rules = {.read_write = everything, .execute = everything};
    assert_int_equal(attempt(&rules, trace_parent), EPERM);
    assert_int_equal(attempt(&rules, make_namespace), EPERM);
    assert_int_equal(attempt(&rules, run_program), EACCES);
    rules.start_programs = true;
    assert_int_equal(attempt(&rules, run_program), 0);
    if (confine_landlock_version() >= 6)
        assert_int_equal(attempt(&rules, signal_parent), EPERM);
    if (confine_landlock_version() > 0) {
        rules.execute = NULL;
        assert_int_equal(attempt(&rules, run_program), EACCES);
    }
}

static int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/holm-confine-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(secret, sizeof secret, "%s/id_ed25519", folder);
    snprintf(shared, sizeof shared, "%s/shared", folder);
    snprintf(neighbour, sizeof neighbour, "%s/neighbour.sock", folder);
    close(open(secret, O_CREAT | O_WRONLY, 0600));
    close(open(shared, O_CREAT | O_WRONLY, 0600));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", neighbour);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0 ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(secret), unlink(shared), unlink(neighbour);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_sockets),
                                       cmocka_unit_test(test_processes)};
    return cmocka_run_group_tests_name("confine", tests, setup, teardown);
}
