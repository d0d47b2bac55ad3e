// Where things are mounted in a container, and one mount more while it runs.
#include <string.h>

#include "core/container/configuration_internal.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool configuration_mount_is_bind(const json_t *mount) {
    return strcmp(text_of(mount, "type"), "bind") == 0;
}

bool configuration_mount_is_tmpfs(const json_t *mount) {
    return json_object_get(mount, "type") == NULL;
}

// The next part of a path; its length is 0 at the end.
static size_t next_part(const char **at) {
    *at += strspn(*at, "/");
    return strcspn(*at, "/");
}

bool configuration_place_is_in(const char *place, const char *folder) {
    for (size_t length; (length = next_part(&folder)) > 0; folder += length, place += length)
        if (next_part(&place) != length || strncmp(place, folder, length) != 0)
            return false;
    return true;
}

bool configuration_place_is_standard(const char *place) {
    return configuration_place_is_in(place, "/proc") || configuration_place_is_in(place, "/sys") ||
           configuration_place_is_in(place, "/dev");
}

// Links are the guest's to follow; by what it spells a place has one name only.
static int check_place(const char *place, holm_error **error) {
    const char *at = place;
    size_t length, parts = 0;
    for (; (length = next_part(&at)) > 0; at += length, parts++)
        if (at[0] == '.' && (length == 1 || (length == 2 && at[1] == '.'))) {
            holm_error_set(error, HOLM_ERROR_INVALID, "the place of a mount has no . and .. in it: %.200s",
                           place);
            return -1;
        }
    if (parts > 0)
        return 0;
    holm_error_set(error, HOLM_ERROR_INVALID, "nothing can be mounted over the whole root");
    return -1;
}

int configuration_check_mount(const json_t *asked, holm_error **error) {
    json_t *mounts = json_object_get(asked, "mounts"), *tmpfs = json_object_get(asked, "tmpfs");
    if (json_array_size(mounts) + json_array_size(tmpfs) != 1) {
        holm_error_set(error, HOLM_ERROR_INVALID, "one mount at a time is added");
        return -1;
    }
    if (configuration_check_types(asked, error) < 0 || configuration_check(asked, error) < 0)
        return -1;
    const json_t *mount = json_array_get(mounts ? mounts : tmpfs, 0);
    if (mounts && !configuration_mount_is_bind(mount) && !*text_of(mount, "source")) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a volume that is added needs a name");
        return -1;
    }
    return check_place(text_of(mount, "destination"), error);
}
