#include "guest/rlimit.h"

#include <errno.h>
#include <strings.h>
#include <sys/resource.h>

static const struct {
    const char *name;
    int number;
} limits[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

int rlimit_number(const char *name) {
    if (strncasecmp(name, "RLIMIT_", 7) == 0)
        name += 7;
    for (size_t i = 0; i < array_length(limits); i++)
        if (strcasecmp(limits[i].name, name) == 0)
            return limits[i].number;
    return -1;
}

int rlimit_apply(const char *name, uint64_t soft, uint64_t hard, holm_error **error) {
    int number = rlimit_number(name);
    if (number < 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no resource limit \"%.40s\"", name);
        return -1;
    }
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard}; // RLIM_INFINITY is UINT64_MAX
    if (setrlimit((__rlimit_resource_t)number, &limit) < 0) {
        holm_error_set_errno(error, errno, "set the limit %.40s", name);
        return -1;
    }
    return 0;
}
