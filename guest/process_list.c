// The processes of the container's group, as its own namespace numbers them.
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/path.h"
#include "guest/account.h"
#include "guest/cgroup.h"
#include "guest/inside.h"
#include "guest/process.h"
#include "guest/statistics.h"
#include "guest/text.h"

#define LISTED_MAX  4096
#define COMMAND_MAX 4096

typedef struct listed {
    Holm__Agent__V1__ProcessInformation message;
    pid_t pid, parent; // in the agent's namespace
    char state[2];
} listed;

typedef struct list {
    listed *entries;
    size_t count;
    const char *passwd;
    int64_t boot_unix_ns;
} list;

static char *read_of(pid_t pid, const char *name, size_t most) {
    cleanup_free char *path = path_format("/proc/%d/%s", (int)pid, name);
    return text_read(AT_FDCWD, path, most, NULL);
}

// The last number of "NSpid: 12 3": what the process calls itself.
static uint32_t inner_pid(const char *status) {
    const char *line = strstr(status, "\nNSpid:");
    if (!line)
        return 0;
    unsigned long pid = 0;
    char *end;
    for (const char *at = line + strlen("\nNSpid:"); *at && *at != '\n'; at = end) {
        unsigned long number = strtoul(at, &end, 10);
        if (end == at)
            break;
        pid = number;
        end += strspn(end, "\t ");
    }
    return (uint32_t)pid;
}

// The arguments with spaces between; a kernel's name for what has none.
static char *read_command(pid_t pid, const char *status) {
    char text[COMMAND_MAX];
    cleanup_free char *path = path_format("/proc/%d/cmdline", (int)pid);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    while (length > 0 && !text[length - 1])
        length--;
    for (ssize_t i = 0; i < length; i++)
        text[i] = text[i] ? text[i] : ' ';
    if (length > 0)
        return strndup(text, (size_t)length);
    const char *name = status + (strncmp(status, "Name:\t", 6) == 0 ? 6 : 0);
    return path_format("[%.*s]", (int)strcspn(name, "\n"), name);
}

// Times are behind the name in parentheses, which may hold anything: utime, stime are the 12th and 13th,
// starttime the 20th word after it.
static void fill_times(listed *entry, int64_t boot_unix_ns) {
    cleanup_free char *text = read_of(entry->pid, "stat", 4096);
    const char *behind = text ? strrchr(text, ')') : NULL;
    uint64_t user, system, start;
    if (!behind || sscanf(behind + 2,
                          "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                          " %*d %*d %*d %*d %*d %*d %" SCNu64,
                          &user, &system, &start) != 3)
        return;
    uint64_t tick_ns = 1000000000U / (uint64_t)sysconf(_SC_CLK_TCK);
    entry->message.cpu_time_ns = (user + system) * tick_ns;
    entry->message.started_unix_ns = boot_unix_ns + (int64_t)(start * tick_ns);
}

static void visit(pid_t pid, void *data) {
    list *self = data;
    cleanup_free char *status = read_of(pid, "status", 65536);
    if (!status)
        return; // it has ended meanwhile
    listed *entry = &self->entries[self->count++];
    Holm__Agent__V1__ProcessInformation *message = &entry->message;
    holm__agent__v1__process_information__init(message);
    entry->pid = pid;
    entry->parent = (pid_t)text_find_u64(status, "PPid:");
    const char *state = strstr(status, "\nState:\t");
    entry->state[0] = state ? state[8] : '?';
    message->pid = inner_pid(status);
    message->state = entry->state;
    message->uid = (uint32_t)text_find_u64(status, "Uid:");
    message->resident_bytes = text_find_u64(status, "VmRSS:") * 1024;
    message->user = account_name(self->passwd, message->uid);
    if (!message->user)
        message->user = path_format("%u", message->uid);
    message->command = read_command(pid, status);
    fill_times(entry, self->boot_unix_ns);
}

static uint32_t inner_of(const list *self, pid_t pid) {
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i].pid == pid)
            return self->entries[i].message.pid;
    return 0;
}

static char *read_passwd(void) {
    cleanup_close int root = inside_root(false, NULL);
    cleanup_close int fd = root < 0 ? -1 : inside_open(root, "/etc/passwd", O_RDONLY | O_NONBLOCK, 0, NULL);
    return fd < 0 ? NULL : text_read_fd(fd, ACCOUNT_FILE_MAX, NULL);
}

static int64_t boot_time(void) {
    struct timespec real, boot;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (real.tv_sec - boot.tv_sec) * INT64_C(1000000000) + real.tv_nsec - boot.tv_nsec;
}

// Names of processes belong to the loop; this call runs there.
static const char *name_of(agent *self, pid_t pid) {
    for (process *each = self->processes; each; each = each->next)
        if (each->pid == pid && each->state != PROCESS_EXITED)
            return each->name;
    return "";
}

ProtobufCMessage *process_list_call(agent *self, const ProtobufCMessage *message, holm_error **error) {
    cleanup_free char *passwd = read_passwd();
    list state = {.passwd = passwd ? passwd : "", .boot_unix_ns = boot_time()};
    Holm__Agent__V1__ListProcessesResponse response = HOLM__AGENT__V1__LIST_PROCESSES_RESPONSE__INIT;
    (void)message, (void)error;
    state.entries = calloc(LISTED_MAX, sizeof *state.entries);
    response.processes = calloc(LISTED_MAX, sizeof *response.processes);
    if (!state.entries || !response.processes)
        abort();
    cgroup_each(LISTED_MAX, visit, &state);
    for (size_t i = 0; i < state.count; i++) {
        listed *entry = &state.entries[i];
        entry->message.parent = inner_of(&state, entry->parent);
        entry->message.name = (char *)name_of(self, entry->pid);
        response.processes[response.n_processes++] = &entry->message;
    }
    ProtobufCMessage *copy = agent_copy_message(&response.base);
    for (size_t i = 0; i < state.count; i++) {
        free(state.entries[i].message.user);
        free(state.entries[i].message.command);
    }
    free(state.entries);
    free(response.processes);
    return copy;
}
