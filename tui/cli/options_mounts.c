// -v [SOURCE:]PATH[:ro][,nocopy] and --mount type=TYPE,KEY=VALUE…: what a container mounts.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

// A folder of the host that is named as seen from here. Where it leads is seen when the container starts.
static json_t *host_path(const char *text, size_t length) {
    if (text[0] == '/')
        return json_stringn(text, length);
    cleanup_free char *here = getcwd(NULL, 0);
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%.*s", here ? here : "", (int)length, text) < 0)
        abort();
    return json_string(path);
}

static bool is_host_path(const char *text, size_t length) {
    return text[0] == '/' || (text[0] == '.' && (length == 1 || text[1] == '/' || text[1] == '.'));
}

// Without the options at the end (":ro,nocopy"), which go into the flags; what is none of them is part of the
// path.
static size_t volume_length(const char *text, bool *reads, bool *empty) {
    size_t length = strlen(text);
    const char *last = strrchr(text, ':');
    cleanup_free char *words = strdup(last ? last + 1 : "");
    bool none = false, ro = false, nocopy = false;
    const char *word;
    for (char *rest = words; last && (word = strsep(&rest, ","));) {
        ro = ro || strcmp(word, "ro") == 0;
        nocopy = nocopy || strcmp(word, "nocopy") == 0;
        none = none || (strcmp(word, "ro") != 0 && strcmp(word, "rw") != 0 && strcmp(word, "nocopy") != 0);
    }
    if (!last || none)
        return length;
    *reads = ro;
    *empty = nocopy;
    return (size_t)(last - text);
}

void mount_options_add_socket(const struct argp_state *state, json_t *configuration, const char *text) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || colon[1] != '/')
        cli_usage_error(
            state,
            "--publish-socket needs HOSTPATH:PATH with an absolute path in the container, and \"%s\" is none",
            text);
    json_array_append_new(
        options_child(configuration, "sockets", json_array),
        json_pack("{s:o, s:s}", "source", host_path(text, (size_t)(colon - text)), "destination", colon + 1));
}

bool mount_options_parse_volume(json_t *configuration, const char *text) {
    bool reads = false, empty = false;
    size_t length = volume_length(text, &reads, &empty);
    const char *colon = memchr(text, ':', length);
    const char *path = colon ? colon + 1 : text;
    size_t rest = (size_t)(text + length - path), source = colon ? (size_t)(colon - text) : 0;
    if (path[0] != '/' || memchr(path, ':', rest) || (colon && source == 0))
        return false;
    json_t *mount = json_pack("{s:s, s:o, s:b}", "type", "volume", "destination", json_stringn(path, rest),
                              "readOnly", reads);
    if (colon && is_host_path(text, source)) {
        json_object_set_new(mount, "type", json_string("bind"));
        json_object_set_new(mount, "source", host_path(text, source));
        json_object_set_new(mount, "createSource", json_true());
    } else if (colon) {
        json_object_set_new(mount, "source", json_stringn(text, source));
    }
    if (empty)
        json_object_set_new(mount, "noCopy", json_true());
    json_array_append_new(options_child(configuration, "mounts", json_array), mount);
    return true;
}

void mount_options_add_volume(const struct argp_state *state, json_t *configuration, const char *text) {
    if (!mount_options_parse_volume(configuration, text))
        cli_usage_error(
            state, "-v needs [SOURCE:]PATH[:ro][,nocopy] with an absolute path, and \"%s\" is none", text);
}

typedef struct mount_words {
    const char *type, *source, *target, *size;
    bool reads, empty;
} mount_words;

static bool take_word(mount_words *self, const char *key, const char *value) {
    const struct {
        const char *key, **value;
    } known[] = {{"type", &self->type},      {"source", &self->source},      {"src", &self->source},
                 {"target", &self->target},  {"destination", &self->target}, {"dst", &self->target},
                 {"tmpfs-size", &self->size}};
    if (strcmp(key, "ro") == 0 || strcmp(key, "readonly") == 0) {
        self->reads = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        return true;
    }
    if (strcmp(key, "volume-nocopy") == 0) {
        self->empty = !value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
        return true;
    }
    for (size_t i = 0; value && *value && i < array_length(known); i++)
        if (strcmp(key, known[i].key) == 0) {
            *known[i].value = value;
            return true;
        }
    return false;
}

static void add_tmpfs(const struct argp_state *state, json_t *configuration, const mount_words *words) {
    json_t *options = json_array();
    if (words->source)
        cli_usage_error(state, "--mount type=tmpfs takes no source");
    if (words->reads)
        json_array_append_new(options, json_string("ro"));
    if (words->size)
        json_array_append_new(options, json_sprintf("size=%s", words->size));
    json_array_append_new(options_child(configuration, "tmpfs", json_array),
                          json_pack("{s:s, s:o}", "destination", words->target, "options", options));
}

void mount_options_add(const struct argp_state *state, json_t *configuration, const char *text) {
    cleanup_free char *copy = strdup(text);
    mount_words words = {.type = "volume"};
    char *word;
    for (char *rest = copy; (word = strsep(&rest, ","));) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = 0;
        if (!take_word(&words, word, value))
            cli_usage_error(
                state,
                "--mount knows type=, source=, target=, readonly, volume-nocopy and tmpfs-size=, not \"%s\"",
                word);
    }
    bool bind = strcmp(words.type, "bind") == 0, volume = strcmp(words.type, "volume") == 0;
    if (!bind && !volume && strcmp(words.type, "tmpfs") != 0)
        cli_usage_error(state, "--mount has the types bind, volume and tmpfs, not \"%s\"", words.type);
    if (!words.target || words.target[0] != '/')
        cli_usage_error(state, "--mount needs target= with an absolute path, and \"%s\" has none", text);
    if (bind && !words.source)
        cli_usage_error(state, "--mount type=bind needs source= with a folder or file of the host");
    if (words.size && (bind || volume))
        cli_usage_error(state, "--mount takes tmpfs-size= with type=tmpfs only");
    if (words.empty && !volume)
        cli_usage_error(state, "--mount takes volume-nocopy with type=volume only");
    if (!bind && !volume) {
        add_tmpfs(state, configuration, &words);
        return;
    }
    json_t *mount = json_pack("{s:s, s:s, s:b}", "type", words.type, "destination", words.target, "readOnly",
                              words.reads);
    if (words.empty)
        json_object_set_new(mount, "noCopy", json_true());
    if (words.source)
        json_object_set_new(mount, "source",
                            bind ? host_path(words.source, strlen(words.source)) : json_string(words.source));
    json_array_append_new(options_child(configuration, "mounts", json_array), mount);
}
