// The watcher of shared folders: each change is told once, in order, wherever its folder is by then.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/cleanup.h"
#include "core/base/path.h"
#include "core/share/share_changes.h"
#include "core/share/share_watch.h"
#include "guest/agent.pb-c.h"

typedef struct world {
    char top[32];
    int root, socket;
    pid_t watcher;
    buffer told; ///< a line each: what, and where
    bool ready, no_instance;
    unsigned unwatched, changes;
} world;

static void run(const world *self, const char *script) {
    char command[4096];
    snprintf(command, sizeof command, "cd %s && %s", self->top, script);
    assert_int_equal(system(command), 0);
}

static void begin(world *self) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    self->root = open(self->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    self->watcher = fork();
    if (self->watcher == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        share_watch_run(self->root, pair[1]);
        _exit(0);
    }
    close(pair[1]);
    self->socket = pair[0];
}

static void note(world *self, const Holm__Agent__V1__Change *change) {
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = {{IN_CREATE, "create"}, {IN_DELETE, "delete"}, {IN_MOVED_FROM, "from"},  {IN_MOVED_TO, "to"},
                 {IN_MODIFY, "modify"}, {IN_ATTRIB, "attrib"}, {IN_CLOSE_WRITE, "close"}};
    // What was put together is the same as one after the other.
    for (size_t i = 0; i < array_length(names); i++)
        if (change->mask & names[i].bit)
            buffer_append_format(&self->told, "%s %s%.*s:%.*s\n", names[i].name,
                                 change->mask & IN_ISDIR ? "folder " : "", (int)change->folder.len,
                                 change->folder.data, (int)change->name.len, change->name.data);
}

static bool take_packet(world *self) {
    static uint8_t bytes[131072];
    ssize_t got = recv(self->socket, bytes, sizeof bytes, 0);
    assert_true(got > 0);
    Holm__Agent__V1__SeenChanges *seen = holm__agent__v1__seen_changes__unpack(NULL, (size_t)got, bytes);
    assert_non_null(seen);
    for (size_t i = 0; i < seen->n_changes; i++)
        note(self, seen->changes[i]);
    self->changes += seen->n_changes;
    self->ready |= seen->ready;
    self->no_instance |= seen->no_instance;
    self->unwatched += seen->unwatched;
    bool marked = seen->marked;
    holm__agent__v1__seen_changes__free_unpacked(seen, NULL);
    return marked;
}

static void answer(const world *self) {
    assert_int_equal(send(self->socket, "", 1, MSG_NOSIGNAL), 1);
}

// All that was told until now.
static const char *told(world *self) {
    buffer_clear(&self->told);
    assert_int_equal(utimensat(AT_FDCWD, self->top, NULL, 0), 0);
    bool marked;
    do {
        marked = take_packet(self);
        answer(self);
    } while (!marked);
    return self->told.length ? buffer_text(&self->told) : "";
}

static void expect(world *self, const char *script, const char *text) {
    run(self, script);
    assert_string_equal(told(self), text);
}

static int set_up(void **state) {
    world *self = calloc(1, sizeof *self);
    strcpy(self->top, "/tmp/hs-XXXXXX");
    assert_non_null(mkdtemp(self->top));
    run(self, "mkdir -p 0/a/b 1 && echo x >0/a/file && echo x >2 && ln -s ../../1 0/a/link");
    *state = self;
    return 0;
}

static void wait_ready(world *self) {
    begin(self);
    while (!self->ready) {
        take_packet(self);
        answer(self);
    }
}

static int tear_down(void **state) {
    world *self = *state;
    int status = 0;
    close(self->socket);
    assert_int_equal(waitpid(self->watcher, &status, 0), self->watcher);
    assert_int_equal(status, 0);
    close(self->root);
    path_remove_tree(self->top, NULL);
    buffer_finish(&self->told);
    free(self);
    return 0;
}

static void test_files(void **state) {
    world *self = *state;
    wait_ready(self);
    expect(self, ": >0/new", "create 0:new\nclose 0:new\n");
    expect(self, "echo more >>0/new", "modify 0:new\nclose 0:new\n");
    expect(self, "chmod 600 0/a/file", "attrib 0/a:file\n");
    expect(self, "mv 0/new 0/a/b/moved", "from 0:new\nto 0/a/b:moved\n");
    expect(self, "rm 0/a/b/moved", "delete 0/a/b:moved\n");
    expect(self, "ln -s nowhere 1/link; mkfifo 1/fifo", "create 1:link\ncreate 1:fifo\n");
    expect(self, "echo more >>2", "modify 2:\nclose 2:\n"); // a share that is a file
    expect(self, "chmod 700 1", "attrib folder 1:\n");
    expect(self, "cat 0/a/file >/dev/null; ls -R . >/dev/null", "");
    expect(self, "echo x >0/a/link/by-a-link", "create 1:by-a-link\nmodify 1:by-a-link\nclose 1:by-a-link\n");
}

// Nothing is told of what is on no path; not by an empty packet either, which looks like the end.
static void test_nowhere(void **state) {
    world *self = *state;
    share_changes changes = {0};
    const share_news none = {0};
    char name[] = "away", byte;
    share_folder top = {.name = name + strlen(name)}, away = {.name = name};
    int pair[2];
    wait_ready(self);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    share_changes_add(&changes, &top, "share", IN_ATTRIB, 0);
    share_changes_add(&changes, &away, "file", IN_MODIFY, 0);
    assert_int_equal(share_changes_send(&changes, &none, pair[0]), 0);
    assert_null(changes.first);
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
    share_changes_add(&changes, &top, "", 0, 0);
    assert_int_equal(share_changes_send(&changes, &none, pair[0]), 1);
    close(pair[1]);
    share_changes_add(&changes, &top, "", 0, 0);
    assert_int_equal(share_changes_send(&changes, &none, pair[0]), -1);
    close(pair[0]);
}

static void test_folders(void **state) {
    world *self = *state;
    wait_ready(self);
    expect(self, "mkdir 0/d", "create folder 0:d\n");
    expect(self, ": >0/d/in", "create 0/d:in\nclose 0/d:in\n");
    // What is in a folder that moves is told where it is, also what happened before.
    expect(self, "mv 0/d 1/e; echo x >>1/e/in",
           "from folder 0:d\nto folder 1:e\nmodify 1/e:in\nclose 1/e:in\n");
    expect(self, "rm 1/e/in", "delete 1/e:in\n");
    expect(self, "rmdir 1/e", "delete folder 1:e\n");
    // Into the shares and out of them again.
    expect(self, "mkdir -p out/deep; mv out 0/out; : >0/out/deep/f",
           "to folder 0:out\ncreate 0/out/deep:f\nclose 0/out/deep:f\n");
    expect(self, "mv 0/out out", "from folder 0:out\n");
    told(self);
    expect(self, ": >out/deep/g; rm -r out", "");
    expect(self, "mkdir 0/out", "create folder 0:out\n");
    expect(self, ": >0/out/h", "create 0/out:h\nclose 0/out:h\n");
}

// What is made in a new folder before it is watched is told once, as what is made later.
static void test_new_trees(void **state) {
    world *self = *state;
    wait_ready(self);
    for (unsigned i = 0; i < 20; i++) {
        run(self,
            "mkdir -p 0/t/u/v; for f in 1 2 3 4 5 6 7 8; do : >0/t/$f; : >0/t/u/$f; : >0/t/u/v/$f; done");
        const char *text = told(self);
        for (char name[] = "1"; *name < '9'; ++*name) {
            static const char *const folders[] = {"0/t", "0/t/u", "0/t/u/v"};
            for (size_t k = 0; k < array_length(folders); k++) {
                char line[64];
                snprintf(line, sizeof line, "create %s:%s\n", folders[k], name);
                const char *found = strstr(text, line);
                assert_non_null(found);
                assert_null(strstr(found + 1, line));
            }
        }
        run(self, "rm -r 0/t");
        assert_non_null(strstr(told(self), "delete folder 0:t\n"));
    }
}

// Nobody takes what is told: much of the same becomes one.
static void test_bounded(void **state) {
    world *self = *state;
    wait_ready(self);
    run(self, "echo first >>0/a/file");
    take_packet(self); // and not answered: all that comes now waits
    run(self, "i=0; while [ $i -lt 3000 ]; do echo $i >>0/a/file; i=$((i+1)); done");
    answer(self);
    self->changes = 0;
    told(self);
    assert_true(self->changes < 100);
}

// More than the kernel keeps: every folder is to be looked at again, and what comes then is told.
static void test_overflow(void **state) {
    world *self = *state;
    wait_ready(self);
    run(self, "echo first >>0/a/file");
    take_packet(self);
    run(self, "i=0; while [ $i -lt 12000 ]; do : >0/a/b/$i; i=$((i+1)); done; mkdir 0/late");
    answer(self);
    const char *text = told(self);
    assert_non_null(strstr(text, "attrib folder 0/a:b\n"));
    assert_non_null(strstr(text, "attrib folder 0:late\n"));
    told(self);
    expect(self, ": >0/late/f", "create 0/late:f\nclose 0/late:f\n");
    expect(self, ": >0/a/b/f", "create 0/a/b:f\nclose 0/a/b:f\n");
}

static bool limit_watches(void) {
    int fd =
        unshare(CLONE_NEWUSER) == 0 ? open("/proc/sys/user/max_inotify_watches", O_WRONLY | O_CLOEXEC) : -1;
    bool done = fd >= 0 && write(fd, "4", 1) == 1;
    if (fd >= 0)
        close(fd);
    return done;
}

// In a process of its own, which has a limit of its own.
static void test_limit(void **state) {
    world *self = *state;
    pid_t child = fork();
    if (child == 0) {
        if (!limit_watches())
            _exit(77);
        wait_ready(self);
        bool said = self->unwatched > 0;
        run(self, "echo more >>1/known; chmod 700 1");
        said = said && strstr(told(self), "attrib folder 1:\n"); // it goes on with what it has
        close(self->socket);
        waitpid(self->watcher, NULL, 0);
        _exit(!said);
    }
    int status = 0;
    waitpid(child, &status, 0);
    begin(self); // for the end
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("no user namespaces here: the limit was not tried\n");
    else
        assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_trees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_overflow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
