// Sessions, which are shells of this machine.
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "tests/tui/fake/fake_private.h"

struct holm_session {
    uv_poll_t poll;
    uv_timer_t begin;
    pid_t pid;
    int fd;
    char name[32];
    const holm_session_events *events;
    void *data;
    bool closed;
};

static void session_free(uv_handle_t *handle) {
    holm_session *session = handle->data;
    uv_timer_stop(&session->begin);
    close(session->fd);
    free(session);
}

static void session_close_timer(uv_handle_t *handle) {
    holm_session *session = handle->data;
    uv_close((uv_handle_t *)&session->begin, session_free);
}

void holm_session_close(holm_session *session) {
    if (session->closed)
        return;
    session->closed = true;
    kill(session->pid, SIGHUP);
    waitpid(session->pid, NULL, WNOHANG);
    uv_close((uv_handle_t *)&session->poll, session_close_timer);
}

static void session_read(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    holm_session *session = poll->data;
    char bytes[4096]; // a terminal gives no more at once
    ssize_t length = -1;
    for (int i = 0; i < 32; i++) {
        length = read(session->fd, bytes, sizeof(bytes));
        if (length <= 0)
            break;
        session->events->output(session, 1, bytes, (size_t)length, session->data);
    }
    if (length > 0 || (length < 0 && errno == EAGAIN))
        return;
    int result = 0;
    waitpid(session->pid, &result, 0);
    session->events->ended(session, WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result), NULL,
                           session->data);
    session->closed = true;
    uv_close((uv_handle_t *)poll, session_close_timer);
}

static void session_begin(uv_timer_t *timer) {
    holm_session *session = timer->data;
    session->events->attached(session, session->name, true, session->data);
    uv_poll_start(&session->poll, UV_READABLE | UV_DISCONNECT, session_read);
}

holm_session *holm_session_open(holm_client *client, const holm_session_options *options,
                                const holm_session_events *events, void *data) {
    holm_session *session = calloc(1, sizeof(*session));
    session->events = events;
    session->data = data;
    static int made;
    snprintf(session->name, sizeof(session->name), "shell-%d", options->session ? 0 : ++made);
    if (options->session)
        snprintf(session->name, sizeof(session->name), "%s", options->session);
    struct winsize size = {.ws_col = (unsigned short)options->columns,
                           .ws_row = (unsigned short)options->rows};
    session->pid = forkpty(&session->fd, NULL, NULL, &size);
    if (session->pid == 0) {
        const char *shell = getenv("HOLM_FAKE_SHELL");
        setenv("TERM", "xterm-256color", 1);
        setenv("PS1", "root@web:/# ", 1);
        unsetenv("TMUX");
        execl("/bin/sh", "sh", "-c", shell ? shell : "exec sh", (char *)NULL);
        _exit(127);
    }
    fcntl(session->fd, F_SETFL, O_NONBLOCK);
    uv_poll_init(client->loop, &session->poll, session->fd);
    uv_timer_init(client->loop, &session->begin);
    session->poll.data = session->begin.data = session;
    uv_timer_start(&session->begin, session_begin, 0, 0);
    return session;
}

bool holm_session_write(holm_session *session, const void *bytes, size_t length) {
    ssize_t ignored = write(session->fd, bytes, length);
    (void)ignored;
    return true;
}

void holm_session_resize(holm_session *session, unsigned columns, unsigned rows) {
    ioctl(session->fd, TIOCSWINSZ,
          &(struct winsize){.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows});
}

void holm_session_close_input(holm_session *session) {
    holm_session_write(session, "\x04", 1);
}

void holm_session_signal(holm_session *session, int number) {
    kill(session->pid, number);
}

void holm_session_pause(holm_session *session) {
    uv_poll_stop(&session->poll);
}

void holm_session_resume(holm_session *session) {
    uv_poll_start(&session->poll, UV_READABLE | UV_DISCONNECT, session_read);
}
