// The process that runs credential helpers. It is forked before holm-image gives up the right to execute
// anything, and does nothing else: one question, one helper, one answer.
//
// Question: "HELPER\0SERVER". Answer: one status byte and text: 'y' and what the helper wrote, 'n' (it has
// none) or 'e' and a sentence.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/process.h"
#include "core/registry/credentials_internal.h"

#define QUESTION_MAX 1024
#define ANSWER_MAX   (2 * CREDENTIALS_FIELD_MAX)

struct credential_broker {
    int socket;
    pid_t pid;
    pthread_mutex_t lock; // one question at a time
};

// ---- in the broker ----

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
        if (left <= 0 || out->length > ANSWER_MAX || poll(&poll_fd, 1, (int)left) == 0)
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

static void answer_text(buffer *answer, const char *text) {
    buffer_append(answer, "e", 1);
    buffer_append_text(answer, text);
}

static void run_helper(const char *helper, const char *server, buffer *answer) {
    cleanup_free char *program = path_format("docker-credential-%s", helper);
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) < 0)
        return answer_text(answer, strerror(errno));
    if (pipe2(out, O_CLOEXEC) < 0) {
        close(in[0]);
        close(in[1]);
        return answer_text(answer, "no pipe");
    }
    const char *const argv[] = {program, "get", NULL};
    const process_fd fds[] = {{in[0], 0}, {out[1], 1}};
    int pidfd = -1;
    pid_t pid = 0;
    cleanup_error holm_error *error = NULL;
    int started =
        process_spawn(&(process_options){.argv = argv, .fds = fds, .fd_count = 2, .die_with_parent = true},
                      &pid, &pidfd, &error);
    close(in[0]);
    close(out[1]);
    cleanup_buffer buffer text = BUFFER_INIT;
    bool whole = false;
    if (started == 0) {
        whole = file_write_all(in[1], server, strlen(server)) == 0;
        close(in[1]);
        whole = whole && read_all(out[0], now_ms() + CREDENTIALS_HELPER_SECONDS * 1000, &text);
        if (!whole)
            kill(pid, SIGKILL);
    } else {
        close(in[1]);
    }
    close(out[0]);
    int code = started == 0 ? process_wait(pidfd) : 0;
    if (pidfd >= 0)
        close(pidfd);
    if (started < 0)
        answer_text(answer, holm_error_message(error));
    else if (!whole)
        answer_text(answer, "it gave no answer in time");
    else if (code == 0) {
        buffer_append(answer, "y", 1);
        buffer_append(answer, text.data, text.length);
    } else if (strstr(buffer_text(&text), "not found")) // the protocol's only way of saying that
        buffer_append(answer, "n", 1);
    else
        answer_text(answer, "it failed");
    if (text.data)
        explicit_bzero(text.data, text.length);
}

static void serve(int fd) {
    for (;;) {
        char question[QUESTION_MAX + 1];
        ssize_t got = recv(fd, question, QUESTION_MAX, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        question[got] = 0;
        const char *server = question + strlen(question) + 1;
        cleanup_buffer buffer answer = BUFFER_INIT;
        if (server >= question + got || !credentials_helper_is_valid(question))
            answer_text(&answer, "there is no such helper");
        else
            run_helper(question, server, &answer);
        while (send(fd, answer.data, answer.length, MSG_NOSIGNAL) < 0 && errno == EINTR)
            ;
        explicit_bzero(answer.data, answer.length);
    }
}

// ---- in the process that asks ----

credential_broker *credential_broker_create(holm_error **error) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        holm_error_set_errno(error, errno, "make a socket pair");
        return NULL;
    }
    int size = 2 * ANSWER_MAX;
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_NAME, "holm-credential");
        // No lock, pipe or socket of ours lives on in it.
        if (pair[1] > 3)
            close_range(3, (unsigned)pair[1] - 1, 0);
        close_range((unsigned)pair[1] + 1, ~0u, 0);
        serve(pair[1]);
        _exit(0);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        holm_error_set_errno(error, errno, "start the credential broker");
        return NULL;
    }
    credential_broker *self = calloc(1, sizeof *self);
    self->socket = pair[0];
    self->pid = pid;
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

void credential_broker_destroy(credential_broker *self) {
    if (!self)
        return;
    close(self->socket);
    kill(self->pid, SIGKILL); // ours and not yet reaped: the number is its own
    waitpid(self->pid, NULL, 0);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

static ssize_t exchange(credential_broker *self, const buffer *question, char *answer) {
    pthread_mutex_lock(&self->lock);
    ssize_t got = send(self->socket, question->data, question->length, MSG_NOSIGNAL);
    if (got >= 0)
        do
            got = recv(self->socket, answer, ANSWER_MAX + 1, 0);
        while (got < 0 && errno == EINTR);
    pthread_mutex_unlock(&self->lock);
    return got;
}

int credential_broker_ask(credential_broker *self, const char *helper, const char *server, credentials *out,
                          holm_error **error) {
    if (!self) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED, "credential helpers cannot be run here");
        return -1;
    }
    cleanup_buffer buffer question = BUFFER_INIT;
    buffer_append(&question, helper, strlen(helper) + 1);
    buffer_append_text(&question, server);
    char *answer = calloc(1, ANSWER_MAX + 2);
    ssize_t got = exchange(self, &question, answer);
    int result = -1;
    if (got >= 1 && answer[0] == 'n')
        result = 0;
    else if (got >= 1 && answer[0] == 'y')
        result = credentials_parse_helper(answer + 1, (size_t)got - 1, out, error) < 0 ? -1 : 1;
    else
        holm_error_set(error, HOLM_ERROR_DENIED, "%s", got >= 1 ? answer + 1 : "it is gone");
    if (result < 0)
        holm_error_wrap(error, "ask docker-credential-%s for %s", helper, server);
    explicit_bzero(answer, ANSWER_MAX + 1);
    free(answer);
    return result;
}
