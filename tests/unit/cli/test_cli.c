// The command line without a machine: the action table, keys, options, signals, exit codes, detach keys.

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tui/action.h"
#include "tui/cli/cli.h"
#include "tui/cli/create.h"
#include "tui/cli/detach.h"
#include "tui/cli/options_walk.h"
#include "tui/cli/table.h"

// ---- the action table ----

static void test_table_is_whole(void **test) {
    (void)test;
    for (size_t i = 0; i < action_count(); i++) {
        const action *one = action_at(i);
        assert_ptr_equal(action_find(one->name), one); // names are unique
        assert_true(strncmp(one->name, action_noun_name(one->noun), strlen(action_noun_name(one->noun))) ==
                    0);
        assert_true(one->help && one->help[strlen(one->help) - 1] != '.');
        assert_int_equal(one->words != NULL, one->command != NULL);
        assert_int_equal(one->words != NULL, one->argp != NULL);
        if (one->flags & ACTION_MANY)
            assert_non_null(one->apply);
    }
}

static void test_commands_are_found(void **test) {
    (void)test;
    assert_string_equal(action_find_command(NULL, "ps")->name, "container.ls");
    assert_string_equal(action_find_command("container", "rm")->name, "container.rm");
    assert_string_equal(action_find_command("images", "rm")->name, "image.rm");
    assert_string_equal(action_find_command(NULL, "rmi")->name, "image.rm");
    assert_string_equal(action_find_phrase("port", "add")->name, "container.publish");
    assert_null(action_find_phrase("port", "web"));
    assert_string_equal(action_find_phrase("mount", "rm")->name, "container.unmount");
    assert_string_equal(action_find_command(NULL, "mount")->name, "container.mounts");
    assert_null(action_find_command(NULL, "r"));
    assert_null(action_find_command("container", "pull"));
    assert_null(action_find_command("nothing", "rm"));
}

static void count_option(const struct argp_option *option, void *data) {
    (void)option;
    ++*(unsigned *)data;
}

static void test_options_of_a_command(void **test) {
    (void)test;
    unsigned count = 0;
    options_walk(action_find("container.run")->argp, count_option, &count);
    assert_true(count > 40);
}

// ---- keys ----

static void expect_key_error(const char *name, const char *keys, const char *first, const char *second) {
    json_t *overrides = json_pack("{s:s}", name, keys);
    cleanup_error holm_error *error = NULL;
    json_t *origins = json_pack("{s:s}", name, "config.toml:7");
    assert_null(action_keymap_create(overrides, origins, &error));
    json_decref(origins);
    assert_ptr_equal(strstr(holm_error_message(error), "config.toml:7: "), holm_error_message(error));
    if (!strstr(holm_error_message(error), first) || !strstr(holm_error_message(error), second))
        fail_msg("\"%s\" names neither %s nor %s", holm_error_message(error), first, second);
    json_decref(overrides);
}

static void test_keys(void **test) {
    (void)test;
    action_keymap *keymap = action_keymap_create(NULL, NULL, NULL);
    assert_non_null(keymap);
    assert_string_equal(action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "s")->name,
                        "container.stop");
    assert_string_equal(action_keymap_look_up(keymap, ACTION_NOUN_IMAGE, true, "enter")->name, "image.run");
    assert_string_equal(action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "j")->name, "list.down");
    assert_null(action_keymap_look_up(keymap, ACTION_NOUN_CONSOLE, false, "q"));
    action_keymap_destroy(keymap);

    json_t *overrides = json_pack("{s:s, s:s}", "container.stop", "ctrl-x", "container.kill", "");
    keymap = action_keymap_create(overrides, NULL, NULL);
    assert_string_equal(action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "ctrl-x")->name,
                        "container.stop");
    assert_null(action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "K"));
    action_keymap_destroy(keymap);
    json_decref(overrides);
}

static void test_wrong_keys(void **test) {
    (void)test;
    expect_key_error("container.stop", "r", "container.stop", "container.restart");
    expect_key_error("container.stop", "j", "list.down", "container.stop");
    expect_key_error("container.stopp", "s", "container.stopp", "no such action");
    expect_key_error("container.stop", "hyper-s", "hyper-s", "not a key");
}

// ---- detach keys ----

// Feeds the input in two parts; expects what is sent on.
static void expect_detach(const char *keys, const char *first, const char *second, const char *sent,
                          bool leaves) {
    detach_matcher matcher;
    assert_true(detach_parse(&matcher, keys));
    char out[64] = "";
    size_t length = 0, total = 0;
    bool left = detach_feed(&matcher, first, strlen(first), out, &length);
    total = length;
    if (!left) {
        left = detach_feed(&matcher, second, strlen(second), out + total, &length);
        total += length;
    }
    if (!left)
        total += detach_flush(&matcher, out + total);
    out[total] = 0;
    assert_string_equal(out, sent);
    assert_int_equal(left, leaves);
}

static json_t *custom_command(const char *name, const char *key, const char *context) {
    return json_pack("[{s:s, s:s, s:s, s:[s, {s:s, s:s}], s:s, s:s}]", "name", name, "key", key, "context",
                     context, "run", "echo", "name", "name", "field", "configuration.name", "output", "task",
                     "origin", "config.toml:7");
}

static void expect_custom_error(const char *key, const char *context, const char *part) {
    json_t *commands = custom_command("mine", key, context);
    cleanup_error holm_error *error = NULL;
    action_set_commands(commands);
    assert_null(action_keymap_create(NULL, NULL, &error));
    assert_non_null(strstr(holm_error_message(error), "config.toml:7: "));
    if (!strstr(holm_error_message(error), part))
        fail_msg("\"%s\" lacks \"%s\"", holm_error_message(error), part);
    action_set_commands(NULL);
    json_decref(commands);
}

static void test_custom_commands(void **test) {
    (void)test;
    size_t before = action_count();
    json_t *commands = custom_command("mine", "W f9", "container");
    action_set_commands(commands);
    assert_int_equal(action_count(), before + 1);
    action_keymap *keymap = action_keymap_create(NULL, NULL, NULL);
    const action *mine = action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "f9");
    assert_ptr_equal(mine, action_find("command.mine"));
    assert_string_equal(mine->help, "Runs: echo {{name}}");
    assert_null(action_keymap_look_up(keymap, ACTION_NOUN_IMAGE, true, "W"));
    action_keymap_destroy(keymap);
    json_t *overrides = json_pack("{s:s}", "command.mine", "f5");
    keymap = action_keymap_create(overrides, NULL, NULL);
    assert_ptr_equal(action_keymap_look_up(keymap, ACTION_NOUN_CONTAINER, true, "f5"), mine);
    action_keymap_destroy(keymap);
    json_decref(overrides);
    action_set_commands(NULL);
    assert_int_equal(action_count(), before);
    json_decref(commands);
    expect_custom_error("s", "container", "both container.stop and command.mine");
    expect_custom_error("j", "image", "both list.down and command.mine");
    expect_custom_error("p", "volume", "both image.pull and command.mine"); // which works everywhere
    expect_custom_error("q", "anywhere", "both view.quit and command.mine");
    expect_custom_error("hyper-x", "anywhere", "is not a key");
}

static void test_detach_keys(void **test) {
    (void)test;
    expect_detach("ctrl-p,ctrl-q", "ab\x10\x11zz", "", "ab", true);
    expect_detach("ctrl-p,ctrl-q", "ab\x10", "\x11zz", "ab", true);
    expect_detach("ctrl-p,ctrl-q", "\x10", "x\x11", "\x10x\x11", false);
    expect_detach("ctrl-p,ctrl-q", "\x10\x10", "\x11", "\x10", true);
    expect_detach("ctrl-p,ctrl-q", "a\x10", "", "a\x10", false);
    expect_detach("", "\x10\x11", "", "\x10\x11", false);
    expect_detach("ctrl-]", "a\x1d", "", "a", true);
    expect_detach("a,,,b", "xa,", "b", "x", true);
    detach_matcher matcher;
    assert_false(detach_parse(&matcher, "ctrl-"));
    assert_false(detach_parse(&matcher, "ctrl-p,"));
    assert_false(detach_parse(&matcher, "page-up"));
    assert_false(detach_parse(&matcher, "a,b,c,d,e,f,g,h,i"));
}

// ---- options ----

static json_t *parse_run(int argc, char **argv) {
    creation self = {0};
    container_options_init(&self.options);
    cli_parse("container.create", argc, argv, &self);
    return container_options_steal(&self.options);
}

#define PARSE(...)                                               \
    ({                                                           \
        const char *argv_[] = {"create", __VA_ARGS__, NULL};     \
        parse_run((int)array_length(argv_) - 1, (char **)argv_); \
    })

static void expect_json(json_t *request, const char *path, const char *expected) {
    cleanup_free char *text =
        json_dumps(cli_member(request, path), JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void test_mounts(void **test) {
    (void)test;
    assert_int_equal(chdir("/usr"), 0);
    json_t *request =
        PARSE("-v", "/src:/dst:ro", "-v", "./here:/dst", "-v", "name:/dst:rw,nocopy", "-v", "/alone",
              "--mount", "type=bind,src=/a,dst=/b,ro", "--mount", "source=name,target=/b,volume-nocopy",
              "--mount", "type=tmpfs,destination=/c,tmpfs-size=1m,readonly", "--publish-socket",
              "/run/a.sock:/b.sock", "--publish-socket", "./a:b.sock:/c", "busybox");
    json_t *wanted = json_pack(
        "[{s:s, s:s, s:b, s:s, s:b}, {s:s, s:s, s:b, s:s, s:b}, {s:s, s:s, s:b, s:s, s:b}, {s:s, s:s, s:b},"
        " {s:s, s:s, s:b, s:s}, {s:s, s:s, s:b, s:s, s:b}]",
        "type", "bind", "destination", "/dst", "readOnly", 1, "source", "/src", "createSource", 1, "type",
        "bind", "destination", "/dst", "readOnly", 0, "source", "/usr/./here", "createSource", 1, "type",
        "volume", "destination", "/dst", "readOnly", 0, "source", "name", "noCopy", 1, "type", "volume",
        "destination", "/alone", "readOnly", 0, "type", "bind", "destination", "/b", "readOnly", 1, "source",
        "/a", "type", "volume", "destination", "/b", "readOnly", 0, "source", "name", "noCopy", 1);
    assert_non_null(wanted);
    assert_true(json_equal(json_object_get(request, "mounts"), wanted));
    expect_json(request, "tmpfs", "[{\"destination\":\"/c\",\"options\":[\"ro\",\"size=1m\"]}]");
    expect_json(request, "sockets",
                "[{\"destination\":\"/b.sock\",\"source\":\"/run/a.sock\"},{\"destination\":\"/"
                "c\",\"source\":\"/usr/./a:b.sock\"}]");
    json_decref(wanted);
    json_decref(request);
}

static void test_container_options(void **test) {
    (void)test;
    setenv("HOLM_TEST_VARIABLE", "here", 1);
    json_t *request =
        PARSE("-it", "--rm", "-e", "A=b=c", "-e", "HOLM_TEST_VARIABLE", "-e", "HOLM_TEST_UNSET", "--uid", "5",
              "--gid", "6", "--cpus", "1.5", "-m", "256m", "--label", "k=v", "--label", "bare", "--tmpfs",
              "/run:size=1m,noexec", "--cap-add", "cap_net_admin", "--cap-drop", "all", "--ulimit",
              "nofile=10:20", "--ulimit", "core=-1", "--sysctl", "a.b=1", "--stop-signal", "SIGQUIT",
              "--stop-timeout", "2.5", "--add-host", "db:10.0.0.1", "--dns", "1.1.1.1", "--entrypoint",
              "/bin/x", "busybox", "sh", "-c", "--rm");
    expect_json(request, "image", "\"busybox\"");
    expect_json(request, "removeOnExit", "true");
    expect_json(request, "process.command",
                "[\"sh\",\"-c\",\"--rm\"]"); // options of the program stay its own
    expect_json(request, "process.entrypoint", "[\"/bin/x\"]");
    expect_json(request, "process.environment", "[\"A=b=c\",\"HOLM_TEST_VARIABLE=here\"]");
    expect_json(request, "process.user", "\"5:6\"");
    expect_json(request, "process.terminal", "true");
    expect_json(request, "process.stdinOpen", "true");
    expect_json(request, "process.capabilitiesAdd", "[\"NET_ADMIN\"]");
    expect_json(request, "process.capabilitiesDrop", "[\"ALL\"]");
    expect_json(request, "process.rlimits",
                "[{\"hard\":20,\"name\":\"nofile\",\"soft\":10},"
                "{\"hard\":-1,\"name\":\"core\",\"soft\":-1}]");
    expect_json(request, "resources.memoryBytes", "268435456");
    expect_json(request, "resources.cpus", "1.5");
    expect_json(request, "labels", "{\"bare\":\"\",\"k\":\"v\"}");
    expect_json(request, "tmpfs", "[{\"destination\":\"/run\",\"options\":[\"size=1m\",\"noexec\"]}]");
    expect_json(request, "stopSignal", "3");
    expect_json(request, "stopTimeoutMs", "2500");
    expect_json(request, "hosts", "[{\"address\":\"10.0.0.1\",\"names\":[\"db\"]}]");
    expect_json(request, "dns", "{\"nameservers\":[\"1.1.1.1\"]}");
    json_decref(request);
}

// A wrong line ends the process with 125 and one sentence.
static void expect_refused(int argc, char **argv) {
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        parse_run(argc, argv);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 125);
}

#define REFUSED(...)                                                  \
    do {                                                              \
        const char *argv_[] = {"create", __VA_ARGS__, NULL};          \
        expect_refused((int)array_length(argv_) - 1, (char **)argv_); \
    } while (0)

static void test_wrong_options(void **test) {
    (void)test;
    REFUSED("--cpus", "none", "busybox");
    REFUSED("--cpus", "0", "busybox");
    REFUSED("-m", "lots", "busybox");
    REFUSED("--ulimit", "nofile", "busybox");
    REFUSED("--ulimit", "nofile=x", "busybox");
    REFUSED("--stop-signal", "SIGNOTHING", "busybox");
    REFUSED("--pull", "sometimes", "busybox");
    REFUSED("--env-file", "/nonexistent", "busybox");
    REFUSED("--uid", "root", "busybox");
    REFUSED("--no-such-option", "busybox");
    REFUSED("--rm");
}

// ---- the rest ----

static void test_signals(void **test) {
    (void)test;
    assert_int_equal(cli_signal("TERM"), SIGTERM);
    assert_int_equal(cli_signal("sigkill"), SIGKILL);
    assert_int_equal(cli_signal("15"), 15);
    assert_int_equal(cli_signal("RTMIN+3"), 37);
    assert_int_equal(cli_signal("0"), 0);
    assert_int_equal(cli_signal("65"), 0);
    assert_int_equal(cli_signal("9x"), 0);
    assert_int_equal(cli_signal(""), 0);
}

static void test_exit_codes(void **test) {
    (void)test;
    static const struct {
        holm_error_code code;
        int exit_code;
    } codes[] = {
        {HOLM_ERROR_NOT_EXECUTABLE, 126}, {HOLM_ERROR_PROGRAM_NOT_FOUND, 127}, {HOLM_ERROR_NOT_FOUND, 125}};
    for (size_t i = 0; i < array_length(codes); i++) {
        cleanup_error holm_error *error = NULL;
        holm_error_set(&error, codes[i].code, "x");
        assert_int_equal(cli_exit_code(error), codes[i].exit_code);
    }
}

static void test_table(void **test) {
    (void)test;
    static const char *const titles[] = {"A", ">N"};
    table out;
    table_init(&out, titles, 2);
    table_add(&out, "evil\x1b[2J");
    table_add_format(&out, "%d", 7);
    assert_string_equal(out.cells[2], "evil\\x1b[2J");
    assert_true(out.right[1]);
    assert_int_equal(out.count, 4);
    table_finish(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_whole),
        cmocka_unit_test(test_commands_are_found),
        cmocka_unit_test(test_options_of_a_command),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_custom_commands),
        cmocka_unit_test(test_detach_keys),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_container_options),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
