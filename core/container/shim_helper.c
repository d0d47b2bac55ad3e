// The helper: a child forked before the shim confines itself, for the few things that reach beyond this
// container's folders. It hears nothing but one byte from its shim, which names a task on this container, and
// ends when the shim does.
#define LOG_MODULE "helper"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/container/published_socket.h"
#include "core/container/shim.h"

#define ANSWER_MOST 16384

typedef union descriptor_space {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} descriptor_space;

// An answer is a newline and what is to be said, or the code, the message and the hint of an error, in lines;
// with a descriptor or without.
static void send_answer(int to, const holm_error *error, const helper_answer *answer) {
    char text[ANSWER_MOST];
    int fd = answer->fd;
    const char *hint = holm_error_hint_of(error);
    if (error)
        snprintf(text, sizeof text, "%s\n%s\n%s", holm_error_code_name(holm_error_code_of(error)),
                 holm_error_message(error), hint ? hint : "");
    else
        snprintf(text, sizeof text, "\n%s", answer->text ? answer->text : "");
    descriptor_space space = {0};
    struct iovec vector = {text, strlen(text) + 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = &space;
        message.msg_controllen = sizeof space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
        log_debug("the shim is gone");
}

static int remove_container(const shim *self, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    if (!db)
        return -1;
    cleanup_close int lock = container_lock(&self->where, self->id, true, error);
    return lock < 0 ? -1 : container_remove_locked(&self->where, db, self->id, true, error);
}

// The next shim takes what of the environment its predecessor had; nobody waits for its start.
static int restart_container(const shim *self, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    if (!db)
        return -1;
    const container_launch_options options = {
        .start = true,
        .again = true,
        .cold = json_is_true(json_object_get(self->told, "cold")),
        .kernel = json_string_value(json_object_get(self->told, "kernel")),
        .accelerator = json_string_value(json_object_get(self->told, "accelerator"))};
    int lifeline = container_launch_locked(&self->where, db, self->id, &options, error);
    if (lifeline >= 0)
        close(lifeline);
    return lifeline < 0 ? -1 : 0;
}

static void do_task(shim *self, int socket, char task) {
    holm_error *error = NULL;
    helper_answer answer = {.fd = -1};
    switch (task) {
    case HELPER_JOIN:
        answer.text = shim_network_take_place(self, &error);
        if (answer.text)
            answer.fd = steal_fd(&self->port.control);
        break;
    case HELPER_CLEAN:
        path_remove_tree(self->runtime, &error);
        published_sockets_remove(self->configuration);
        break;
    case HELPER_SSH:
        answer.fd = shim_socket_reach_ssh(&error);
        break;
    case HELPER_REMOVE:
        remove_container(self, &error);
        break;
    case HELPER_LOCK: // until the end of this process
        container_lock(&self->where, self->id, true, &error);
        break;
    case HELPER_RESTART:
        restart_container(self, &error);
        break;
    default:
        holm_error_set(&error, HOLM_ERROR_INVALID, "there is no such task");
    }
    send_answer(socket, error, &answer);
    if (answer.fd >= 0)
        close(answer.fd);
    free(answer.text);
    holm_error_free(error);
}

static void serve(shim *self, int socket) {
    char task;
    prctl(PR_SET_NAME, "holm-shim-help");
    signal(SIGTERM, SIG_IGN); // the shim's to answer
    signal(SIGINT, SIG_IGN);
    close(steal_fd(&self->life)); // so that the lock is the shim's alone
    close(steal_fd(&self->lifeline));
    if (self->port.card >= 0)
        close(steal_fd(&self->port.card));
    for (;;) {
        ssize_t got = recv(socket, &task, 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != 1)
            _exit(0);
        do_task(self, socket, task);
    }
}

int shim_helper_start(shim *self, holm_error **error) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        holm_error_set_errno(error, errno, "make a socket pair for the shim's helper");
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        serve(self, pair[1]);
    }
    close(pair[1]);
    self->helper = pair[0];
    uv_mutex_init(&self->helper_lock);
    if (child < 0)
        holm_error_set_errno(error, errno, "start the shim's helper");
    return child < 0 ? -1 : 0;
}

static int receive_answer(shim *self, helper_answer *answer, holm_error **error) {
    char text[ANSWER_MOST];
    descriptor_space space = {0};
    struct iovec vector = {text, sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    ssize_t got;
    do
        got = recvmsg(self->helper, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "the shim's helper is gone");
        return -1;
    }
    text[got] = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int received = -1;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(&received, CMSG_DATA(header), sizeof received);
    if (answer)
        *answer = (helper_answer){.fd = received};
    else if (received >= 0)
        close(received);
    if (text[0] == '\n') {
        if (answer && !(answer->text = strdup(text + 1)))
            abort();
        return 0;
    }
    char *rest = text, *code = strsep(&rest, "\n"), *what = strsep(&rest, "\n");
    holm_error_set(error, holm_error_code_parse(code), "%s", what ? what : "");
    if (rest && *rest)
        holm_error_hint(error, "%s", rest);
    return -1;
}

int shim_helper_ask(shim *self, helper_task task, helper_answer *answer, holm_error **error) {
    char byte = (char)task;
    uv_mutex_lock(&self->helper_lock);
    int result = -1;
    if (send(self->helper, &byte, 1, MSG_NOSIGNAL) == 1)
        result = receive_answer(self, answer, error);
    else
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "the shim's helper is gone");
    uv_mutex_unlock(&self->helper_lock);
    return result;
}

void shim_helper_stop(shim *self) {
    close(self->helper);
    uv_mutex_destroy(&self->helper_lock);
}
