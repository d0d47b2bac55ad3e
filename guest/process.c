#include "guest/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "guest/cgroup.h"
#include "guest/child.h"
#include "guest/event.h"
#include "guest/process_fork.h"

process *process_find(agent *self, const char *name) {
    for (process *each = self->processes; each; each = each->next)
        if (strcmp(each->name, name) == 0)
            return each;
    return NULL;
}

process *process_get(agent *self, const char *name, holm_error **error) {
    process *found = process_find(self, name);
    if (!found)
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no process named \"%.*s\"", PROCESS_NAME_MAX,
                       name);
    return found;
}

process *process_first(agent *self) {
    process *first = process_find(self, PROCESS_FIRST);
    return first && first->state >= PROCESS_CREATED && first->state < PROCESS_EXITED ? first : NULL;
}

// Out of the list and away. A child that is still there is reaped as an orphan.
static void process_destroy(process *self, const holm_error *why) {
    process **link = &self->agent->processes;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    self->agent->process_count--;
    watch_destroy(self->report);
    process_streams_finish(self, why);
    if (self->held)
        holm__agent__v1__process__free_unpacked(self->held, NULL);
    free(self->name);
    free(self);
}

static void finish_waiters(process *self, const holm_error *error) {
    while (self->waiters) {
        process_waiter *waiter = self->waiters;
        self->waiters = waiter->next;
        if (error)
            call_fail(waiter->answer, error);
        else
            call_reply(waiter->answer, &self->exit.base);
        free(waiter);
    }
}

// ---- what the child reports ----

static void reply_created(process *self) {
    Holm__Agent__V1__CreateProcessResponse response = HOLM__AGENT__V1__CREATE_PROCESS_RESPONSE__INIT;
    response.pid = (uint32_t)self->pid;
    response.steps = self->done.pointers;
    response.n_steps = self->done.count;
    if (self->creating)
        call_reply(steal_pointer(&self->creating), &response.base);
}

static void reply_started(process *self) {
    Holm__Agent__V1__StartProcessResponse response = HOLM__AGENT__V1__START_PROCESS_RESPONSE__INIT;
    response.pid = (uint32_t)self->pid;
    reply_created(self);
    if (self->starting)
        call_reply(steal_pointer(&self->starting), &response.base);
}

static void fail_child(process *self, holm_error *error) {
    finish_waiters(self, error);
    if (self->creating)
        call_fail(steal_pointer(&self->creating), error);
    if (self->starting)
        call_fail(steal_pointer(&self->starting), error);
    process_destroy(self, error);
    holm_error_free(error);
}

static int take_fds(process *self, const int *fds, size_t count, holm_error **error) {
    if (count == 0)
        return 0;
    if (self->agent->devpts >= 0)
        close(self->agent->devpts);
    self->agent->devpts = fds[0];
    if (count < 3)
        return 0;
    self->slave = fds[2];
    int input = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
    return process_streams_open(self, input, fds[1], -1, error);
}

// Returns the size of one report with its descriptors, 0 at the end, -1 with errno.
static ssize_t receive_report(int socket, child_report *report, int *fds, size_t *fd_count) {
    union {
        char space[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {report, sizeof *report};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    *fd_count = 0;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        *fd_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
        memcpy(fds, CMSG_DATA(header), *fd_count * sizeof *fds);
    }
    return got;
}

static void note_steps(process *self, const child_report *report) {
    uint64_t begin = self->done.each[0].begin_ns;
    self->done.count = 0;
    steps_add_span(&self->done, "fork", begin, report->times[0]);
    for (size_t i = 0; i < CHILD_STEPS; i++)
        steps_add_span(&self->done, child_step_names[i], report->times[i], report->times[i + 1]);
}

static void child_is_running(process *self) {
    if (self->done.count == 1 + CHILD_STEPS)
        steps_add(&self->done, "exec", self->done.each[CHILD_STEPS].end_ns);
    watch_destroy(steal_pointer(&self->report));
    self->state = PROCESS_RUNNING;
    reply_started(self);
}

// Returns false when there is no more to read for now, or the process is no more.
static bool take_report(process *self) {
    child_report report;
    int fds[3];
    size_t fd_count;
    holm_error *error = NULL;
    ssize_t got = receive_report(watch_fd(self->report), &report, fds, &fd_count);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        child_is_running(self);
        return false;
    }
    if (report.kind == CHILD_REPORT_READY) {
        if (take_fds(self, fds, fd_count, &error) < 0) {
            kill(self->pid, SIGKILL);
            fail_child(self, error);
            return false;
        }
        note_steps(self, &report);
        self->state = self->start_at_once ? PROCESS_STARTING : PROCESS_CREATED;
        if (!self->start_at_once)
            reply_created(self);
        process_streams_pump(self);
        return true;
    }
    report.text[CHILD_REPORT_TEXT - 1] = 0;
    holm_error_set(&error, (holm_error_code)report.code, "%s", report.text);
    fail_child(self, error);
    return false;
}

static void on_report(void *data, int events) {
    (void)events;
    while (take_report(data))
        continue;
}

// ---- the end ----

static void process_exited(process *self, int status) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    self->state = PROCESS_EXITED;
    self->exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    self->exit.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    self->exit.out_of_memory = cgroup_oom_kills() > self->oom_kills;
    self->exit.finished_unix_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (strcmp(self->name, PROCESS_FIRST) == 0 && self->agent->devpts >= 0)
        close(steal_fd(&self->agent->devpts));
    event_process_exit(self->agent, &self->exit);
    finish_waiters(self, NULL);
    process_streams_pump(self);
}

static void process_reaped(agent *self, pid_t pid, int status) {
    process *ended = self->processes;
    while (ended && ended->pid != pid)
        ended = ended->next;
    if (!ended || ended->state == PROCESS_EXITED)
        return; // an orphan that was left to PID 1
    // its last words come first
    while (ended->report && take_report(ended))
        continue;
    for (process *each = self->processes; each; each = each->next)
        if (each == ended) {
            if (ended->report)
                child_is_running(ended); // killed on the way: it has started and ended
            process_exited(ended, status);
            return;
        }
}

void process_reap_all(agent *self) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        process_reaped(self, pid, status);
}

// ---- calls ----

static int check_create(agent *self, const Holm__Agent__V1__CreateProcessRequest *request,
                        holm_error **error) {
    if (!*request->name || strlen(request->name) > PROCESS_NAME_MAX || !request->process) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a process needs a name of at most %d bytes",
                       PROCESS_NAME_MAX);
        return -1;
    }
    if (process_find(self, request->name)) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "there is a process named \"%s\" already", request->name);
        return -1;
    }
    if (self->process_count >= PROCESSES_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d processes", PROCESSES_MAX);
        return -1;
    }
    if (self->stopping) {
        holm_error_set(error, HOLM_ERROR_STATE, "the machine is being shut down");
        return -1;
    }
    if (strcmp(request->name, PROCESS_FIRST) != 0 && !process_first(self)) {
        holm_error_set(error, HOLM_ERROR_STATE, "the container does not run");
        return -1;
    }
    return 0;
}

// Fails the process where it cannot be made.
static void make_child(process *self, const Holm__Agent__V1__Process *program) {
    holm_error *error = NULL;
    self->done.count = 0;
    steps_add(&self->done, "fork", steps_now());
    if (self->agent->stopping)
        holm_error_set(&error, HOLM_ERROR_STATE, "the machine is being shut down");
    else if (process_fork(self, program, on_report, &error) == 0)
        return;
    if (self->pid > 0)
        kill(self->pid, SIGKILL);
    fail_child(self, error);
}

void process_create(agent *self, const ProtobufCMessage *message, call *answer) {
    const Holm__Agent__V1__CreateProcessRequest *request = (const void *)message;
    holm_error *error = NULL;
    if (check_create(self, request, &error) < 0) {
        call_fail(answer, error);
        holm_error_free(error);
        return;
    }
    process *created = calloc(1, sizeof *created);
    if (!created)
        abort();
    created->agent = self;
    created->name = strdup(request->name);
    created->terminal = request->process->terminal;
    created->start_at_once = request->start;
    process_streams_init(created);
    created->oom_kills = cgroup_oom_kills();
    created->creating = answer;
    holm__agent__v1__process_exit__init(&created->exit);
    created->exit.name = created->name;
    created->next = self->processes;
    self->processes = created;
    self->process_count++;
    if (self->preparing)
        created->held = (Holm__Agent__V1__Process *)agent_copy_message(&request->process->base);
    else
        make_child(created, request->process);
}

static process *find_held(agent *self) {
    process *found = self->processes;
    while (found && !found->held)
        found = found->next;
    return found;
}

void process_create_held(agent *self, const holm_error *error) {
    for (process *each; (each = find_held(self));) {
        Holm__Agent__V1__Process *program = steal_pointer(&each->held);
        if (error)
            fail_child(each, holm_error_copy(error));
        else
            make_child(each, program);
        holm__agent__v1__process__free_unpacked(program, NULL);
    }
}

void process_start(agent *self, const ProtobufCMessage *message, call *answer) {
    const Holm__Agent__V1__ProcessRequest *request = (const void *)message;
    holm_error *error = NULL;
    process *found = process_get(self, request->name, &error);
    if (found && found->state != PROCESS_CREATED)
        holm_error_set(&error, HOLM_ERROR_STATE, "the process \"%s\" was started already", found->name);
    else if (found && send(watch_fd(found->report), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        holm_error_set_errno(&error, errno, "start the process \"%s\"", found->name);
    if (error) {
        call_fail(answer, error);
        holm_error_free(error);
        return;
    }
    found->state = PROCESS_STARTING;
    found->starting = answer;
}

static void waiter_gone(call *answer, void *data) {
    process_waiter *waiter = data;
    process_waiter **link = &waiter->of->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    free(waiter);
    call_fail(answer, NULL);
}

void process_wait_exit(agent *self, const ProtobufCMessage *message, call *answer) {
    const Holm__Agent__V1__ProcessRequest *request = (const void *)message;
    holm_error *error = NULL;
    process *found = process_get(self, request->name, &error);
    if (!found) {
        call_fail(answer, error);
        holm_error_free(error);
        return;
    }
    if (found->state == PROCESS_EXITED) {
        call_reply(answer, &found->exit.base);
        return;
    }
    process_waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter)
        abort();
    *waiter = (process_waiter){.next = found->waiters, .of = found, .answer = answer};
    found->waiters = waiter;
    call_on_gone(answer, waiter_gone, waiter);
}

static void send_signal(pid_t pid, void *signal) {
    kill(pid, *(int *)signal);
}

ProtobufCMessage *process_signal(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__SignalProcessRequest *request = (const void *)message;
    int number = request->signal;
    if (number < 0 || number >= NSIG) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no signal %d", number);
        return NULL;
    }
    if (request->all) {
        if (number == SIGKILL)
            return cgroup_kill(error) < 0 ? NULL : call_empty();
        cgroup_each(65536, send_signal, &number);
        return call_empty();
    }
    process *found = process_get(self, request->name, error);
    if (!found)
        return NULL;
    if (found->state == PROCESS_EXITED || found->pid <= 0) {
        holm_error_set(error, HOLM_ERROR_STATE, "the process \"%s\" %s", found->name,
                       found->held ? "waits for the machine" : "has ended");
        return NULL;
    }
    // not reaped yet, so the number is still its own
    if (kill(found->pid, number) < 0) {
        holm_error_set_errno(error, errno, "signal the process \"%s\"", found->name);
        return NULL;
    }
    return call_empty();
}

ProtobufCMessage *process_resize(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__ResizeProcessRequest *request = (const void *)message;
    process *found = process_get(self, request->name, error);
    if (!found)
        return NULL;
    if (!found->terminal) {
        holm_error_set(error, HOLM_ERROR_STATE, "the process \"%s\" has no terminal", found->name);
        return NULL;
    }
    if (process_streams_resize(found, request->columns, request->rows) < 0) {
        holm_error_set_errno(error, errno, "resize the terminal of \"%s\"", found->name);
        return NULL;
    }
    return call_empty();
}

ProtobufCMessage *process_delete(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__ProcessRequest *request = (const void *)message;
    process *found = process_get(self, request->name, error);
    if (!found)
        return NULL;
    if (found->state != PROCESS_EXITED && found->state != PROCESS_CREATED) {
        holm_error_set(error, HOLM_ERROR_STATE, "the process \"%s\" has not ended", found->name);
        return NULL;
    }
    if (found->state == PROCESS_CREATED)
        kill(found->pid, SIGKILL);
    process_destroy(found, NULL);
    return call_empty();
}
