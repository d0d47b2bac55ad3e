#include "tui/theme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX(rgb) CELL_COLOR_HEX(0x##rgb##u)
#define PLAIN(fg) \
    { (fg), CELL_COLOR_KEEP, 0 }
#define BOLD(fg) \
    { (fg), CELL_COLOR_KEEP, CELL_BOLD }

static const char *const role_names[THEME_ROLE_COUNT] = {
    "text",   "muted", "strong",    "accent",         "border", "title",  "header",
    "footer", "key",   "selection", "selection_away", "column", "good",   "busy",
    "bad",    "off",   "input",     "match",          "dialog", "stderr",
};
static const char *const gradient_names[THEME_GRADIENT_COUNT] = {"cpu", "memory", "network", "progress"};

static const theme_table night = {
    .name = "night",
    .roles =
        {
            [THEME_TEXT] = {HEX(c3cdd9), CELL_COLOR_DEFAULT, 0},
            [THEME_MUTED] = PLAIN(HEX(74818f)),
            [THEME_STRONG] = PLAIN(HEX(eaf0f6)),
            [THEME_ACCENT] = PLAIN(HEX(56c2c9)),
            [THEME_BORDER] = PLAIN(HEX(3a4552)),
            [THEME_TITLE] = PLAIN(HEX(95a3b2)),
            [THEME_HEADER] = PLAIN(HEX(a9b5c2)),
            [THEME_FOOTER] = PLAIN(HEX(74818f)),
            [THEME_KEY] = PLAIN(HEX(56c2c9)),
            [THEME_SELECTION] = {HEX(ffffff), HEX(1f4a55), CELL_BOLD},
            [THEME_SELECTION_AWAY] = {CELL_COLOR_KEEP, HEX(242d38), 0},
            [THEME_COLUMN] = PLAIN(HEX(5f6c7a)),
            [THEME_GOOD] = PLAIN(HEX(7ccf8f)),
            [THEME_BUSY] = PLAIN(HEX(e3b565)),
            [THEME_BAD] = PLAIN(HEX(ee7b82)),
            [THEME_OFF] = PLAIN(HEX(74818f)),
            [THEME_INPUT] = PLAIN(HEX(ffffff)),
            [THEME_MATCH] = BOLD(HEX(e3b565)),
            [THEME_DIALOG] = {HEX(d6dee7), HEX(1a212a), 0},
            [THEME_STDERR] = PLAIN(HEX(e9a6a0)),
        },
    .gradients =
        {
            [THEME_CPU] = {HEX(3f9aa1), HEX(56c2c9), HEX(8ed6a0), HEX(e3c565), HEX(ee9a6b), HEX(ee7b82)},
            [THEME_MEMORY] = {HEX(4d6fb3), HEX(6f8fd8), HEX(9a8fe0), HEX(c88fd6), HEX(ee7b9c)},
            [THEME_NETWORK] = {HEX(4a8f6a), HEX(7ccf8f)},
            [THEME_PROGRESS] = {HEX(56c2c9), HEX(7ccf8f)},
        },
    .steps = {6, 5, 2, 2},
};

#define INDEX(i) CELL_COLOR_INDEXED(i)

static const theme_table basic = {
    .name = "basic",
    .roles =
        {
            [THEME_TEXT] = {CELL_COLOR_DEFAULT, CELL_COLOR_DEFAULT, 0},
            [THEME_MUTED] = {CELL_COLOR_DEFAULT, CELL_COLOR_KEEP, CELL_DIM},
            [THEME_STRONG] = BOLD(CELL_COLOR_DEFAULT),
            [THEME_ACCENT] = PLAIN(INDEX(6)),
            [THEME_BORDER] = {CELL_COLOR_DEFAULT, CELL_COLOR_KEEP, CELL_DIM},
            [THEME_TITLE] = PLAIN(CELL_COLOR_DEFAULT),
            [THEME_HEADER] = PLAIN(CELL_COLOR_DEFAULT),
            [THEME_FOOTER] = PLAIN(CELL_COLOR_DEFAULT),
            [THEME_KEY] = PLAIN(INDEX(6)),
            [THEME_SELECTION] = {INDEX(0), INDEX(6), 0},
            [THEME_SELECTION_AWAY] = BOLD(CELL_COLOR_KEEP),
            [THEME_COLUMN] = {CELL_COLOR_DEFAULT, CELL_COLOR_KEEP, CELL_DIM},
            [THEME_GOOD] = PLAIN(INDEX(2)),
            [THEME_BUSY] = PLAIN(INDEX(3)),
            [THEME_BAD] = PLAIN(INDEX(1)),
            [THEME_OFF] = PLAIN(CELL_COLOR_DEFAULT),
            [THEME_INPUT] = BOLD(CELL_COLOR_DEFAULT),
            [THEME_MATCH] = BOLD(INDEX(3)),
            [THEME_DIALOG] = {CELL_COLOR_DEFAULT, CELL_COLOR_DEFAULT, 0},
            [THEME_STDERR] = PLAIN(INDEX(1)),
        },
    .gradients =
        {
            [THEME_CPU] = {INDEX(6), INDEX(2), INDEX(3), INDEX(1)},
            [THEME_MEMORY] = {INDEX(4), INDEX(5)},
            [THEME_NETWORK] = {INDEX(2)},
            [THEME_PROGRESS] = {INDEX(6)},
        },
    .steps = {4, 2, 1, 1},
};

#define ATTRIBUTES(a) \
    { CELL_COLOR_KEEP, CELL_COLOR_KEEP, (a) }

static const theme_table mono = {
    .name = "mono",
    .roles =
        {
            [THEME_TEXT] = {CELL_COLOR_DEFAULT, CELL_COLOR_DEFAULT, 0},
            [THEME_MUTED] = ATTRIBUTES(0),
            [THEME_STRONG] = ATTRIBUTES(CELL_BOLD),
            [THEME_ACCENT] = ATTRIBUTES(CELL_BOLD),
            [THEME_BORDER] = ATTRIBUTES(0),
            [THEME_TITLE] = ATTRIBUTES(0),
            [THEME_HEADER] = ATTRIBUTES(0),
            [THEME_FOOTER] = ATTRIBUTES(0),
            [THEME_KEY] = ATTRIBUTES(CELL_BOLD),
            [THEME_SELECTION] = ATTRIBUTES(CELL_REVERSE),
            [THEME_SELECTION_AWAY] = ATTRIBUTES(CELL_UNDERLINE),
            [THEME_COLUMN] = ATTRIBUTES(0),
            [THEME_GOOD] = ATTRIBUTES(0),
            [THEME_BUSY] = ATTRIBUTES(CELL_BOLD),
            [THEME_BAD] = ATTRIBUTES(CELL_BOLD),
            [THEME_OFF] = ATTRIBUTES(0),
            [THEME_INPUT] = ATTRIBUTES(CELL_UNDERLINE),
            [THEME_MATCH] = ATTRIBUTES(CELL_BOLD | CELL_UNDERLINE),
            [THEME_DIALOG] = {CELL_COLOR_DEFAULT, CELL_COLOR_DEFAULT, 0},
            [THEME_STDERR] = ATTRIBUTES(CELL_BOLD),
        },
    .gradients = {{CELL_COLOR_KEEP}, {CELL_COLOR_KEEP}, {CELL_COLOR_KEEP}, {CELL_COLOR_KEEP}},
    .steps = {1, 1, 1, 1},
};

const theme_table *theme_builtin(int colors) {
    return colors > 16 ? &night : colors >= 8 ? &basic : &mono;
}

static bool parse_color(const char *word, cell_color *out) {
    if (strcmp(word, "default") == 0) {
        *out = CELL_COLOR_DEFAULT;
        return true;
    }
    char *end;
    if (word[0] == '#') {
        if (strlen(word) != 7 || strspn(word + 1, "0123456789abcdefABCDEF") != 6)
            return false;
        *out = CELL_COLOR_HEX((uint32_t)strtoul(word + 1, &end, 16));
        return true;
    }
    if (strlen(word) > 3 || strspn(word, "0123456789") != strlen(word))
        return false;
    unsigned long index = strtoul(word, &end, 10);
    if (index > 255)
        return false;
    *out = CELL_COLOR_INDEXED(index);
    return true;
}

static bool parse_style(const char *text, cell_style *out) {
    static const struct {
        const char *word;
        uint16_t bit;
    } attributes[] = {{"bold", CELL_BOLD},
                      {"dim", CELL_DIM},
                      {"italic", CELL_ITALIC},
                      {"underline", CELL_UNDERLINE},
                      {"reverse", CELL_REVERSE}};
    cell_style style = {CELL_COLOR_KEEP, CELL_COLOR_KEEP, 0};
    char copy[128], *rest = copy, *word;
    if (strlen(text) >= sizeof(copy))
        return false;
    strcpy(copy, text);
    bool background = false, any = false;
    while ((word = strsep(&rest, " "))) {
        if (!*word)
            continue;
        any = true;
        bool known = false;
        for (size_t i = 0; i < array_length(attributes); i++) {
            if (strcmp(word, attributes[i].word) == 0) {
                style.attributes |= attributes[i].bit;
                known = true;
            }
        }
        if (known)
            continue;
        if (strcmp(word, "on") == 0 && !background)
            background = true;
        else if (!parse_color(word, background ? &style.bg : &style.fg))
            return false;
    }
    *out = style;
    return any;
}

static int find_name(const char *const *names, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static int fail(const char *path, const json_t *lines, const char *key, const char *problem,
                holm_error **error) {
    const json_t *line = lines ? json_object_get(lines, key) : NULL;
    cleanup_free char *shown = holm_text_escape(key, strlen(key));
    if (line)
        holm_error_set(error, HOLM_ERROR_INVALID, "theme %s, line %d: %s: %s", path,
                       (int)json_integer_value(line), shown, problem);
    else
        holm_error_set(error, HOLM_ERROR_INVALID, "theme %s: %s: %s", path, shown, problem);
    return -1;
}

static bool parse_gradient(const json_t *value, theme_table *out, int gradient) {
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count < 1 || count > THEME_STEPS)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(value, i));
        if (!word || !parse_color(word, &out->gradients[gradient][i]))
            return false;
    }
    out->steps[gradient] = (int)count;
    return true;
}

int theme_parse(const json_t *document, const json_t *lines, const char *path, const theme_table *base,
                theme_table *out, holm_error **error) {
    theme_table result = *base;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)document, key, value) {
        int role = find_name(role_names, THEME_ROLE_COUNT, key);
        int gradient = find_name(gradient_names, THEME_GRADIENT_COUNT, key);
        if (strcmp(key, "name") == 0) {
            const char *name = json_string_value(value);
            if (!name || !*name || strlen(name) >= sizeof(result.name))
                return fail(path, lines, key, "must be a text of at most 63 bytes", error);
            strcpy(result.name, name);
        } else if (role >= 0) {
            const char *text = json_string_value(value);
            if (!text || !parse_style(text, &result.roles[role]))
                return fail(path, lines, key,
                            "must be like \"#d0d8e0 on #101418 bold\" (a colour is #rrggbb, default or 0 to "
                            "255)",
                            error);
        } else if (gradient >= 0) {
            if (!parse_gradient(value, &result, gradient))
                return fail(path, lines, key, "must be an array of one to eight colours", error);
        } else {
            return fail(path, lines, key, "there is no such role", error);
        }
    }
    *out = result;
    return 0;
}

static char *theme_path(const char *directory, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/themes/%s.toml", directory, name) < 0)
        abort();
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

int theme_load(const char *name, const char *own, const char *share, int colors, theme_table *out,
               holm_error **error) {
    *out = *theme_builtin(colors);
    if (strchr(name, '/') || strlen(name) > 63) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a theme's name is that of its file, without its folder");
        return -1;
    }
    cleanup_free char *path = theme_path(own, name);
    if (!path)
        path = theme_path(share, name);
    if (!path) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no theme %s", name);
        holm_error_hint(error, "themes are files NAME.toml in %s/themes and %s/themes", own, share);
        return -1;
    }
    json_t *lines = NULL, *document = holm_configuration_read(path, &lines, error);
    int result = document ? theme_parse(document, lines, path, theme_builtin(256), out, error) : -1;
    json_decref(document);
    json_decref(lines);
    return result;
}

cell_style theme_style(const theme_table *self, theme_role role) {
    return self->roles[role];
}

cell_style theme_gradient_style(const theme_table *self, theme_gradient gradient, double share) {
    int steps = self->steps[gradient];
    int index = share <= 0 ? 0 : share >= 1 ? steps - 1 : (int)(share * steps);
    return (cell_style){self->gradients[gradient][index], CELL_COLOR_KEEP, 0};
}
