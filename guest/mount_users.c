#include "guest/mount_users.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "guest/text.h"

#define NAMED_MOST     3
#define MOUNTINFO_MOST (1u << 20)

typedef struct search {
    unsigned major, minor;
    mount_is_meant is_meant;
    const void *data;
} search;

// The mount by its id, as that process has it.
static bool is_meant(const search *self, int process, uint64_t id) {
    cleanup_free char *text = text_read(process, "mountinfo", MOUNTINFO_MOST, NULL);
    mountinfo mount;
    char *line;
    for (char *rest = text; rest && (line = strsep(&rest, "\n"));)
        if (mountinfo_parse(line, &mount) && mount.id == id)
            return self->is_meant(&mount, self->data);
    return false;
}

// A link of /proc leads to what it stands for, whatever root that is in.
static bool link_leads_in(const search *self, int process, int folder, const char *name) {
    struct statx status;
    return statx(folder, name, 0, STATX_BASIC_STATS | STATX_MNT_ID, &status) == 0 &&
           status.stx_dev_major == self->major && status.stx_dev_minor == self->minor &&
           is_meant(self, process, status.stx_mnt_id);
}

static bool folder_leads_in(const search *self, int process, const char *name) {
    int fd = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_directory DIR *list = fd < 0 ? NULL : fdopendir(fd);
    bool found = false;
    for (const struct dirent *entry; list && !found && (entry = readdir(list));)
        found = entry->d_name[0] != '.' && link_leads_in(self, process, fd, entry->d_name);
    return found;
}

static bool uses(const search *self, int process) {
    static const char *const links[] = {"cwd", "root", "exe"};
    for (size_t i = 0; i < array_length(links); i++)
        if (link_leads_in(self, process, process, links[i]))
            return true;
    return folder_leads_in(self, process, "fd") || folder_leads_in(self, process, "map_files");
}

static void name_process(buffer *out, int process, const char *number, unsigned before) {
    cleanup_free char *name = text_read(process, "comm", 64, NULL);
    if (name)
        name[strcspn(name, "\n")] = 0;
    buffer_append_format(out, "%s%s (%s)", before ? ", " : "", name ? name : "a process", number);
}

void mount_users_append(buffer *out, unsigned major, unsigned minor, mount_is_meant meant, const void *data) {
    const search self = {major, minor, meant, data};
    unsigned found = 0;
    cleanup_directory DIR *list = opendir("/proc");
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || atoi(entry->d_name) == getpid())
            continue;
        cleanup_close int process = openat(dirfd(list), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process < 0 || !uses(&self, process))
            continue;
        if (found < NAMED_MOST)
            name_process(out, process, entry->d_name, found);
        found++;
    }
    if (found > NAMED_MOST)
        buffer_append_format(out, " and %u more", found - NAMED_MOST);
}
