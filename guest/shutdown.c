// The end of the machine: signal, grace, kill, sync, unmount; then the disks are clean and the VMM may go.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/machine.h"
#include "guest/process.h"
#include "guest/relay.h"
#include "guest/text.h"

#define MOUNTS_MAX 2048

typedef struct ending {
    agent *agent;
    call *answer;
    uv_timer_t grace;
    uv_prepare_t check; ///< looks after each round of the loop whether everyone has ended
    uv_work_t work;
    buffer problem; ///< of the worker
} ending;

static void signal_one(pid_t pid, void *signal) {
    kill(pid, *(int *)signal);
}

static bool is_empty(void) {
    cleanup_free char *events = cgroup_read("cgroup.events");
    return !events || text_find_u64(events, "populated") == 0;
}

static int compare_lengths(const void *a, const void *b) {
    size_t first = strlen(*(char *const *)a), second = strlen(*(char *const *)b);
    return first < second ? 1 : first > second ? -1 : 0;
}

// The fifth word of each line of mountinfo, with \040 and the like undone.
static char *mount_point(const char *line, size_t length) {
    cleanup_free char *copy = strndup(line, length);
    char *rest = copy, *word = NULL;
    for (unsigned i = 0; i < 5; i++)
        if (!(word = strsep(&rest, " ")))
            return NULL;
    char *out = word;
    for (const char *at = word; *at; out++) {
        unsigned code;
        if (*at == '\\' && sscanf(at + 1, "%3o", &code) == 1) {
            *out = (char)code;
            at += 4;
        } else {
            *out = *at++;
        }
    }
    *out = 0;
    return strdup(word);
}

static size_t list_mounts(const char *table, char **points) {
    size_t count = 0;
    const char *line;
    for (size_t length; count < MOUNTS_MAX && (line = text_next(&table, '\n', &length));) {
        char *point = mount_point(line, length);
        if (point && strncmp(point, GUEST_RUN "/", strlen(GUEST_RUN "/")) == 0)
            points[count++] = point;
        else
            free(point);
    }
    return count;
}

// Deepest first; the writable layer becomes free once the overlay on it is gone.
void machine_unmount_all(buffer *problem) {
    cleanup_free char *table = text_read(AT_FDCWD, "/proc/self/mountinfo", 4U << 20, NULL);
    char **points = calloc(MOUNTS_MAX, sizeof *points);
    if (!points)
        abort();
    size_t count = table ? list_mounts(table, points) : 0;
    qsort(points, count, sizeof *points, compare_lengths);
    for (int pass = 0; pass < 2; pass++) // first the container's tree, then what it stands on
        for (size_t i = 0; i < count; i++) {
            bool in_root = strncmp(points[i], GUEST_ROOT, strlen(GUEST_ROOT)) == 0;
            if (in_root == (pass == 0) && umount2(points[i], UMOUNT_NOFOLLOW) < 0)
                buffer_append_format(problem, "%sunmount %s: %s", problem->length ? "; " : "", points[i],
                                     strerror(errno));
        }
    for (size_t i = 0; i < count; i++)
        free(points[i]);
    free(points);
}

static void unmount_run(uv_work_t *work) {
    ending *self = work->data;
    sync();
    machine_unmount_all(&self->problem);
    sync();
}

static void unmount_done(uv_work_t *work, int status) {
    ending *self = work->data;
    Holm__Agent__V1__ShutdownResponse response = HOLM__AGENT__V1__SHUTDOWN_RESPONSE__INIT;
    (void)status;
    response.clean = self->problem.length == 0;
    response.problem = (char *)buffer_text(&self->problem);
    call_reply(self->answer, &response.base);
    buffer_finish(&self->problem);
    free(self);
}

static void on_handle_closed(uv_handle_t *handle) {
    ending *self = handle->data;
    self->work.data = self;
    uv_queue_work(self->agent->loop, &self->work, unmount_run, unmount_done);
}

static void on_check(uv_prepare_t *check) {
    ending *self = check->data;
    if (!is_empty())
        return;
    uv_prepare_stop(check);
    uv_close((uv_handle_t *)check, NULL);
    uv_close((uv_handle_t *)&self->grace, on_handle_closed);
}

static void on_grace(uv_timer_t *grace) {
    (void)grace;
    cgroup_kill(NULL);
}

void machine_shutdown(agent *self, const ProtobufCMessage *message, call *answer) {
    const Holm__Agent__V1__ShutdownRequest *request = (const void *)message;
    holm_error *error = NULL;
    int number = request->signal ? request->signal : SIGTERM;
    if (self->stopping)
        holm_error_set(&error, HOLM_ERROR_STATE, "the machine is being shut down already");
    else if (number < 1 || number >= NSIG)
        holm_error_set(&error, HOLM_ERROR_INVALID, "there is no signal %d", number);
    if (error) {
        call_fail(answer, error);
        holm_error_free(error);
        return;
    }
    self->stopping = true;
    relay_stop_all(self);
    ending *begun = calloc(1, sizeof *begun);
    if (!begun)
        abort();
    begun->agent = self;
    begun->answer = answer;
    if (request->grace_ms)
        cgroup_each(65536, signal_one, &number);
    uv_timer_init(self->loop, &begun->grace);
    uv_prepare_init(self->loop, &begun->check);
    begun->grace.data = begun->check.data = begun;
    uv_timer_start(&begun->grace, on_grace, request->grace_ms, 0);
    uv_prepare_start(&begun->check, on_check);
}
