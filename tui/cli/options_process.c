#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

enum { KEY_ENV_FILE = 0x100, KEY_UID, KEY_GID, KEY_GROUP_ADD, KEY_CAP_ADD, KEY_CAP_DROP, KEY_ULIMIT };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Process:", 1},
    {"interactive", 'i', NULL, 0, "Keep standard input open", 1},
    {"tty", 't', NULL, 0, "Give it a terminal", 1},
    {"env", 'e', "KEY[=VALUE]", 0, "Set a variable; without a value: as it is here", 1},
    {"env-file", KEY_ENV_FILE, "FILE", 0, "Set variables from the lines of a file", 1},
    {"workdir", 'w', "DIRECTORY", 0, "Working directory; made when it is missing", 1},
    {"user", 'u', "USER[:GROUP]", 0, "User and group, by name or number", 1},
    {"uid", KEY_UID, "NUMBER", 0, "User by number", 1},
    {"gid", KEY_GID, "NUMBER", 0, "Group by number", 1},
    {"group-add", KEY_GROUP_ADD, "GROUP", 0, "One more group", 1},
    {"cap-add", KEY_CAP_ADD, "CAPABILITY", 0, "Add a capability, or ALL", 1},
    {"cap-drop", KEY_CAP_DROP, "CAPABILITY", 0, "Drop a capability, or ALL", 1},
    {"ulimit", KEY_ULIMIT, "NAME=SOFT[:HARD]", 0, "A limit, for example nofile=1024:2048; unlimited or -1",
     1},
    {0},
};

static void append(json_t *object, const char *key, const char *text) {
    json_t *list = json_object_get(object, key);
    if (!list) {
        list = json_array();
        json_object_set_new(object, key, list);
    }
    json_array_append_new(list, json_string(text));
}

static void add_variable(const struct argp_state *state, json_t *process, const char *text) {
    if (!*text || *text == '=')
        cli_usage_error(state, "\"%s\" is no variable: it needs a name", text);
    if (strchr(text, '=')) {
        append(process, "environment", text);
        return;
    }
    const char *value = getenv(text);
    cleanup_free char *line = NULL;
    if (value && asprintf(&line, "%s=%s", text, value) > 0)
        append(process, "environment", line);
}

static void add_file(const struct argp_state *state, json_t *process, const char *path) {
    cleanup_file FILE *file = fopen(path, "re");
    if (!file)
        cli_usage_error(state, "open %s: %s", path, strerror(errno));
    cleanup_free char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, file)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = 0;
        const char *begin = line + strspn(line, " \t");
        if (*begin && *begin != '#')
            add_variable(state, process, begin);
    }
}

static json_int_t limit(const struct argp_state *state, const char *text) {
    if (strcmp(text, "unlimited") == 0 || strcmp(text, "-1") == 0)
        return -1;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < 0)
        cli_usage_error(state, "\"%s\" is no limit", text);
    return value;
}

static void add_limit(const struct argp_state *state, json_t *process, const char *text) {
    cleanup_free char *name = strdup(text);
    char *soft = strchr(name, '=');
    if (!soft || soft == name)
        cli_usage_error(state, "--ulimit needs NAME=SOFT[:HARD], and \"%s\" is none", text);
    *soft++ = 0;
    char *hard = strchr(soft, ':');
    if (hard)
        *hard++ = 0;
    json_t *list = json_object_get(process, "rlimits");
    if (!list) {
        list = json_array();
        json_object_set_new(process, "rlimits", list);
    }
    json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", name, "soft", limit(state, soft), "hard",
                                          limit(state, hard ? hard : soft)));
}

// "cap_net_admin" and "net_admin" are NET_ADMIN.
static void add_capability(json_t *process, const char *key, const char *text) {
    if (strncasecmp(text, "CAP_", 4) == 0)
        text += 4;
    cleanup_free char *name = strdup(text);
    for (char *at = name; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    append(process, key, name);
}

static const char *number(const struct argp_state *state, const char *option, const char *text) {
    if (!*text || text[strspn(text, "0123456789")])
        cli_usage_error(state, "%s needs a number, and \"%s\" is none", option, text);
    return text;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
    process_options_group *self = state->input;
    switch (key) {
    case 'i':
        json_object_set_new(self->process, "stdinOpen", json_true());
        return 0;
    case 't':
        json_object_set_new(self->process, "terminal", json_true());
        return 0;
    case 'e':
        add_variable(state, self->process, argument);
        return 0;
    case KEY_ENV_FILE:
        add_file(state, self->process, argument);
        return 0;
    case 'w':
        json_object_set_new(self->process, "directory", json_string(argument));
        return 0;
    case 'u':
        json_object_set_new(self->process, "user", json_string(argument));
        return 0;
    case KEY_UID:
        self->uid = number(state, "--uid", argument);
        return 0;
    case KEY_GID:
        self->gid = number(state, "--gid", argument);
        return 0;
    case KEY_GROUP_ADD:
        append(self->process, "additionalGroups", argument);
        return 0;
    case KEY_CAP_ADD:
        add_capability(self->process, "capabilitiesAdd", argument);
        return 0;
    case KEY_CAP_DROP:
        add_capability(self->process, "capabilitiesDrop", argument);
        return 0;
    case KEY_ULIMIT:
        add_limit(state, self->process, argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp process_argp = {.options = options, .parser = parse};

void process_options_init(process_options_group *self) {
    *self = (process_options_group){.process = json_object()};
}

void process_options_complete(process_options_group *self) {
    cleanup_free char *user = NULL;
    if (!self->uid && !self->gid)
        return;
    if (asprintf(&user, "%s%s%s", self->uid ? self->uid : "0", self->gid ? ":" : "",
                 self->gid ? self->gid : "") < 0)
        abort();
    json_object_set_new(self->process, "user", json_string(user));
}
