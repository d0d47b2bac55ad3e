// What a container mounts, in state.db: asked for with its creation, more and less later.
#include <string.h>

#include "core/container/container_internal.h"

static const char *const lists[] = {"mounts", "tmpfs"};

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *name_of(const json_t *document) {
    return text_of(json_object_get(document, "configuration"), "name");
}

static json_t *list_of(const json_t *document, const char *list) {
    return json_object_get(json_object_get(document, "configuration"), list);
}

// Both lists of its configuration; the caller owns them.
static json_t *lists_of(const json_t *document) {
    json_t *both = json_object();
    for (size_t i = 0; i < array_length(lists); i++) {
        json_t *list = list_of(document, lists[i]);
        json_object_set_new(both, lists[i], list ? json_deep_copy(list) : json_array());
    }
    return both;
}

// ---- one more ----

// Those in memory come last at a start, and cover what is beneath them.
static int check_beside(const json_t *document, const char *list, const char *place, bool in_memory,
                        holm_error **error) {
    size_t index;
    json_t *other;
    json_array_foreach (list_of(document, list), index, other) {
        const char *taken = text_of(other, "destination");
        bool within = configuration_place_is_in(place, taken);
        bool over = configuration_place_is_in(taken, place);
        if (within && over)
            holm_error_set(error, HOLM_ERROR_EXISTS, "something is mounted at %s of %s already", taken,
                           name_of(document));
        else if (over)
            holm_error_set(error, HOLM_ERROR_IN_USE, "a mount at %s would cover the one at %s", place, taken);
        else if (within && !in_memory && configuration_mount_is_tmpfs(other))
            holm_error_set(error, HOLM_ERROR_INVALID,
                           "%s is in the file system in memory at %s, which would cover it at the next start",
                           place, taken);
        else
            continue;
        return -1;
    }
    return 0;
}

static int check_new(state *db, const json_t *document, const json_t *mount, holm_error **error) {
    bool in_memory = configuration_mount_is_tmpfs(mount);
    for (size_t i = 0; i < array_length(lists); i++)
        if (check_beside(document, lists[i], text_of(mount, "destination"), in_memory, error) < 0)
            return -1;
    if (in_memory || configuration_mount_is_bind(mount))
        return 0;
    json_t *volume = state_volume_get(db, text_of(mount, "source"), error);
    json_decref(volume);
    return volume ? 0 : -1;
}

static int add(state *db, const json_t *document, const json_t *asked, json_t *both, holm_error **error) {
    for (size_t i = 0; i < array_length(lists); i++) {
        size_t index;
        json_t *mount;
        json_array_foreach (json_object_get(asked, lists[i]), index, mount) {
            if (check_new(db, document, mount, error) < 0)
                return -1;
            json_array_append(json_object_get(both, lists[i]), mount);
        }
    }
    return configuration_check(both, error);
}

// ---- one less ----

static int check_nothing_within(const json_t *document, const char *place, const json_t *itself,
                                holm_error **error) {
    for (size_t i = 0; i < array_length(lists); i++) {
        size_t index;
        json_t *other;
        json_array_foreach (list_of(document, lists[i]), index, other) {
            const char *taken = text_of(other, "destination");
            if (other == itself || !configuration_place_is_in(taken, place))
                continue;
            holm_error_set(error, HOLM_ERROR_IN_USE, "%s is mounted in %s: take that away first", taken,
                           place);
            return -1;
        }
    }
    return 0;
}

// The list it is in and its place there.
static json_t *find(const json_t *document, const char *place, const char **list, size_t *index,
                    holm_error **error) {
    for (size_t i = 0; i < array_length(lists); i++) {
        json_t *mount;
        size_t at;
        json_array_foreach (list_of(document, lists[i]), at, mount) {
            const char *taken = text_of(mount, "destination");
            *list = lists[i];
            *index = at;
            if (configuration_place_is_in(taken, place) && configuration_place_is_in(place, taken))
                return mount;
        }
    }
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "nothing is mounted at %s of %s", place, name_of(document));
    holm_error_hint(error, "holm mount %s shows its mounts", name_of(document));
    return NULL;
}

static json_t *find_free(const json_t *document, const char *place, const char **list, size_t *index,
                         holm_error **error) {
    json_t *mount = find(document, place, list, index, error);
    return mount && check_nothing_within(document, place, mount, error) == 0 ? mount : NULL;
}

int container_mount_find(state *db, const char *id, const char *place, json_t **mount, holm_error **error) {
    json_t *document = state_container_get(db, id, error);
    const char *list;
    size_t index;
    *mount = document ? json_incref(find_free(document, place, &list, &index, error)) : NULL;
    json_decref(document);
    return *mount ? 0 : -1;
}

// ---- the row ----

static int tell(state *db, const json_t *document, const json_t *mount, bool adds, holm_error **error) {
    json_t *attributes = json_pack("{s:O, s:O*}", "destination", json_object_get(mount, "destination"),
                                   "source", json_object_get(mount, "source"));
    int result = state_event_add(db, "container", adds ? "mount" : "unmount", text_of(document, "id"),
                                 name_of(document), attributes, error);
    json_decref(attributes);
    return result;
}

static const json_t *only_one(const json_t *asked) {
    const json_t *list = json_object_get(asked, "mounts");
    return json_array_get(list ? list : json_object_get(asked, "tmpfs"), 0);
}

int container_mount_add(state *db, const char *id, const json_t *asked, bool tells, json_t **before,
                        holm_error **error) {
    if (configuration_check_mount(asked, error) < 0 || state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error);
    json_t *both = lists_of(document);
    bool done = document && add(db, document, asked, both, error) == 0 &&
                state_container_configure(db, id, both, error) == 0 &&
                (!tells || tell(db, document, only_one(asked), true, error) == 0);
    done = state_end(db, done, done ? error : NULL) == 0 && done;
    if (done && before)
        *before = lists_of(document);
    json_decref(document);
    json_decref(both);
    return done ? 0 : -1;
}

int container_mount_added(state *db, const char *id, const json_t *asked, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error);
    bool done = document && tell(db, document, only_one(asked), true, error) == 0;
    json_decref(document);
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

int container_mount_restore(state *db, const char *id, const json_t *before, holm_error **error) {
    return state_container_configure(db, id, before, error);
}

int container_mount_remove(state *db, const char *id, const char *place, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error), *both = lists_of(document);
    const char *list;
    size_t index;
    const json_t *mount = document ? find_free(document, place, &list, &index, error) : NULL;
    bool done = mount && json_array_remove(json_object_get(both, list), index) == 0 &&
                state_container_configure(db, id, both, error) == 0 &&
                tell(db, document, mount, false, error) == 0;
    json_decref(document);
    json_decref(both);
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

int container_mount_add_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                                holm_error **error) {
    cleanup_close int lock = container_hold_at_rest(where, db, id, error);
    return lock < 0 ? -1 : container_mount_add(db, id, asked, true, NULL, error);
}

int container_mount_remove_at_rest(const paths *where, state *db, const char *id, const char *place,
                                   holm_error **error) {
    cleanup_close int lock = container_hold_at_rest(where, db, id, error);
    return lock < 0 ? -1 : container_mount_remove(db, id, place, error);
}

bool container_mount_is_there(const json_t *document, const json_t *mount) {
    size_t index;
    json_t *other;
    json_array_foreach (list_of(document, configuration_mount_is_tmpfs(mount) ? "tmpfs" : "mounts"), index,
                        other)
        if (json_equal(other, mount))
            return true;
    return false;
}
