// The process that knows credentials. It is forked before holm-image gives up its rights, and does nothing
// else: one question, the files and perhaps a helper, one answer.
//
// Question: "REGISTRY\0REPOSITORY". Answer: 'y' and three strings (user name, password, identity token) that
// each end with NUL, "" for none; 'n' (none are known); or 'e' and a sentence.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/buffer.h"
#include "core/registry/credential_helper.h"
#include "core/registry/credentials_internal.h"

#define QUESTION_MAX 1024
#define ANSWER_MAX   (4 * CREDENTIALS_FIELD_MAX)

struct credential_broker {
    int socket;
    pid_t pid;
    pthread_mutex_t lock; // one question at a time
};

// ---- in the broker ----

static void append_string(buffer *answer, const char *text) {
    buffer_append(answer, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void look_up(const char *registry, const char *repository, buffer *answer) {
    cleanup_credentials credentials found = {0};
    cleanup_error holm_error *error = NULL;
    int result = credentials_find_here(credential_helper_get, registry, repository, &found, &error);
    if (result > 0) {
        buffer_append(answer, "y", 1);
        append_string(answer, found.username);
        append_string(answer, found.password);
        append_string(answer, found.identity_token);
    } else if (result == 0) {
        buffer_append(answer, "n", 1);
    } else {
        buffer_append(answer, "e", 1);
        append_string(answer, holm_error_message(error));
    }
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
        const char *repository = question + strlen(question) + 1;
        cleanup_buffer buffer answer = BUFFER_INIT;
        if (repository < question + got)
            look_up(question, repository, &answer);
        else
            buffer_append(&answer, "n", 1);
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

// The next of the strings that end with NUL; NULL for an empty one.
static char *take_string(const char **text) {
    const char *begin = *text;
    *text += strlen(begin) + 1;
    return *begin ? strdup(begin) : NULL;
}

int credentials_find(credential_broker *self, const char *registry, const char *repository, credentials *out,
                     holm_error **error) {
    *out = (credentials){0};
    if (!self)
        return 0;
    cleanup_buffer buffer question = BUFFER_INIT;
    buffer_append(&question, registry, strlen(registry) + 1);
    buffer_append_text(&question, repository);
    char *answer = calloc(1, ANSWER_MAX + 4); // ends with more NULs than are looked for
    ssize_t got = exchange(self, &question, answer);
    int result = 0;
    if (got >= 1 && answer[0] == 'y') {
        const char *text = answer + 1;
        out->username = take_string(&text);
        out->password = take_string(&text);
        out->identity_token = take_string(&text);
        if (!out->username)
            out->username = strdup("");
    } else if (got < 1 || answer[0] != 'n') {
        holm_error_set(error, HOLM_ERROR_DENIED, "%s",
                       got >= 1 ? answer + 1 : "the stored credentials cannot be read");
        result = -1;
    }
    explicit_bzero(answer, ANSWER_MAX + 4);
    free(answer);
    return result;
}
