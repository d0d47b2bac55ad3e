#include "guest/changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/inside.h"
#include "guest/mount.h"

#define DEVICE "/dev/fuse-report"

// As in kernel/fuse-report.patch.
struct fuse_report {
    int32_t fd;
    uint32_t mask, cookie, raised;
    char name[NAME_MAX + 1];
};
struct fuse_report_mark {
    int32_t fd;
    uint32_t flags;
    uint64_t stamp;
};
#define FUSE_REPORT_WATCHED 1u
#define FUSE_REPORT_KEPT    2u
#define FUSE_REPORT_RAISE   _IOWR(0xe5, 32, struct fuse_report)
#define FUSE_REPORT_STAMP   _IOWR(0xe5, 33, struct fuse_report_mark)
#define FUSE_REPORT_FORGET  _IOW(0xe5, 34, struct fuse_report_mark)

typedef Holm__Agent__V1__ReportChangesRequest changes_request;
typedef Holm__Agent__V1__Change change;

typedef struct reporter {
    int device;
    int root;             // of the share's file system
    const change *before; // whose folder is open, or NULL
    int folder;           // -1: it is not there any more
} reporter;

static void reporter_finish(reporter *self) {
    const int fds[] = {self->device, self->root, self->folder};
    for (size_t i = 0; i < array_length(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

void changes_expect(void) {
    int device = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (device >= 0)
        close(device);
}

// A mount of its own, of which no path knows: the container may do with its mounts what it likes.
static int reporter_open(reporter *self, const char *tag, holm_error **error) {
    const mount_options options = {0};
    if ((self->device = open(DEVICE, O_RDWR | O_CLOEXEC)) < 0) {
        if (errno == ENOENT)
            holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                           "the guest's kernel cannot tell of changes on the host: build it anew");
        else
            holm_error_set_errno(error, errno, "open %s", DEVICE);
        return -1;
    }
    self->root = mount_create("virtiofs", tag, &options, error);
    return self->root < 0 ? -1 : 0;
}

static bool has_text(ProtobufCBinaryData bytes, size_t most) {
    return bytes.len <= most && !memchr(bytes.data ? bytes.data : (const uint8_t *)"", 0, bytes.len);
}

static bool same_folder(const change *a, const change *b) {
    return a->folder.len == b->folder.len && memcmp(a->folder.data, b->folder.data, a->folder.len) == 0;
}

// Links are not followed: the container can put one there at any moment.
static int open_folder(reporter *self, const change *one) {
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    char path[INSIDE_PATH_MAX + 1];
    if (self->before && same_folder(self->before, one))
        return self->folder;
    if (self->folder >= 0)
        close(self->folder);
    memcpy(path, one->folder.data, one->folder.len);
    path[one->folder.len] = 0;
    self->folder = (int)syscall(SYS_openat2, self->root, path, &how, sizeof how);
    self->before = one;
    return self->folder;
}

// Whether it has become an event: what is gone again by now, or was made here, does not.
static bool raise_one(reporter *self, const change *one) {
    struct fuse_report report = {.mask = one->mask, .cookie = one->cookie};
    if (!one->folder.len || !has_text(one->folder, INSIDE_PATH_MAX) || !has_text(one->name, NAME_MAX))
        return false;
    report.fd = open_folder(self, one);
    if (one->name.len)
        memcpy(report.name, one->name.data, one->name.len);
    return report.fd >= 0 && ioctl(self->device, FUSE_REPORT_RAISE, &report) == 0 && report.raised;
}

// What was answered until the stamp has been made before the mark, and is told before it.
static int set_mark(const reporter *self, holm_error **error) {
    if (utimensat(self->root, ".", NULL, 0) == 0)
        return 0;
    holm_error_set_errno(error, errno, "mark the changes of a share");
    return -1;
}

ProtobufCMessage *changes_report(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const changes_request *request = (const void *)message;
    cleanup(reporter_finish) reporter to = {.device = -1, .root = -1, .folder = -1};
    Holm__Agent__V1__ReportChangesResponse response = HOLM__AGENT__V1__REPORT_CHANGES_RESPONSE__INIT;
    (void)self;
    if (strchr(request->source, '/') || request->n_changes > AGENT_LIST_MAX) {
        holm_error_set(error, HOLM_ERROR_INVALID, "these are no changes of a share");
        return NULL;
    }
    if (reporter_open(&to, request->source, error) < 0)
        return NULL;
    struct fuse_report_mark mark = {.fd = to.root};
    if (ioctl(to.device, FUSE_REPORT_STAMP, &mark) < 0) {
        holm_error_set_errno(error, errno, "ask for events of a share");
        return NULL;
    }
    for (size_t i = 0; (mark.flags & FUSE_REPORT_WATCHED) && i < request->n_changes; i++)
        response.raised += raise_one(&to, request->changes[i]);
    if (request->forget) {
        mark.stamp = request->forget;
        ioctl(to.device, FUSE_REPORT_FORGET, &mark);
    }
    if (request->mark && ioctl(to.device, FUSE_REPORT_STAMP, &mark) == 0 && (mark.flags & FUSE_REPORT_KEPT)) {
        if (set_mark(&to, error) < 0)
            return NULL;
        response.stamp = mark.stamp;
    }
    return agent_copy_message(&response.base);
}
