#include "guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest/text.h"

#define NEW_ROOT "/newroot"

static const struct {
    const char *type;
    const char *target;
    unsigned long flags;
    const char *data;
} filesystems[] = {
    {"tmpfs", NEW_ROOT, MS_NOSUID | MS_NODEV, "mode=755"},
    {"devtmpfs", NEW_ROOT "/dev", MS_NOSUID | MS_NOEXEC, "mode=755"},
    {"proc", NEW_ROOT "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    {"sysfs", NEW_ROOT "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL},
    // Else every process that joins a group waits for a grace period of RCU, some milliseconds of them.
    {"cgroup2", NEW_ROOT GUEST_CGROUP, MS_NOSUID | MS_NODEV | MS_NOEXEC, "favordynmods"},
};

static int make_folder(const char *path, holm_error **error) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        holm_error_set_errno(error, errno, "make folder %s", path);
        return -1;
    }
    return 0;
}

static int enter_new_root(holm_error **error) {
    if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0) {
        holm_error_set_errno(error, errno, "enter the new root");
        return -1;
    }
    return 0;
}

// Controllers are turned on one by one: a kernel without one of them still runs containers.
static void enable_controllers(const char *cgroup) {
    static const char *const controllers[] = {"+memory", "+cpu", "+io", "+pids", "+cpuset"};
    char path[128];
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", cgroup);
    for (size_t i = 0; i < array_length(controllers); i++)
        text_write(path, controllers[i], NULL);
}

// Compaction ahead of need would look twice a second whether there is any: of all that wakes an idle machine
// it was more than half. A machine without the setting does not compact ahead.
static void compact_when_needed(void) {
    text_write("/proc/sys/vm/compaction_proactiveness", "0", NULL);
}

int boot_filesystems(holm_error **error) {
    static const char *const folders[] = {GUEST_RUN, GUEST_ROOT, GUEST_LAYERS, GUEST_WRITABLE,
                                          CONTAINER_CGROUP};
    umask(022);
    for (size_t i = 0; i < array_length(filesystems); i++) {
        // sysfs brings the folder of cgroup2 along
        if (strcmp(filesystems[i].type, "cgroup2") != 0 && make_folder(filesystems[i].target, error) < 0)
            return -1;
        if (mount(filesystems[i].type, filesystems[i].target, filesystems[i].type, filesystems[i].flags,
                  filesystems[i].data) < 0) {
            holm_error_set_errno(error, errno, "mount %s", filesystems[i].type);
            return -1;
        }
    }
    if (enter_new_root(error) < 0 || make_folder("/run", error) < 0)
        return -1;
    for (size_t i = 0; i < array_length(folders); i++)
        if (make_folder(folders[i], error) < 0)
            return -1;
    enable_controllers(GUEST_CGROUP);
    compact_when_needed();
    return 0;
}

bool boot_is_template(void) {
    cleanup_free char *line = text_read(AT_FDCWD, "/proc/cmdline", 65536, NULL);
    const char *found = line ? strstr(line, "holm.template=1") : NULL;
    return found && (found == line || found[-1] == ' ');
}

int boot_wait_template(holm_error **error) {
    char line[64];
    static const char ready[] = "holm-template-ready\n";
    if (write(STDOUT_FILENO, ready, sizeof ready - 1) < 0) {
        holm_error_set_errno(error, errno, "write to the console");
        return -1;
    }
    for (;;) {
        ssize_t got = read(STDIN_FILENO, line, sizeof line);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            holm_error_set_errno(error, got < 0 ? errno : EPIPE, "read from the console");
            return -1;
        }
        if (got >= 2 && strncmp(line, "go", 2) == 0)
            return 0;
    }
}
