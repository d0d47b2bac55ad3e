// Putting state.db and the folders right after something was killed.
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/fault.h"
#include "core/base/file.h"
#include "core/container/container_internal.h"

#define CONFIGURATION_MOST (8u << 20)

char *container_time_text(int64_t unix_ns, char out[CONTAINER_TIME_LENGTH]) {
    time_t seconds = unix_ns / 1000000000;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t length = strftime(out, CONTAINER_TIME_LENGTH, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, CONTAINER_TIME_LENGTH - length, ".%09dZ", (int)(unix_ns % 1000000000));
    return out;
}

char *container_time_now(char out[CONTAINER_TIME_LENGTH]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return container_time_text(now.tv_sec * 1000000000LL + now.tv_nsec, out);
}

json_t *container_configuration_read(const paths *where, const char *id, holm_error **error) {
    cleanup_free char *path = path_join(where->data, "containers", id, "config.json", NULL);
    cleanup_buffer buffer text = BUFFER_INIT;
    if (file_read(path, CONFIGURATION_MOST, &text, error) < 0)
        return NULL;
    json_error_t problem;
    json_t *form = json_loadb(buffer_text(&text), text.length, 0, &problem);
    json_t *configuration = json_incref(json_object_get(form, "holm"));
    json_decref(form);
    if (!json_is_object(configuration)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s is not a container's configuration", path);
        json_decref(configuration);
        return NULL;
    }
    return configuration;
}

static bool is_folder(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool runs(const char *state_name) {
    return state_name && strcmp(state_name, "created") != 0 && strcmp(state_name, "exited") != 0;
}

static int mark_lost(const paths *where, state *db, const json_t *document, holm_error **error) {
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *name = json_string_value(json_object_get(json_object_get(document, "configuration"), "name"));
    const char *before = json_string_value(json_object_get(json_object_get(document, "status"), "state"));
    char now[CONTAINER_TIME_LENGTH];
    json_t *changes =
        json_pack("{s:s, s:i, s:s, s:s, s:n}", "state", "exited", "exitCode", CONTAINER_LOST_CODE, "reason",
                  "shim-lost", "finishedAt", container_time_now(now), "pid");
    json_t *attributes = json_pack("{s:i, s:s}", "exitCode", CONTAINER_LOST_CODE, "reason", "shim-lost");
    cleanup_free char *runtime = container_runtime_folder(where, id);
    path_remove_tree(runtime, NULL);
    bool done = false;
    state_take_spare(db);
    if (state_begin(db, error) == 0) {
        done = state_container_update(db, id, before, changes, error) == 0 &&
               state_event_add(db, "container", "die", id, name, attributes, error) == 0;
        done = state_end(db, done, done ? error : NULL) == 0 && done;
    }
    json_decref(changes);
    json_decref(attributes);
    return done ? 0 : -1;
}

// Under the lock: nobody creates, launches or removes it meanwhile. Its row is read again.
static int reconcile_locked(const paths *where, state *db, const char *id, holm_error **error) {
    json_t *document = state_container_get(db, id, NULL);
    cleanup_free char *folder = container_folder(where, id);
    cleanup_free char *fresh = container_hidden_folder(where, CONTAINER_NEW, id);
    cleanup_free char *gone = container_hidden_folder(where, CONTAINER_GONE, id);
    int result = 0;
    if (is_folder(fresh))
        result |= path_remove_tree(fresh, error);
    if (!document || !is_folder(folder)) {
        cleanup_close int life = is_folder(folder) ? container_life_lock(where, id, false, NULL) : -1;
        if (result == 0 && (life >= 0 || !is_folder(folder)) &&
            (document || is_folder(folder) || is_folder(gone)))
            result = container_remove_locked(where, db, id, false, error);
        json_decref(document);
        return result;
    }
    const char *now = json_string_value(json_object_get(json_object_get(document, "status"), "state"));
    cleanup_free char *runtime = container_runtime_folder(where, id);
    if (runs(now) || is_folder(runtime)) {
        cleanup_close int life = container_life_lock(where, id, false, NULL);
        if (life >= 0 && result == 0)
            result = runs(now) ? mark_lost(where, db, document, error) : path_remove_tree(runtime, error);
    }
    json_decref(document);
    return result;
}

int container_reconcile(const paths *where, state *db, const char *id, holm_error **error) {
    cleanup_close int lock = container_lock(where, id, false, NULL);
    return lock < 0 ? 0 : reconcile_locked(where, db, id, error);
}

// The id that a folder's name speaks of, or NULL.
static const char *id_of_folder(const char *name) {
    static const char *const marks[] = {CONTAINER_NEW, CONTAINER_GONE};
    for (size_t i = 0; i < array_length(marks); i++)
        if (strncmp(name, marks[i], strlen(marks[i])) == 0)
            name += strlen(marks[i]);
    return container_id_valid(name) ? name : NULL;
}

static int reconcile_folders(const paths *where, state *db, const json_t *states, holm_error **error) {
    cleanup_free char *folder = path_join(where->data, "containers", NULL);
    cleanup_directory DIR *directory = opendir(folder);
    if (!directory) {
        if (errno == ENOENT)
            return 0;
        holm_error_set_errno(error, errno, "read the folder %s", folder);
        return -1;
    }
    struct dirent *entry;
    int result = 0;
    while ((entry = readdir(directory))) {
        const char *id = id_of_folder(entry->d_name);
        if (id && result == 0 && (entry->d_name[0] == '.' || !json_object_get(states, id)))
            result = container_reconcile(where, db, id, error);
    }
    return result;
}

int container_reconcile_all(const paths *where, state *db, holm_error **error) {
    json_t *states = state_container_states(db, error);
    if (!states)
        return -1;
    const char *id;
    json_t *now;
    int result = reconcile_folders(where, db, states, error);
    json_object_foreach (states, id, now) {
        cleanup_free char *folder = container_folder(where, id);
        cleanup_free char *runtime = container_runtime_folder(where, id);
        bool wrong = (runs(json_string_value(now)) || is_folder(runtime)) && !container_is_alive(where, id);
        if (result == 0 && (wrong || !is_folder(folder)))
            result = container_reconcile(where, db, id, error);
    }
    json_decref(states);
    return result;
}
