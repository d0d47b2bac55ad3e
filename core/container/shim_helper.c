// The helper: a child forked before the shim confines itself, for the few things that reach beyond this
// container's folders. It hears nothing from its shim but the name of a task on this container, with that of
// a network or of a mount's place where it is about one, and ends when the shim does.
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
#include "core/container/shim_devices.h"
#include "core/container/spare.h"

#define ANSWER_MOST  16384
#define MESSAGE_MOST (SPARE_TOLD_MOST + 1)

#define DESCRIPTORS_MOST 3

typedef union descriptor_space {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(DESCRIPTORS_MOST * sizeof(int))];
} descriptor_space;

// An answer is a newline and what is to be said, or the code, the message and the hint of an error, in lines;
// with descriptors or without.
static void send_answer(int to, const holm_error *error, const helper_answer *answer) {
    char text[ANSWER_MOST];
    const char *hint = holm_error_hint_of(error);
    if (error)
        snprintf(text, sizeof text, "%s\n%s\n%s", holm_error_code_name(holm_error_code_of(error)),
                 holm_error_message(error), hint ? hint : "");
    else
        snprintf(text, sizeof text, "\n%s", answer->text ? answer->text : "");
    const int fds[DESCRIPTORS_MOST] = {answer->fd, answer->card, answer->third};
    size_t size = 0;
    while (size < DESCRIPTORS_MOST && fds[size] >= 0)
        size++;
    descriptor_space space = {0};
    struct iovec vector = {text, strlen(text) + 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (size > 0) {
        message.msg_control = &space;
        message.msg_controllen = CMSG_SPACE(size * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size * sizeof(int));
        memcpy(CMSG_DATA(header), fds, size * sizeof(int));
    }
    if (sendmsg(to, &message, MSG_NOSIGNAL) < 0)
        log_debug("the shim is gone");
}

static int remove_container(const shim *self, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    if (!db)
        return -1;
    return container_remove_locked(&self->where, db, self->id, true, error);
}

// The next shim takes what of the environment its predecessor had; nobody waits for its start.
static int restart_container(const shim *self, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    if (!db)
        return -1;
    const container_launch_options options = {
        .start = true,
        .again = true,
        .pool = (unsigned)json_integer_value(json_object_get(self->told, "pool")),
        .cold = json_is_true(json_object_get(self->told, "cold")),
        .kernel = json_string_value(json_object_get(self->told, "kernel")),
        .accelerator = json_string_value(json_object_get(self->told, "accelerator"))};
    int lifeline = container_launch_locked(&self->where, db, self->id, self->launch_lock, &options, error);
    if (lifeline >= 0)
        close(lifeline);
    return lifeline < 0 ? -1 : 0;
}

static void do_task(shim *self, int socket, char task, const char *about) {
    holm_error *error = NULL;
    helper_answer answer = {.fd = -1, .card = -1, .third = -1};
    switch (task) {
    case HELPER_JOIN:
        shim_network_take_place(self, about, &answer, &error);
        break;
    case HELPER_PUBLISH:
        shim_network_publish(self, &answer, &error);
        break;
    case HELPER_LEAVE:
        shim_network_forget(self, about);
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
        self->launch_lock = container_lock(&self->where, self->id, true, &error);
        break;
    case HELPER_SPARE:
        spare_refill(&self->where, json_object_get(self->told, "spare"),
                     (unsigned)json_integer_value(json_object_get(self->told, "pool")), &error);
        break;
    case HELPER_ADOPT:
        shim_spare_adopt(self, json_loads(about, 0, NULL), &error);
        break;
    case HELPER_MOUNT:
        shim_mount_fetch(self, about, &answer, &error);
        break;
    case HELPER_UNMOUNT:
        shim_mount_release(about);
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
    if (answer.card >= 0)
        close(answer.card);
    if (answer.third >= 0)
        close(answer.third);
    free(answer.text);
    holm_error_free(error);
}

static void serve(shim *self, int socket) {
    char *message = malloc(MESSAGE_MOST + 1); // the task, and what it is about
    if (!message)
        abort();
    prctl(PR_SET_NAME, "holm-shim-help");
    signal(SIGTERM, SIG_IGN); // the shim's to answer
    signal(SIGINT, SIG_IGN);
    close(steal_fd(&self->life)); // so that the lock is the shim's alone
    close(steal_fd(&self->lifeline));
    if (self->launch_lock >= 0)
        close(steal_fd(&self->launch_lock));
    for (shim_card *card = self->cards; card; card = card->next)
        if (card->port.card >= 0)
            close(steal_fd(&card->port.card));
    for (;;) {
        ssize_t got = recv(socket, message, MESSAGE_MOST, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 1)
            _exit(0);
        message[got] = 0;
        do_task(self, socket, message[0], message + 1);
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
    int received[DESCRIPTORS_MOST] = {-1, -1, -1};
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(received, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    if (answer)
        *answer = (helper_answer){.fd = received[0], .card = received[1], .third = received[2]};
    for (size_t i = 0; !answer && i < DESCRIPTORS_MOST; i++)
        if (received[i] >= 0)
            close(received[i]);
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

int shim_helper_ask(shim *self, helper_task task, const char *about, helper_answer *answer,
                    holm_error **error) {
    cleanup_free char *message = path_format("%c%s", (char)task, about ? about : "");
    ssize_t length = (ssize_t)strlen(message);
    uv_mutex_lock(&self->helper_lock);
    int result = -1;
    if (length < (ssize_t)MESSAGE_MOST && send(self->helper, message, (size_t)length, MSG_NOSIGNAL) == length)
        result = receive_answer(self, answer, error);
    else
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "the shim's helper is gone");
    uv_mutex_unlock(&self->helper_lock);
    return result;
}

int shim_helper_adopt(shim *self, const char *told, holm_error **error) {
    return shim_helper_ask(self, HELPER_ADOPT, told, NULL, error);
}

void shim_helper_stop(shim *self) {
    close(self->helper);
    uv_mutex_destroy(&self->helper_lock);
}
