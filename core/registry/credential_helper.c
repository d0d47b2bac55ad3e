#include "core/registry/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/base/process.h"
#include "core/registry/credentials_internal.h"

#define HELPER_ANSWER_MAX (4 * CREDENTIALS_FIELD_MAX)

// ---- running one ----

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

// Reads to the end, or until the deadline or the bound.
static bool read_all(int fd, int64_t deadline, buffer *out) {
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (left <= 0 || out->length > HELPER_ANSWER_MAX || poll(&poll_fd, 1, (int)left) == 0)
            return false;
        buffer_reserve(out, 4096);
        ssize_t got = read(fd, out->data + out->length, 4096);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        out->length += got > 0 ? (size_t)got : 0;
    }
}

typedef struct helper_pipes {
    int in[2], out[2];
} helper_pipes;

static int open_pipes(helper_pipes *self, holm_error **error) {
    // One that does not read what it is told must not end us with a signal: so a socket, and no pipe.
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->in) == 0) {
        if (pipe2(self->out, O_CLOEXEC) == 0)
            return 0;
        close(self->in[0]);
        close(self->in[1]);
    }
    holm_error_set_errno(error, errno, "make a pipe");
    return -1;
}

// It fits into the socket's buffer, whether the helper reads it or not.
static void send_all(int fd, const char *text, size_t length) {
    for (ssize_t sent; length > 0; text += sent, length -= (size_t)sent) {
        sent = send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            sent = 0;
        else if (sent < 0)
            return;
    }
}

// Its exit code, or -1 when it could not be started or did not answer in time. A helper may end without
// reading all that it is told.
static int run(const char *name, const char *verb, const char *input, buffer *text, holm_error **error) {
    cleanup_free char *program = path_format("docker-credential-%s", name);
    helper_pipes pipes;
    if (open_pipes(&pipes, error) < 0)
        return -1;
    const char *const argv[] = {program, verb, NULL};
    const process_fd fds[] = {{pipes.in[0], 0}, {pipes.out[1], 1}};
    const process_options options = {.argv = argv, .fds = fds, .fd_count = 2, .die_with_parent = true};
    cleanup_close int pidfd = -1;
    pid_t pid = 0;
    int started = process_spawn(&options, &pid, &pidfd, error);
    close(pipes.in[0]);
    close(pipes.out[1]);
    if (started == 0)
        send_all(pipes.in[1], input, strlen(input));
    close(pipes.in[1]);
    bool whole = started == 0 && read_all(pipes.out[0], now_ms() + CREDENTIALS_HELPER_SECONDS * 1000, text);
    close(pipes.out[0]);
    if (started < 0)
        return -1;
    if (!whole)
        kill(pid, SIGKILL);
    int code = process_wait(pidfd);
    if (!whole)
        holm_error_set(error, HOLM_ERROR_DENIED, "it gave no answer in time");
    return whole ? code : -1;
}

// The protocol's only way of saying that something is not known.
static bool says_not_found(const buffer *text) {
    return strstr(buffer_text(text), "not found") != NULL;
}

static void wipe(buffer *text) {
    if (text->data)
        explicit_bzero(text->data, text->length);
}

// 1 and its answer in `text`; 0 when it says that it does not know; or -1.
static int ask(const char *name, const char *verb, const char *input, buffer *text, holm_error **error) {
    if (!credentials_helper_is_valid(name)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the credential helper has a name that is not valid");
        return -1;
    }
    int code = run(name, verb, input, text, error);
    if (code == 0)
        return 1;
    if (code > 0 && says_not_found(text))
        return 0;
    if (code > 0)
        holm_error_set(error, HOLM_ERROR_DENIED, "it failed");
    holm_error_wrap(error, "docker-credential-%s", name);
    return -1;
}

// ---- the verbs ----

const char *credential_helper_server(const char *registry) {
    return strcmp(registry, "docker.io") == 0 ? "https://index.docker.io/v1/" : registry;
}

int credential_helper_get(const char *name, const char *server, credentials *out, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    int result = ask(name, "get", server, &text, error);
    if (result > 0 && credentials_parse_helper(buffer_text(&text), text.length, out, error) < 0)
        result = -1;
    wipe(&text);
    return result;
}

int credential_helper_store(const char *name, const char *server, const char *username, const char *password,
                            holm_error **error) {
    json_t *entry =
        json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username", username, "Secret", password);
    char *input = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    json_decref(entry);
    if (!input) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the user name or the password is no UTF-8");
        return -1;
    }
    cleanup_buffer buffer text = BUFFER_INIT;
    int result = ask(name, "store", input, &text, error);
    explicit_bzero(input, strlen(input));
    free(input);
    wipe(&text);
    if (result == 0)
        holm_error_set(error, HOLM_ERROR_DENIED, "docker-credential-%s: it failed", name);
    return result > 0 ? 0 : -1;
}

int credential_helper_erase(const char *name, const char *server, holm_error **error) {
    // Helpers do not agree on whether it is an error to erase what is not there: this one asks first.
    cleanup_credentials credentials known = {0};
    int result = credential_helper_get(name, server, &known, error);
    if (result <= 0)
        return result;
    cleanup_buffer buffer text = BUFFER_INIT;
    return ask(name, "erase", server, &text, error);
}

json_t *credential_helper_list(const char *name, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (ask(name, "list", "", &text, error) < 0)
        return NULL;
    return credentials_parse_list(buffer_text(&text), text.length, error);
}
