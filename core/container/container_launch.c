// Starting a shim.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fault.h"
#include "core/base/process.h"
#include "core/base/trace.h"
#include "core/container/container_internal.h"
#include "core/container/spare.h"

#define ANSWER_MOST 8192

CLEANUP_DEFINE(json_t, json_cleanup, json_decref)

// Whether the shim's word is whole: 'R' for ready, or 'E' and the error as three lines.
static bool is_whole(const char *text) {
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    return lines >= (text[0] == 'E' ? 3 : 1);
}

// How long what it says is; 0: it says nothing.
static size_t hear(int pipe, char text[ANSWER_MOST]) {
    size_t length = 0;
    ssize_t got;
    do {
        got = read(pipe, text + length, ANSWER_MOST - 1 - length);
        length += got > 0 ? (size_t)got : 0;
        text[length] = 0;
    } while ((got < 0 && errno == EINTR) || (got > 0 && !is_whole(text) && length < ANSWER_MOST - 1));
    return length;
}

static int read_answer(int pipe, holm_error **error) {
    char text[ANSWER_MOST];
    size_t length = hear(pipe, text);
    if (text[0] == 'R' && length)
        return 0;
    char *rest = text + 1, *code = strsep(&rest, "\n"), *message = strsep(&rest, "\n");
    if (length == 0 || text[0] != 'E' || !message) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the container's shim ended without a word");
        holm_error_hint(error, "its log is shim.log in the container's log folder");
        return -1;
    }
    holm_error_set(error, holm_error_code_parse(code), "%s", message);
    size_t hint = rest ? strcspn(rest, "\n") : 0;
    if (hint > 0)
        holm_error_hint(error, "%.*s", (int)hint, rest);
    return -1;
}

// Those it is on, as its shim needs to know them.
static json_t *describe_networks(state *db, const json_t *document, holm_error **error) {
    json_t *networks = json_array(), *entry;
    size_t index;
    json_array_foreach (json_object_get(json_object_get(document, "status"), "networks"), index, entry) {
        json_t *network = container_network_describe(db, entry, error);
        if (!network) {
            json_decref(networks);
            return NULL;
        }
        json_array_append_new(networks, network);
    }
    return networks;
}

// A spare had another life before: what of its environment it takes from whoever starts the container.
static void describe_environment(json_t *told) {
    const char *trace = getenv("HOLM_TRACE");
    if (trace && *trace)
        json_object_set_new(told, "trace", json_string(trace));
}

// What the shim is told, so that it need not ask state.db before it starts the machine.
static json_t *describe(state *db, const json_t *document, const container_launch_options *options,
                        holm_error **error) {
    json_t *networks = describe_networks(db, document, error);
    if (!networks)
        return NULL;
    json_t *configuration = json_object_get(document, "configuration");
    json_t *told = json_pack("{s:b, s:b, s:O, s:s*, s:s*}", "start", options->start, "cold", options->cold,
                             "name", json_object_get(configuration, "name"), "kernel", options->kernel,
                             "accelerator", options->accelerator);
    static const char *const counters[] = {"restartCount", "restartDelayMs"};
    for (size_t i = 0; options->again && i < array_length(counters); i++)
        json_object_set(told, counters[i], json_object_get(json_object_get(document, "status"), counters[i]));
    // Ports of the host that were chosen last time are tried again.
    json_t *chosen = container_ports_chosen(document);
    if (json_array_size(chosen))
        json_object_set(told, "hostPorts", chosen);
    json_decref(chosen);
    json_object_set_new(told, "ports", configuration_ports_pack(json_object_get(configuration, "ports")));
    static const char *const mounts[] = {"mounts", "tmpfs"};
    for (size_t i = 0; i < array_length(mounts); i++)
        json_object_set(told, mounts[i], json_object_get(configuration, mounts[i]));
    json_object_set_new(told, "networks", networks);
    json_object_set(told, "id", json_object_get(document, "id"));
    describe_environment(told);
    return told;
}

static int spawn_shim(const paths *where, const char *id, const char *told, int lock, holm_error **error) {
    int ends[2], process;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe to the shim");
        return -1;
    }
    cleanup_close int in = ends[0], out = ends[1];
    cleanup_free char *program = path_join(where->libexec, "holm-shim", NULL);
    const char *argv[] = {program, id, told, NULL};
    const process_fd fds[] = {{.from = out, .to = 3}, {.from = lock, .to = 4}};
    const process_options spawn = {
        .argv = argv, .fds = fds, .fd_count = array_length(fds), .directory = "/", .new_session = true};
    if (process_spawn(&spawn, NULL, &process, error) < 0)
        return -1;
    process_wait(process); // it forks itself away at once
    close(process);
    return steal_fd(&in);
}

// A spare becomes its shim. One that says nothing was taken by others. Whatever is wrong with one, or with
// the container, ends in -1: the shim that is started then says so.
static int take_spare(const paths *where, const char *shape, const char *told, int lock) {
    for (unsigned tried = 0; tried < SPARE_POOL_MOST; tried++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -1;
        cleanup_close int in = ends[0], out = ends[1];
        char text[ANSWER_MOST];
        if (spare_send(where, shape, told, out, lock) < 0)
            return -1;
        close(steal_fd(&out));
        size_t length = hear(in, text);
        if (length && text[0] == 'R')
            return steal_fd(&in);
        trace_step("a spare could not be taken");
        if (length)
            return -1;
    }
    return -1;
}

// What the row says while the shim comes up, and again what it said when that failed.
static void note_state(state *db, const char *id, const char *expected, const char *now, bool by_user) {
    json_t *changes = json_pack("{s:s}", "state", now);
    if (by_user) {
        json_object_set_new(changes, "restartCount", json_integer(0));
        json_object_set_new(changes, "restartDelayMs", json_null());
        json_object_set_new(changes, "stoppedByUser", json_null());
    }
    state_container_update(db, id, expected, changes, NULL);
    json_decref(changes);
}

int container_launch(const paths *where, state *db, const char *id, const container_launch_options *options,
                     holm_error **error) {
    cleanup_close int lock = container_lock(where, id, true, error);
    return lock < 0 ? -1 : container_launch_locked(where, db, id, lock, options, error);
}

int container_launch_locked(const paths *where, state *db, const char *id, int lock,
                            const container_launch_options *options, holm_error **error) {
    fault_point("start.locked");
    json_t *document = state_container_get(db, id, error);
    if (!document)
        return -1;
    const char *now = json_string_value(json_object_get(json_object_get(document, "status"), "state"));
    cleanup_free char *before = strdup(now ? now : "");
    cleanup(json_cleanup) json_t *told = describe(db, document, options, error);
    cleanup(json_cleanup) json_t *spare =
        told ? spare_describe(where, document, json_object_get(told, "networks"), options) : NULL;
    bool brief = json_is_true(json_object_get(json_object_get(document, "configuration"), "removeOnExit"));
    bool at_rest = container_document_at_rest(document);
    json_decref(document);
    if (!told)
        return -1;
    cleanup_close int life = container_life_lock_at_rest(where, db, id, NULL); // else it runs, or was lost
    if (life < 0) {
        holm_error_set(error, HOLM_ERROR_STATE, "the container %.12s runs already", id);
        return -1;
    }
    close(steal_fd(&life));
    if (spare) {
        json_object_set(told, "spare", spare);
        json_object_set_new(told, "pool", json_integer(options->pool));
    }
    cleanup_free char *text = json_dumps(told, JSON_COMPACT);
    int pipe = spare ? take_spare(where, json_string_value(json_object_get(spare, "shape")), text, lock) : -1;
    bool taken = pipe >= 0;
    if (!taken && (pipe = spawn_shim(where, id, text, lock, error)) < 0)
        return -1;
    note_state(db, id, before, "starting", !options->again); // while the shim brings its VM up
    trace_step(taken ? "take a spare" : "launch a shim");
    fault_point("start.shim-spawned");
    if (!taken && read_answer(pipe, error) < 0) {
        close(pipe);
        note_state(db, id, "starting", at_rest ? before : "exited", false);
        if (brief) // as the shim does where it fails later
            container_remove_locked(where, db, id, true, NULL);
        return -1;
    }
    fault_point("start.shim-ready");
    return pipe;
}

void container_launch_explain(int lifeline, holm_error **error) {
    struct pollfd said = {.fd = lifeline, .events = POLLIN};
    if (lifeline < 0 || poll(&said, 1, 0) <= 0 || !(said.revents & POLLIN))
        return;
    holm_error_free(steal_pointer(error));
    read_answer(lifeline, error);
}

void container_revive(const paths *where, state *db, const char *id, bool again) {
    const container_launch_options options = {.start = true, .again = again};
    cleanup_error holm_error *error = NULL;
    int lifeline = container_launch(where, db, id, &options, &error);
    if (lifeline >= 0) {
        close(lifeline);
        return;
    }
    // Said once and not tried again with every command. (Whoever was faster has another state in the row.)
    json_t *changes = json_pack("{s:s, s:s}", "reason", "start-failed", "error", holm_error_message(error));
    state_container_update(db, id, "exited", changes, NULL);
    json_decref(changes);
}
