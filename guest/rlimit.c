#include "guest/rlimit.h"

#include <errno.h>
#include <sys/resource.h>

#include "core/base/privilege.h"

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
