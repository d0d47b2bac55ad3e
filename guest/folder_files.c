#include "guest/folder_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/account.h"
#include "guest/inside.h"
#include "guest/text.h"

#define OWNERS_MAX     64 ///< whose names are kept; one more is looked up each time
#define OWNER_NAME_MAX 32
#define ENTRY_BYTES    96 ///< that an entry takes beside its name and target

// ---- owners ----

typedef struct owner {
    uint32_t id;
    char *name;
} owner;

typedef struct owners {
    char *file; ///< passwd or group
    char *(*find)(const char *file, uint32_t id);
    owner known[OWNERS_MAX];
    size_t count;
} owners;

static char *read_inside(int root, const char *path) {
    cleanup_close int fd = inside_open(root, path, O_RDONLY | O_NONBLOCK, 0, NULL);
    char *text = fd < 0 ? NULL : text_read_fd(fd, ACCOUNT_FILE_MAX, NULL);
    return text ? text : strdup("");
}

// A name that is none for a reader, or for a screen, is left out: the number tells.
static char *find_name(const owners *self, uint32_t id) {
    char *name = self->find(self->file, id);
    if (!name || strlen(name) > OWNER_NAME_MAX)
        return strdup("");
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return strdup("");
    return name;
}

static char *owner_name(owners *self, uint32_t id) {
    for (size_t i = 0; i < self->count; i++)
        if (self->known[i].id == id)
            return self->known[i].name;
    char *name = find_name(self, id);
    if (self->count < OWNERS_MAX)
        self->known[self->count++] = (owner){id, name};
    return name;
}

// ---- names ----

typedef struct found {
    char *name;
    bool folder;
} found;

static int compare_found(const void *left, const void *right) {
    const found *a = left, *b = right;
    return a->folder != b->folder ? b->folder - a->folder : strcmp(a->name, b->name);
}

static int read_names(DIR *folder, found *names, size_t *count, bool *more, holm_error **error) {
    size_t bytes = 0;
    for (struct dirent *entry; errno = 0, (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        bytes += strlen(entry->d_name);
        *more = *count == FOLDER_NAMES_MAX || bytes > 2 * FOLDER_ANSWER_MAX;
        if (*more)
            return 0;
        char *name = strdup(entry->d_name);
        if (!name)
            abort();
        names[(*count)++] = (found){name, entry->d_type == DT_DIR};
    }
    if (!errno)
        return 0;
    holm_error_set_errno(error, errno, "read the folder");
    return -1;
}

// ---- entries ----

typedef struct listing {
    int root, folder;
    const char *path; ///< of the folder, from the root
    owners users, groups;
} listing;

// The link as it is seen from its folder, within the root.
static void fill_target(const listing *self, const char *name, Holm__Agent__V1__FolderEntry *entry) {
    char target[PATH_MAX], whole[2 * PATH_MAX];
    struct stat status;
    ssize_t length = readlinkat(self->folder, name, target, sizeof target);
    if (length <= 0)
        return;
    entry->target.data = malloc((size_t)length);
    if (!entry->target.data)
        abort();
    memcpy(entry->target.data, target, (size_t)length);
    entry->target.len = (size_t)length;
    snprintf(whole, sizeof whole, "%s/%s", self->path, name);
    cleanup_close int fd = inside_open(self->root, whole, O_PATH, 0, NULL);
    if (fd >= 0 && fstat(fd, &status) == 0)
        entry->target_mode = status.st_mode;
}

// NULL: it is gone meanwhile.
static Holm__Agent__V1__FolderEntry *describe(listing *self, char *name) {
    struct stat status;
    if (fstatat(self->folder, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
        return NULL;
    Holm__Agent__V1__FolderEntry *entry = malloc(sizeof *entry);
    if (!entry)
        abort();
    holm__agent__v1__folder_entry__init(entry);
    entry->name = (ProtobufCBinaryData){.len = strlen(name), .data = (uint8_t *)name};
    entry->mode = status.st_mode;
    entry->uid = status.st_uid;
    entry->gid = status.st_gid;
    entry->user = owner_name(&self->users, status.st_uid);
    entry->group = owner_name(&self->groups, status.st_gid);
    entry->size = (uint64_t)status.st_size;
    entry->mtime_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
    if (S_ISLNK(status.st_mode))
        fill_target(self, name, entry);
    return entry;
}

static void describe_all(listing *self, const found *names, size_t count,
                         Holm__Agent__V1__FolderResponse *response) {
    size_t bytes = 0, at = 0;
    response->entries = calloc(FOLDER_ENTRIES_MAX, sizeof *response->entries);
    if (!response->entries)
        abort();
    for (; at < count && response->n_entries < FOLDER_ENTRIES_MAX && bytes < FOLDER_ANSWER_MAX; at++) {
        Holm__Agent__V1__FolderEntry *entry = describe(self, names[at].name);
        if (!entry)
            continue;
        bytes += ENTRY_BYTES + entry->name.len + entry->target.len;
        response->entries[response->n_entries++] = entry;
    }
    response->left_out = count - at;
}

// ---- the calls ----

static char *path_of(const ProtobufCBinaryData *path, holm_error **error) {
    char *text = path->len <= INSIDE_PATH_MAX && (path->len == 0 || !memchr(path->data, 0, path->len))
                     ? strndup((const char *)path->data, path->len)
                     : NULL;
    if (!text)
        holm_error_set(error, HOLM_ERROR_INVALID, "that is no path");
    return text;
}

static char *find_user(const char *file, uint32_t id) {
    return account_name(file, id);
}

static char *find_group(const char *file, uint32_t id) {
    return account_group_name(file, id);
}

static int open_folder(int root, const char *path, holm_error **error) {
    struct stat status;
    cleanup_close int place = inside_open(root, path, O_PATH, 0, error);
    if (place < 0)
        return -1;
    if (fstat(place, &status) == 0 && !S_ISDIR(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is no folder", path);
        return -1;
    }
    int folder = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        holm_error_set_errno(error, errno, "open %s", path);
    return folder;
}

int folder_files_list(const ProtobufCBinaryData *path, Holm__Agent__V1__FolderResponse *response,
                      holm_error **error) {
    listing self = {.path = path_of(path, error), .users.find = find_user, .groups.find = find_group};
    bool more = false;
    size_t count = 0;
    found *names = calloc(FOLDER_NAMES_MAX, sizeof *names);
    if (!names)
        abort();
    if (!self.path || (self.root = inside_root(false, error)) < 0 ||
        (self.folder = open_folder(self.root, self.path, error)) < 0)
        return -1;
    DIR *folder = fdopendir(dup(self.folder));
    if (!folder) {
        holm_error_set_errno(error, errno, "open %s", self.path);
        return -1;
    }
    if (read_names(folder, names, &count, &more, error) < 0)
        return -1;
    qsort(names, count, sizeof *names, compare_found);
    self.users.file = read_inside(self.root, "/etc/passwd");
    self.groups.file = read_inside(self.root, "/etc/group");
    describe_all(&self, names, count, response);
    response->more = more;
    return 0;
}

// A device or a pipe is not opened: that alone can do something.
int folder_files_read(const ProtobufCBinaryData *path, Holm__Agent__V1__FileResponse *response,
                      holm_error **error) {
    struct stat status;
    char *text = path_of(path, error);
    int root = text ? inside_root(false, error) : -1;
    int place = root < 0 ? -1 : inside_open(root, text, O_PATH, 0, error);
    if (place < 0)
        return -1;
    if (fstat(place, &status) < 0 || !S_ISREG(status.st_mode)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "%s is no file with text in it", text);
        return -1;
    }
    int fd = open(inside_link_of(place).path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    response->content.data = malloc(FOLDER_FILE_MAX);
    if (fd < 0 || !response->content.data) {
        holm_error_set_errno(error, errno, "open %s", text);
        return -1;
    }
    response->size = (uint64_t)status.st_size;
    for (ssize_t got = 1; got > 0 && response->content.len < FOLDER_FILE_MAX;) {
        got =
            read(fd, response->content.data + response->content.len, FOLDER_FILE_MAX - response->content.len);
        if (got < 0 && errno != EINTR) {
            holm_error_set_errno(error, errno, "read %s", text);
            return -1;
        }
        response->content.len += got > 0 ? (size_t)got : 0;
    }
    return 0;
}
