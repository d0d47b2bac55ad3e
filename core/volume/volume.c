#include "core/volume/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

#define NAME_MOST     255
#define FILE_BYTES    16 // of randomness in a file's name
#define SIZE_LEAST    ((json_int_t)16 << 20)
#define SIZE_MOST     ((json_int_t)15 << 40)
#define JOURNAL_LEAST ((json_int_t)4 << 20)
#define JOURNAL_MOST  ((json_int_t)1 << 30)

static int random_hex(char *out, size_t bytes, holm_error **error) {
    uint8_t random[32];
    if (getrandom(random, bytes, 0) != (ssize_t)bytes) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the system has no random numbers for a name");
        return -1;
    }
    for (size_t i = 0; i < bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
    return 0;
}

// ---- what is asked for ----

static bool name_fits(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(name);
    return length >= 2 && length <= NAME_MOST && strchr(letters, name[0]) &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == 0;
}

static int complete_name(json_t *configuration, holm_error **error) {
    const char *name = json_string_value(json_object_get(configuration, "name"));
    if (!json_object_get(configuration, "name")) {
        char random[65];
        if (random_hex(random, 32, error) < 0)
            return -1;
        json_object_set_new(configuration, "name", json_string(random));
        return json_object_set_new(configuration, "anonymous", json_true());
    }
    if (name && name_fits(name))
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "\"%s\" is no name for a volume", name ? name : "");
    holm_error_hint(error,
                    "a name has 2 to %d letters, digits, \"_\", \".\" and \"-\", the first of them a "
                    "letter or digit",
                    NAME_MOST);
    return -1;
}

// {"mode", "sizeBytes"}, of which one may be left out.
static bool journal_fits(json_t *journal) {
    const char *key;
    json_t *value;
    json_object_foreach (journal, key, value)
        if (!(strcmp(key, "mode") == 0 && json_is_string(value)) &&
            !(strcmp(key, "sizeBytes") == 0 && json_is_integer(value)))
            return false;
    return json_object_size(journal) > 0;
}

static int check_journal(json_t *journal, json_int_t size, holm_error **error) {
    const char *mode = json_string_value(json_object_get(journal, "mode"));
    json_int_t bytes = json_integer_value(json_object_get(journal, "sizeBytes"));
    if (!journal)
        return 0;
    if (mode && strcmp(mode, "ordered") != 0 && strcmp(mode, "writeback") != 0 &&
        strcmp(mode, "journal") != 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no journal mode \"%.40s\"", mode);
        holm_error_hint(error, "the modes are ordered, writeback and journal");
        return -1;
    }
    if (bytes && (bytes < JOURNAL_LEAST || bytes > JOURNAL_MOST || bytes > size / 2)) {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a journal has 4 MiB to 1 GiB and at most half of its volume, not %lld bytes",
                       (long long)bytes);
        return -1;
    }
    return mode ? 0 : json_object_set_new(journal, "mode", json_string("ordered"));
}

static int check_keys(const json_t *configuration, holm_error **error) {
    const char *key, *label;
    json_t *value, *text;
    json_object_foreach ((json_t *)configuration, key, value) {
        bool fits = strcmp(key, "name") == 0        ? json_is_string(value)
                    : strcmp(key, "sizeBytes") == 0 ? json_is_integer(value)
                    : strcmp(key, "labels") == 0    ? json_is_object(value)
                    : strcmp(key, "journal") == 0   ? journal_fits(value)
                                                    : false;
        if (fits && strcmp(key, "labels") == 0)
            json_object_foreach (value, label, text)
                fits = fits && json_is_string(text);
        if (!fits) {
            holm_error_set(error, HOLM_ERROR_INVALID,
                           "the volume's configuration has no key \"%s\", or its value has the wrong type",
                           key);
            return -1;
        }
    }
    return 0;
}

int volume_complete(json_t *configuration, holm_error **error) {
    if (check_keys(configuration, error) < 0 || complete_name(configuration, error) < 0)
        return -1;
    json_t *size = json_object_get(configuration, "sizeBytes");
    if (!size)
        json_object_set_new(configuration, "sizeBytes", size = json_integer(VOLUME_SIZE_DEFAULT));
    if (json_integer_value(size) >= SIZE_LEAST && json_integer_value(size) <= SIZE_MOST)
        return check_journal(json_object_get(configuration, "journal"), json_integer_value(size), error);
    holm_error_set(error, HOLM_ERROR_INVALID, "a volume has 16 MiB to 15 TiB, not %lld bytes",
                   (long long)json_integer_value(size));
    return -1;
}

// ---- create, remove ----

static char *folder_of(const paths *where) {
    return path_join(where->data, "volumes", NULL);
}

char *volume_disk(const paths *where, const json_t *document) {
    const char *file = json_string_value(json_object_get(json_object_get(document, "status"), "file"));
    return path_join(where->data, "volumes", file ? file : "", NULL);
}

// The change and its event are one transaction.
static json_t *insert(state *db, const json_t *document, holm_error **error) {
    const char *name = json_string_value(json_object_get(document, "id"));
    if (state_begin(db, error) < 0)
        return NULL;
    json_t *made = state_volume_insert(db, document, error);
    bool done = made && state_event_add(db, "volume", "create", name, name, NULL, error) == 0;
    if (state_end(db, done, done ? error : NULL) == 0 && done)
        return made;
    json_decref(made);
    return NULL;
}

static int take_folder(const paths *where, bool exclusive, holm_error **error) {
    cleanup_free char *folder = folder_of(where);
    if (path_make_directories(folder, error) < 0)
        return -1;
    cleanup_free char *lock = path_join(folder, "lock", NULL);
    return file_lock(lock, exclusive, true, error);
}

// ---- drafts ----

int volume_draft_make(const paths *where, const char *empty, volume_draft *self, holm_error **error) {
    char random[2 * FILE_BYTES + 1];
    *self = (volume_draft){.lock = -1};
    // Shared by those who make one: the sweep waits for them.
    cleanup_close int lock = take_folder(where, false, error);
    if (lock < 0 || random_hex(random, FILE_BYTES, error) < 0)
        return -1;
    cleanup_free char *file = path_format("%s.ext4", random);
    cleanup_free char *path = path_join(where->data, "volumes", file, NULL);
    if (file_copy_sparse(empty, path, error) < 0)
        return -1;
    *self = (volume_draft){steal_pointer(&file), steal_pointer(&path), steal_fd(&lock)};
    return 0;
}

void volume_draft_finish(volume_draft *self) {
    if (self->path)
        unlink(self->path);
    if (self->path && self->lock >= 0)
        close(self->lock);
    free(self->file);
    free(self->path);
    *self = (volume_draft){.lock = -1};
}

// It is a volume's: what is left is the lock.
static void draft_is_kept(volume_draft *self) {
    close(steal_fd(&self->lock));
    free(steal_pointer(&self->path));
}

json_t *volume_draft_create(state *db, const json_t *configuration, volume_draft *self, holm_error **error) {
    const char *name = json_string_value(json_object_get(configuration, "name"));
    json_t *document = json_pack("{s:s, s:O, s:{s:s}}", "id", name, "configuration", configuration, "status",
                                 "file", self->file);
    json_t *made = insert(db, document, error);
    json_decref(document);
    if (made)
        draft_is_kept(self);
    return made;
}

static int replace(state *db, const char *name, const char *file, uint64_t size, holm_error **error) {
    if (state_begin_durable(db, error) < 0)
        return -1;
    bool done = state_volume_replace(db, name, file, size, error) == 0 &&
                state_event_add(db, "volume", "replace", name, name, NULL, error) == 0;
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

int volume_draft_replace(const paths *where, state *db, const json_t *document, uint64_t size,
                         volume_draft *self, holm_error **error) {
    if (file_sync(self->path, error) < 0 ||
        replace(db, json_string_value(json_object_get(document, "id")), self->file, size, error) < 0)
        return -1;
    draft_is_kept(self);
    return volume_unlink(where, document, error);
}

json_t *volume_create(const paths *where, state *db, const json_t *configuration, const char *empty,
                      holm_error **error) {
    cleanup(volume_draft_finish) volume_draft draft = {.lock = -1};
    json_t *made = volume_draft_make(where, empty, &draft, error) < 0
                       ? NULL
                       : volume_draft_create(db, configuration, &draft, error);
    if (!made)
        holm_error_wrap(error, "create the volume %s",
                        json_string_value(json_object_get(configuration, "name")));
    return made;
}

// ---- the file ----

void volume_fail_in_use(const json_t *document, const char *except, holm_error **error) {
    const json_t *users = json_object_get(json_object_get(document, "status"), "containers");
    const char *holder = NULL;
    size_t index;
    json_t *user;
    json_array_foreach (users, index, user) {
        const char *now = json_string_value(json_object_get(user, "state"));
        if ((!except || strcmp(json_string_value(json_object_get(user, "id")), except) != 0) &&
            strcmp(now, "created") != 0 && strcmp(now, "exited") != 0)
            holder = json_string_value(json_object_get(user, "name"));
    }
    holm_error_set(error, HOLM_ERROR_IN_USE, "the volume \"%s\" is in use by %s",
                   json_string_value(json_object_get(document, "id")),
                   holder ? holder : "another command of holm");
}

int volume_open(const paths *where, const json_t *document, bool writes, holm_error **error) {
    cleanup_free char *path = volume_disk(where, document);
    cleanup_close int fd = open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open the volume's file %s", path);
        return -1;
    }
    // One that has just been given another file is held by whoever did that.
    if (flock(fd, (writes ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink)
        return steal_fd(&fd);
    volume_fail_in_use(document, NULL, error);
    holm_error_hint(error, "stop what has it first");
    return -1;
}

bool volume_is_new(int fd) {
    unsigned char mounted[4] = {1};
    static const unsigned char never[sizeof mounted] = {0};
    return pread(fd, mounted, sizeof mounted, 1024 + 0x2c) == sizeof mounted &&
           memcmp(mounted, never, sizeof never) == 0;
}

// ---- remove ----

int volume_delete(state *db, const json_t *document, holm_error **error) {
    const char *name = json_string_value(json_object_get(document, "id"));
    return state_volume_delete(db, name, error) < 0
               ? -1
               : state_event_add(db, "volume", "remove", name, name, NULL, error);
}

static bool is_anonymous(const json_t *document) {
    return json_is_true(json_object_get(json_object_get(document, "configuration"), "anonymous"));
}

json_t *volume_delete_anonymous(state *db, const json_t *configuration) {
    json_t *gone = json_array(), *mount;
    size_t index;
    json_array_foreach (json_object_get(configuration, "mounts"), index, mount) {
        const char *type = json_string_value(json_object_get(mount, "type"));
        const char *name = json_string_value(json_object_get(mount, "source"));
        json_t *volume =
            type && name && strcmp(type, "volume") == 0 ? state_volume_get(db, name, NULL) : NULL;
        if (is_anonymous(volume) &&
            volume_delete(db, volume, NULL) == 0) // else another container has it, too
            json_array_append(gone, volume);
        json_decref(volume);
    }
    return gone;
}

int volume_unlink(const paths *where, const json_t *document, holm_error **error) {
    cleanup_free char *path = volume_disk(where, document);
    if (unlink(path) == 0 || errno == ENOENT)
        return 0;
    holm_error_set_errno(error, errno, "remove the volume's file %s", path);
    return -1;
}

int volume_remove(const paths *where, state *db, const json_t *document, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    bool done = volume_delete(db, document, error) == 0;
    return state_end(db, done, done ? error : NULL) == 0 && done ? volume_unlink(where, document, error) : -1;
}

// ---- sweep ----

static bool is_named(const json_t *list, const char *file) {
    size_t index;
    json_t *document;
    json_array_foreach (list, index, document) {
        const char *own = json_string_value(json_object_get(json_object_get(document, "status"), "file"));
        if (own && strcmp(own, file) == 0)
            return true;
    }
    return false;
}

int volume_sweep(const paths *where, state *db, holm_error **error) {
    cleanup_free char *folder = folder_of(where);
    cleanup_close int lock = take_folder(where, true, error);
    if (lock < 0)
        return -1;
    json_t *list = state_volume_list(db, error);
    DIR *files = list ? opendir(folder) : NULL;
    for (const struct dirent *entry; files && (entry = readdir(files));) {
        const char *end = strrchr(entry->d_name, '.');
        if (end && strcmp(end, ".ext4") == 0 && !is_named(list, entry->d_name))
            unlinkat(dirfd(files), entry->d_name, 0);
    }
    if (files)
        closedir(files);
    json_decref(list);
    return list ? 0 : -1;
}

void volume_measure(const paths *where, json_t *document) {
    cleanup_free char *path = volume_disk(where, document);
    struct stat status;
    json_int_t used = stat(path, &status) == 0 ? (json_int_t)status.st_blocks * 512 : 0;
    json_object_set_new(json_object_get(document, "status"), "usedBytes", json_integer(used));
}
