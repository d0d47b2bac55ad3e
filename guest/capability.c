#include "guest/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "core/base/privilege.h"

#define BIT(number) (UINT64_C(1) << (number))

const uint64_t capability_default =
    BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) |
    BIT(CAP_NET_RAW) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) |
    BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);

// Sets *named to the capabilities of the list; *all to whether ALL is among them.
static int read_list(char *const *list, size_t count, uint64_t *named, bool *all, holm_error **error) {
    *named = 0;
    *all = false;
    for (size_t i = 0; i < count; i++) {
        if (capability_is_all(list[i])) {
            *all = true;
            continue;
        }
        int number = capability_number(list[i]);
        if (number < 0) {
            holm_error_set(error, HOLM_ERROR_INVALID, "there is no capability \"%.40s\"", list[i]);
            return -1;
        }
        *named |= BIT(number);
    }
    return 0;
}

int capability_choose(char *const *add, size_t add_count, char *const *drop, size_t drop_count, uint64_t *set,
                      holm_error **error) {
    uint64_t added, dropped;
    bool add_all, drop_all;
    if (read_list(add, add_count, &added, &add_all, error) < 0 ||
        read_list(drop, drop_count, &dropped, &drop_all, error) < 0)
        return -1;
    uint64_t base = drop_all ? 0 : capability_default;
    if (add_all)
        base = capability_all();
    *set = (base | added) & ~dropped & capability_all();
    return 0;
}

uint64_t capability_all(void) {
    uint64_t all = 0;
    for (int i = 0; i < capability_count(); i++)
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0)
            all |= BIT(i);
    return all;
}

int capability_bound(uint64_t set, holm_error **error) {
    for (int number = 0; number < 64; number++) {
        if (set & BIT(number))
            continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) {
            if (errno == EINVAL)
                break; // the kernel has no more of them
            holm_error_set_errno(error, errno, "drop capability %d", number);
            return -1;
        }
    }
    return 0;
}

int capability_apply(uint64_t set, holm_error **error) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)set, .permitted = (uint32_t)set},
        {.effective = (uint32_t)(set >> 32), .permitted = (uint32_t)(set >> 32)},
    };
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, data) < 0) {
        holm_error_set_errno(error, errno, "set capabilities");
        return -1;
    }
    return 0;
}
