#include "guest/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "guest/boot.h"
#include "guest/text.h"

#define PERIOD_US   100000
#define DEPTH_MAX   8
#define MEMBERS_MAX (1u << 20) ///< bytes of one cgroup.procs

static int set_limit(const char *name, uint64_t value, holm_error **error) {
    char text[32];
    if (value)
        snprintf(text, sizeof text, "%" PRIu64, value);
    cleanup_free char *path = path_format("%s/%s", CONTAINER_CGROUP, name);
    return text_write(path, value ? text : "max", error);
}

int cgroup_set_limits(const Holm__Agent__V1__Limits *limits, holm_error **error) {
    char quota[64];
    if (set_limit("memory.max", limits->memory_bytes, error) < 0 ||
        set_limit("pids.max", limits->process_count, error) < 0)
        return -1;
    if (limits->cpu_quota_us)
        snprintf(quota, sizeof quota, "%" PRIu64 " %d", limits->cpu_quota_us, PERIOD_US);
    else
        snprintf(quota, sizeof quota, "max %d", PERIOD_US);
    if (text_write(CONTAINER_CGROUP "/cpu.max", quota, error) < 0)
        return -1;
    if (limits->cpu_weight && set_limit("cpu.weight", limits->cpu_weight, error) < 0)
        return -1;
    // the file is there only in a kernel with swap
    bool has_swap = access(CONTAINER_CGROUP "/memory.swap.max", F_OK) == 0;
    return has_swap ? set_limit("memory.swap.max", limits->memory_swap_bytes, error) : 0;
}

// Whether controllers are handed on below: then the group itself takes no processes.
static bool is_divided(void) {
    cleanup_free char *text = cgroup_read("cgroup.subtree_control");
    return text && *text && *text != '\n';
}

static char *group_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    cleanup_free char *text = text_read(AT_FDCWD, path, 65536, NULL);
    if (!text || strncmp(text, "0::/", 4) != 0)
        return NULL;
    text[strcspn(text, "\n")] = 0;
    return path_format("%s%s/cgroup.procs", GUEST_CGROUP, text + 3);
}

int cgroup_open_join(pid_t init, holm_error **error) {
    cleanup_free char *path = init > 0 && is_divided() ? group_of(init) : NULL;
    int fd = open(path ? path : CONTAINER_CGROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        holm_error_set_errno(error, errno, "open the control group");
    return fd;
}

uint64_t cgroup_oom_kills(void) {
    cleanup_free char *text = cgroup_read("memory.events");
    return text ? text_find_u64(text, "oom_kill") : 0;
}

int cgroup_kill(holm_error **error) {
    return text_write(CONTAINER_CGROUP "/cgroup.kill", "1", error);
}

typedef struct walk {
    size_t left;
    void (*visit)(pid_t pid, void *data);
    void *data;
} walk;

static void visit_members(int folder, walk *state) {
    cleanup_free char *text = text_read(folder, "cgroup.procs", MEMBERS_MAX, NULL);
    for (char *at = text; at && *at && state->left; state->left--) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        state->visit((pid_t)pid, state->data);
        at = *end ? end + 1 : end;
    }
}

static void visit_group(int folder, unsigned depth, walk *state) {
    visit_members(folder, state);
    cleanup_directory DIR *list = depth < DEPTH_MAX ? fdopendir(dup(folder)) : NULL;
    for (const struct dirent *entry; list && state->left && (entry = readdir(list));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        cleanup_close int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (below >= 0)
            visit_group(below, depth + 1, state);
    }
}

void cgroup_each(size_t most, void (*visit)(pid_t pid, void *data), void *data) {
    walk state = {.left = most, .visit = visit, .data = data};
    cleanup_close int folder = open(CONTAINER_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        visit_group(folder, 0, &state);
}

char *cgroup_read(const char *name) {
    cleanup_free char *path = path_format("%s/%s", CONTAINER_CGROUP, name);
    return text_read(AT_FDCWD, path, 65536, NULL);
}
