#include "core/container/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/base/trace.h"
#include "core/container/container_internal.h"
#include "core/container/published_socket.h"
#include "core/volume/volume.h"

// ---- names and places ----

bool container_id_valid(const char *id) {
    return strspn(id, "0123456789abcdef") == CONTAINER_ID_LENGTH && id[CONTAINER_ID_LENGTH] == 0;
}

char *container_folder(const paths *where, const char *id) {
    return path_join(where->data, "containers", id, NULL);
}

char *container_runtime_folder(const paths *where, const char *id) {
    return path_format("%s/c/%.*s", where->runtime, CONTAINER_SHORT_LENGTH, id);
}

char *container_socket(const paths *where, const char *id) {
    return path_format("%s/c/%.*s/shim.sock", where->runtime, CONTAINER_SHORT_LENGTH, id);
}

char *container_stall_mark(const paths *where, const char *id) {
    return path_format("%s/c/%.*s/stalled", where->runtime, CONTAINER_SHORT_LENGTH, id);
}

char *container_hidden_folder(const paths *where, const char *mark, const char *id) {
    return path_format("%s/containers/%s%s", where->data, mark, id);
}

int container_lock(const paths *where, const char *id, bool wait, holm_error **error) {
    cleanup_free char *folder = path_join(where->data, "containers", ".locks", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    cleanup_free char *path = path_format("%s/%.2s", folder, id);
    return file_lock(path, true, wait, error);
}

int container_life_lock(const paths *where, const char *id, bool wait, holm_error **error) {
    cleanup_free char *path = path_join(where->data, "containers", id, "lock", NULL);
    return file_lock(path, true, wait, error);
}

// By a socket of another kind, which is told of one that listens, and cannot be connected to it.
bool container_answers(const paths *where, const char *id) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *path = container_socket(where, id);
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EPROTOTYPE;
}

bool container_document_at_rest(const json_t *document) {
    const char *now = json_string_value(json_object_get(json_object_get(document, "status"), "state"));
    return now && (strcmp(now, "created") == 0 || strcmp(now, "exited") == 0);
}

int container_life_lock_at_rest(const paths *where, state *db, const char *id, holm_error **error) {
    json_t *document = state_container_get(db, id, NULL);
    // One that listens was started by somebody who was killed before the row said so.
    bool ends = container_document_at_rest(document) && !container_answers(where, id);
    json_decref(document);
    return container_life_lock(where, id, ends, error);
}

bool container_is_alive(const paths *where, const char *id) {
    cleanup_free char *path = path_join(where->data, "containers", id, "lock", NULL);
    return file_is_locked(path);
}

void container_settle(const paths *where, const char *id) {
    cleanup_close int lock = container_lock(where, id, true, NULL); // nobody is on the way now
    if (lock < 0 || !container_is_alive(where, id) || container_answers(where, id))
        return;
    trace_step("its shim ends");
    cleanup_free char *path = path_join(where->data, "containers", id, "lock", NULL);
    file_wait_holder(path, SHIM_ENDS_MS);
}

static bool exists(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

static int make_id(char id[CONTAINER_ID_LENGTH + 1], holm_error **error) {
    uint8_t random[CONTAINER_ID_LENGTH / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the system has no random numbers for an id");
        return -1;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    return 0;
}

// ---- create ----

// Everything of the folder under a hidden name: it appears whole, or is swept.
static int fill_folder(const char *folder, const json_t *configuration, const char *id, const char *disk,
                       holm_error **error) {
    cleanup_free char *logs = path_join(folder, "log", NULL);
    if (path_make_directories(logs, error) < 0)
        return -1;
    fault_point("create.folder-made");
    cleanup_free char *writable = path_join(folder, "rw.ext4", NULL);
    if (file_copy_sparse(disk, writable, error) < 0)
        return -1;
    fault_point("create.disk-copied");
    cleanup_free char *path = path_join(folder, "config.json", NULL);
    json_t *form = configuration_to_oci(configuration, id);
    cleanup_free char *text = form ? json_dumps(form, JSON_INDENT(2)) : NULL;
    json_decref(form);
    if (!text) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the configuration cannot be written as JSON");
        return -1;
    }
    if (file_write(path, text, strlen(text), error) < 0)
        return -1;
    fault_point("create.configuration-written");
    return 0;
}

// A volume that a row names cannot be removed: what is there within the transaction stays.
static int check_volumes(state *db, const json_t *configuration, holm_error **error) {
    size_t index;
    json_t *mount;
    json_array_foreach (json_object_get(configuration, "mounts"), index, mount) {
        const char *source = json_string_value(json_object_get(mount, "source"));
        if (configuration_mount_is_bind(mount))
            continue;
        json_t *volume = state_volume_get(db, source ? source : "", error);
        json_decref(volume);
        if (!volume)
            return -1;
    }
    return 0;
}

// Row, addresses and event in one transaction; the document gets its networks.
static int insert_row(state *db, json_t *document, holm_error **error) {
    const char *id = json_string_value(json_object_get(document, "id"));
    json_t *configuration = json_object_get(document, "configuration"),
           *status = json_object_get(document, "status");
    json_t *attributes = json_pack("{s:O}", "image", json_object_get(configuration, "image")), *network;
    size_t index;
    bool done = false;
    if (state_begin(db, error) == 0) {
        done =
            check_volumes(db, configuration, error) == 0 && state_container_insert(db, document, error) == 0;
        json_array_foreach (json_object_get(configuration, "networks"), index, network)
            done = done &&
                   container_network_take(db, id, network, json_object_get(status, "networks"), error) == 0;
        done = done && state_container_update(db, id, NULL, status, error) == 0 &&
               state_event_add(db, "container", "create", id,
                               json_string_value(json_object_get(configuration, "name")), attributes,
                               error) == 0;
        done = state_end(db, done, done ? error : NULL) == 0 && done;
    }
    json_decref(attributes);
    return done ? 0 : -1;
}

static bool name_is_taken(state *db, const char *name, holm_error **error) {
    json_t *other = state_container_get(db, name, NULL);
    bool taken =
        other && strcmp(json_string_value(json_object_get(json_object_get(other, "configuration"), "name")),
                        name) == 0;
    json_decref(other);
    if (taken) {
        holm_error_set(error, HOLM_ERROR_EXISTS, "the name \"%s\" is taken by another container", name);
        holm_error_hint(error, "choose another name, or remove that container (holm rm %s)", name);
    }
    return taken;
}

static int create_all(const paths *where, state *db, json_t *document, const char *disk, holm_error **error) {
    const char *id = json_string_value(json_object_get(document, "id"));
    cleanup_free char *folder = container_folder(where, id);
    cleanup_free char *hidden = container_hidden_folder(where, CONTAINER_NEW, id);
    cleanup_close int lock = container_lock(where, id, true, error);
    if (lock < 0)
        return -1;
    fault_point("create.locked");
    if (fill_folder(hidden, json_object_get(document, "configuration"), id, disk, error) < 0) {
        path_remove_tree(hidden, NULL);
        return -1;
    }
    if (rename(hidden, folder) < 0) {
        holm_error_set_errno(error, errno, "put the container's folder %s in its place", folder);
        path_remove_tree(hidden, NULL);
        return -1;
    }
    fault_point("create.folder-renamed");
    if (insert_row(db, document, error) < 0) {
        path_remove_tree(folder, NULL);
        return -1;
    }
    trace_step("create the container");
    fault_point("create.row-written");
    return 0;
}

json_t *container_create(const paths *where, state *db, const json_t *request, const json_t *image,
                         const char *disk, const configuration_defaults *defaults, holm_error **error) {
    char id[CONTAINER_ID_LENGTH + 1], now[CONTAINER_TIME_LENGTH];
    if (make_id(id, error) < 0)
        return NULL;
    json_t *configuration = configuration_complete(request, image, id, defaults, error);
    if (!configuration)
        return NULL;
    const char *name = json_string_value(json_object_get(configuration, "name"));
    if (name_is_taken(db, name, error)) {
        json_decref(configuration);
        return NULL;
    }
    json_t *document =
        json_pack("{s:s, s:o, s:{s:s, s:i, s:s, s:[]}}", "id", id, "configuration", configuration, "status",
                  "state", "created", "restartCount", 0, "createdAt", container_time_now(now), "networks");
    if (create_all(where, db, document, disk, error) < 0) {
        holm_error_wrap(error, "create the container %s", name);
        json_decref(document);
        return NULL;
    }
    return document;
}

// ---- remove ----

// *gone: the volumes whose rows went along.
static int delete_row(state *db, const char *id, bool volumes, json_t **gone, holm_error **error) {
    json_t *document = state_container_get(db, id, NULL);
    if (!document)
        return 0; // someone was faster
    const json_t *configuration = json_object_get(document, "configuration");
    const char *name = json_string_value(json_object_get(configuration, "name"));
    bool done = false;
    state_take_spare(db);
    if (state_begin(db, error) == 0) {
        done = state_address_release(db, NULL, id, error) == 0 &&
               state_container_delete(db, id, error) == 0 &&
               state_event_add(db, "container", "remove", id, name, NULL, error) == 0;
        if (done && (volumes || json_is_true(json_object_get(configuration, "removeOnExit"))))
            *gone = volume_delete_anonymous(db, configuration);
        done = state_end(db, done, done ? error : NULL) == 0 && done;
    }
    json_decref(document);
    return done ? 0 : -1;
}

// ---- its changes on their way into an image ----

/// Those of this container: all, or what no commit holds any more.
static void sweep_commits(const paths *where, const char *id, bool all) {
    cleanup_free char *folder = path_join(where->data, "commits", NULL);
    cleanup_directory DIR *list = opendir(folder);
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        if (strncmp(entry->d_name, id, CONTAINER_ID_LENGTH) != 0)
            continue;
        cleanup_close int fd = openat(dirfd(list), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (all || (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0))
            unlinkat(dirfd(list), entry->d_name, 0);
    }
}

int container_commit_make(const paths *where, const char *id, char **path, holm_error **error) {
    cleanup_free char *folder = path_join(where->data, "commits", NULL);
    if (path_make_directories(folder, error) < 0)
        return -1;
    sweep_commits(where, id, false);
    for (;;) {
        cleanup_free char *name = path_format("%s/%s.XXXXXX.tar", folder, id);
        cleanup_close int fd = mkostemps(name, strlen(".tar"), O_CLOEXEC);
        struct stat status;
        if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &status) < 0) {
            holm_error_set_errno(error, errno, "make %s", name);
            return -1;
        }
        if (status.st_nlink == 0)
            continue; // swept by another before it was locked
        *path = steal_pointer(&name);
        return steal_fd(&fd);
    }
}

// ---- removal ----

// A file that stays without its row is swept later.
static int unlink_volumes(const paths *where, const json_t *volumes, holm_error **error) {
    size_t index;
    json_t *volume;
    fault_point("remove.volumes-deleted");
    json_array_foreach (volumes, index, volume)
        if (volume_unlink(where, volume, error) < 0)
            return -1;
    return 0;
}

int container_remove_locked(const paths *where, state *db, const char *id, bool volumes, holm_error **error) {
    cleanup_free char *folder = container_folder(where, id);
    cleanup_free char *gone = container_hidden_folder(where, CONTAINER_GONE, id);
    cleanup_free char *runtime = container_runtime_folder(where, id);
    fault_point("remove.locked");
    json_t *configuration = container_configuration_read(where, id, NULL);
    published_sockets_remove(configuration); // of a shim that was killed
    json_decref(configuration);
    if (rename(folder, gone) < 0 && errno != ENOENT) {
        holm_error_set_errno(error, errno, "take the container's folder %s away", folder);
        return -1;
    }
    fault_point("remove.folder-renamed");
    json_t *gone_volumes = NULL;
    int result = delete_row(db, id, volumes, &gone_volumes, error);
    if (result == 0)
        result = unlink_volumes(where, gone_volumes, error);
    json_decref(gone_volumes);
    if (result < 0)
        return -1;
    fault_point("remove.row-deleted");
    path_remove_tree(runtime, NULL);
    sweep_commits(where, id, true);
    if (path_remove_tree(gone, error) < 0)
        return -1;
    fault_point("remove.folder-deleted");
    return 0;
}

int container_remove(const paths *where, state *db, const char *id, bool volumes, holm_error **error) {
    cleanup_close int lock = container_lock(where, id, true, error);
    if (lock < 0)
        return -1;
    cleanup_free char *folder = container_folder(where, id);
    cleanup_close int life = -1;
    if (exists(folder)) {
        holm_error *cause = NULL;
        life = container_life_lock_at_rest(where, db, id, &cause);
        if (life < 0 && holm_error_code_of(cause) == HOLM_ERROR_IN_USE) {
            holm_error_free(cause);
            holm_error_set(error, HOLM_ERROR_IN_USE, "the container %.12s runs", id);
            holm_error_hint(error, "stop it first, or remove it with --force");
            return -1;
        }
        if (life < 0) {
            holm_error_propagate(error, cause);
            return -1;
        }
    }
    return container_remove_locked(where, db, id, volumes, error);
}
