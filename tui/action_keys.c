#include <string.h>

#include "tui/action.h"

#define KEYS_MAX      8 // of one action
#define KEY_LENGTH    24
#define HINT_KEYS     "write keys like \"s\", \"ctrl-k\", \"f5\", several with a blank between"
#define KEYS_TEXT_MAX ((size_t)KEYS_MAX * KEY_LENGTH)

struct action_keymap {
    char (*keys)[KEYS_TEXT_MAX]; // one text for each action of the table
};

static const char *const named_keys[] = {
    "space", "enter",  "esc",      "tab",       "backtab", "up",     "down", "left", "right", "home",
    "end",   "pageup", "pagedown", "backspace", "delete",  "insert", "f1",   "f2",   "f3",    "f4",
    "f5",    "f6",     "f7",       "f8",        "f9",      "f10",    "f11",  "f12",
};

// One printable character in UTF-8, other than a blank.
static bool is_character(const char *key) {
    unsigned char first = (unsigned char)key[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return first > ' ' && first != 0x7f && strlen(key) == length;
}

bool action_key_valid(const char *key) {
    if (strlen(key) >= KEY_LENGTH)
        return false;
    while (strncmp(key, "ctrl-", 5) == 0 || strncmp(key, "alt-", 4) == 0)
        key = strchr(key, '-') + 1;
    for (size_t i = 0; i < array_length(named_keys); i++)
        if (strcmp(key, named_keys[i]) == 0)
            return true;
    return is_character(key);
}

// Whether keys of the one and of the other can be pressed in one place.
static bool overlap(const action *one, const action *other) {
    action_noun a = one->noun, b = other->noun;
    if (a == b)
        return true;
    if (a == ACTION_NOUN_CONSOLE || b == ACTION_NOUN_CONSOLE)
        return false;
    if (a == ACTION_NOUN_VIEW || b == ACTION_NOUN_VIEW || (one->flags | other->flags) & ACTION_EVERYWHERE)
        return true;
    if (a == ACTION_NOUN_LOGS || b == ACTION_NOUN_LOGS)
        return false; // the logs tab is no list, and its keys come before those of its container
    if (a == ACTION_NOUN_FILES || b == ACTION_NOUN_FILES)
        return false; // its keys come before those of lists, and nothing of its container works there
    return a == ACTION_NOUN_LIST || b == ACTION_NOUN_LIST;
}

// Calls for each blank-separated word; stops at the first true.
static bool each_key(const char *keys, bool (*function)(const char *key, void *data), void *data) {
    for (const char *at = keys; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        char key[KEY_LENGTH];
        snprintf(key, sizeof key, "%.*s", (int)length, at);
        if (length > 0 && function(length < KEY_LENGTH ? key : "", data))
            return true;
        at += length;
    }
    return false;
}

static bool has_key(const char *keys, const char *key) {
    size_t wanted = strlen(key), length;
    for (const char *at = keys; *at; at += strspn(at, " ")) {
        length = strcspn(at, " ");
        if (length == wanted && memcmp(at, key, length) == 0)
            return true;
        at += length;
    }
    return false;
}

static bool is_invalid(const char *key, void *data) {
    (void)data;
    return !action_key_valid(key);
}

// "FILE:LINE: " before an error about what was set under [keys].
static void name_origin(const json_t *origins, const char *name, holm_error **error) {
    const char *place = json_string_value(json_object_get(origins, name));
    if (place)
        holm_error_wrap(error, "%s", place);
}

static int override(action_keymap *keymap, const json_t *overrides, const json_t *origins,
                    holm_error **error) {
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)overrides, name, value) {
        const action *target = action_find(name);
        const char *keys = json_string_value(value);
        if (!target) {
            holm_error_set(error, HOLM_ERROR_INVALID, "[keys] names \"%s\", and there is no such action",
                           name);
            holm_error_hint(error, "docs/keys.md lists all of them");
            name_origin(origins, name, error);
            return -1;
        }
        if (!keys || strlen(keys) >= KEYS_TEXT_MAX || each_key(keys, is_invalid, NULL)) {
            holm_error_set(error, HOLM_ERROR_INVALID, "[keys] %s = \"%s\" is not a key", name,
                           keys ? keys : "");
            holm_error_hint(error, HINT_KEYS);
            name_origin(origins, name, error);
            return -1;
        }
        strcpy(keymap->keys[action_index(target)], keys);
    }
    return 0;
}

// File and line of a command of the user's.
static const char *origin(const action *what) {
    return what->custom ? json_string_value(json_object_get(what->custom, "origin")) : "";
}

static int check_custom(const action_keymap *keymap, holm_error **error) {
    for (size_t i = 0; i < action_count(); i++) {
        const action *what = action_at(i);
        if (!what->custom ||
            (strlen(what->keys) < KEYS_TEXT_MAX && !each_key(keymap->keys[i], is_invalid, NULL)))
            continue;
        cleanup_free char *safe = holm_text_escape(what->keys, strlen(what->keys));
        holm_error_set(error, HOLM_ERROR_INVALID, "%s: \"%s\" is not a key of the command \"%s\"",
                       origin(what), safe, what->title);
        holm_error_hint(error, HINT_KEYS);
        return -1;
    }
    return 0;
}

struct clash {
    const action_keymap *keymap;
    size_t action, other;
    char key[KEY_LENGTH];
};

static bool clashes(const char *key, void *data) {
    struct clash *clash = data;
    for (size_t other = 0; other < clash->action; other++) {
        if (!overlap(action_at(other), action_at(clash->action)) || !has_key(clash->keymap->keys[other], key))
            continue;
        clash->other = other;
        snprintf(clash->key, sizeof clash->key, "%s", key);
        return true;
    }
    return false;
}

static int check_clashes(const action_keymap *keymap, const json_t *origins, holm_error **error) {
    for (size_t i = 0; i < action_count(); i++) {
        struct clash clash = {.keymap = keymap, .action = i};
        if (!each_key(keymap->keys[i], clashes, &clash))
            continue;
        const action *own = action_at(i);
        holm_error_set(error, HOLM_ERROR_INVALID, "%s%sthe key \"%s\" means both %s and %s", origin(own),
                       own->custom ? ": " : "", clash.key, action_at(clash.other)->name, own->name);
        holm_error_hint(error, own->custom ? "give the command another key, or the action one under [keys]"
                                           : "give one of them another key under [keys] in config.toml");
        const char *other = action_at(clash.other)->name;
        if (!own->custom)
            name_origin(origins, json_object_get(origins, own->name) ? own->name : other, error);
        return -1;
    }
    return 0;
}

action_keymap *action_keymap_create(const json_t *overrides, const json_t *origins, holm_error **error) {
    action_keymap *keymap = calloc(1, sizeof *keymap);
    if (keymap)
        keymap->keys = calloc(action_count(), sizeof *keymap->keys);
    if (!keymap || !keymap->keys)
        abort();
    for (size_t i = 0; i < action_count(); i++)
        snprintf(keymap->keys[i], KEYS_TEXT_MAX, "%s", action_at(i)->keys ? action_at(i)->keys : "");
    if (check_custom(keymap, error) < 0 || override(keymap, overrides, origins, error) < 0 ||
        check_clashes(keymap, origins, error) < 0) {
        action_keymap_destroy(keymap);
        return NULL;
    }
    return keymap;
}

void action_keymap_destroy(action_keymap *keymap) {
    if (!keymap)
        return;
    free(keymap->keys);
    free(keymap);
}

static const action *look_up(const action_keymap *keymap, action_noun noun, const char *key) {
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->noun == noun && has_key(keymap->keys[i], key))
            return action_at(i);
    return NULL;
}

const action *action_keymap_look_up(const action_keymap *keymap, action_noun noun, bool list,
                                    const char *key) {
    const action *found = look_up(keymap, noun, key);
    if (found || noun == ACTION_NOUN_CONSOLE)
        return found;
    if (list)
        found = look_up(keymap, ACTION_NOUN_LIST, key);
    return found ? found : look_up(keymap, ACTION_NOUN_VIEW, key);
}

const action *action_keymap_look_up_everywhere(const action_keymap *keymap, const char *key) {
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->flags & ACTION_EVERYWHERE && has_key(keymap->keys[i], key))
            return action_at(i);
    return NULL;
}

const char *action_keymap_keys(const action_keymap *keymap, const action *wanted) {
    return keymap->keys[action_index(wanted)];
}
