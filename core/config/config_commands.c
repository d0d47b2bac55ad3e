// [[command]]: commands of the user's own. Each becomes what a front end needs to run it without looking at a
// template again: its arguments are texts, or name the field of the document, or the question, that is put
// there. A value is always one whole argument, and none that a shell would read as its script.
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/base/text.h"
#include "core/config/config_internal.h"

#define COMMANDS_MOST  64
#define ARGUMENTS_MOST 64
#define QUESTIONS_MOST 8
#define NAME_MOST      40

static const struct {
    const char *context, *field, *path; // of the document
} fields[] = {
    {"container", "id", "id"},
    {"container", "name", "configuration.name"},
    {"container", "image", "configuration.image"},
    {"container", "state", "status.state"},
    {"container", "address", "status.networks.0.address"},
    {"image", "id", "id"},
    {"image", "name", "configuration.references.0"},
    {"image", "platform", "configuration.platform"},
    {"network", "id", "id"},
    {"network", "name", "configuration.name"},
    {"network", "subnet", "configuration.subnet"},
    {"network", "gateway", "status.gateway"},
    {"volume", "id", "id"},
    {"volume", "name", "configuration.name"},
};

static const char *field_path(const char *context, const char *field) {
    for (size_t i = 0; i < array_length(fields); i++)
        if (strcmp(fields[i].context, context) == 0 && strcmp(fields[i].field, field) == 0)
            return fields[i].path;
    return NULL;
}

static char *field_list(const char *context) {
    cleanup_buffer buffer names = BUFFER_INIT;
    for (size_t i = 0; i < array_length(fields); i++)
        if (strcmp(fields[i].context, context) == 0)
            buffer_append_format(&names, "%s{{%s}}", names.length ? ", " : "", fields[i].field);
    return path_format("%s", names.length ? buffer_text(&names) : "none");
}

typedef struct command {
    const config_check *check;
    char place[32]; // its key among the lines
    json_t *table;  // as it was written
} command;

static const char *text_of(const command *self, const char *key, const char *standard) {
    const char *text = json_string_value(json_object_get(self->table, key));
    return text ? text : standard;
}

static int check_keys(const command *self, holm_error **error) {
    const char *key;
    json_t *value;
    json_object_foreach (self->table, key, value) {
        cleanup_free char *known = path_format("command.%s", key);
        cleanup_free char *name = path_format("%s.%s", self->place, key);
        if (config_check_value(self->check, known, name, value, error) < 0)
            return -1;
    }
    return 0;
}

static int check_name(const command *self, const json_t *taken, holm_error **error) {
    const char *name = text_of(self, "name", "");
    cleanup_free char *safe = text_escape(name, strlen(name));
    if (!*name || strlen(name) > NAME_MOST || strcmp(safe, name) != 0)
        return config_fail(self->check, self->place, error,
                           "a [[command]] needs a name of at most %d letters, without control characters",
                           NAME_MOST);
    size_t i;
    json_t *other;
    json_array_foreach ((json_t *)taken, i, other)
        if (strcmp(json_string_value(json_object_get(other, "name")), name) == 0)
            return config_fail(self->check, self->place, error, "there are two commands called \"%s\"", name);
    return 0;
}

static bool is_word(const char *text) {
    for (const char *at = text; *at; at++)
        if (!islower((unsigned char)*at) && !(at > text && (isdigit((unsigned char)*at) || *at == '-')))
            return false;
    return *text && strlen(text) <= NAME_MOST;
}

static int check_questions(const command *self, const char *context, holm_error **error) {
    const json_t *questions = json_object_get(self->table, "ask");
    if (json_array_size(questions) > QUESTIONS_MOST)
        return config_fail(self->check, self->place, error, "a command can ask %d questions at most",
                           QUESTIONS_MOST);
    for (size_t i = 0; i < json_array_size(questions); i++) {
        const char *word = json_string_value(json_array_get(questions, i));
        if (!is_word(word) || field_path(context, word))
            return config_fail(self->check, self->place, error,
                               "ask: \"%.60s\" is not a word of small letters, or is a field already", word);
        for (size_t k = 0; k < i; k++)
            if (strcmp(json_string_value(json_array_get(questions, k)), word) == 0)
                return config_fail(self->check, self->place, error, "ask: \"%s\" is there twice", word);
    }
    return 0;
}

static bool is_asked(const command *self, const char *word) {
    size_t i;
    json_t *question;
    json_array_foreach (json_object_get(self->table, "ask"), i, question)
        if (strcmp(json_string_value(question), word) == 0)
            return true;
    return false;
}

// "-c", "-ec", "-lc": what a shell's script comes after.
static bool begins_script(const char *argument) {
    size_t length = argument ? strlen(argument) : 0;
    return length > 1 && argument[0] == '-' && argument[1] != '-' && argument[length - 1] == 'c';
}

// What stands for the argument: itself, or where its value comes from. NULL: an error.
static json_t *take_argument(const command *self, const char *context, const char *text, const char *before,
                             holm_error **error) {
    size_t length = strlen(text);
    bool whole = length > 4 && strncmp(text, "{{", 2) == 0 && strcmp(text + length - 2, "}}") == 0;
    if (!strstr(text, "{{"))
        return json_string(text);
    cleanup_free char *word = whole ? path_format("%.*s", (int)length - 4, text + 2) : NULL;
    cleanup_free char *safe = text_escape(text, length < 80 ? length : 80);
    if (!whole || strstr(word, "{{")) {
        config_fail(self->check, self->place, error, "run: in \"%s\" a value is a part of an argument", safe);
        holm_error_hint(error, "a value is a whole argument; a shell takes it as \"$1\": [\"sh\", \"-c\", "
                               "\"echo \\\"$1\\\"\", \"sh\", \"{{name}}\"]");
        return NULL;
    }
    if (begins_script(before)) {
        config_fail(self->check, self->place, error, "run: %s would be run as a script", safe);
        holm_error_hint(error,
                        "write the script there, and the value behind it: the script has it as \"$1\"");
        return NULL;
    }
    const char *path = field_path(context, word);
    if (path)
        return json_pack("{s:s, s:s}", "name", word, "field", path);
    if (is_asked(self, word))
        return json_pack("{s:s, s:s}", "name", word, "ask", word);
    cleanup_free char *known = field_list(context);
    config_fail(self->check, self->place, error, "run: there is no %s here", safe);
    holm_error_hint(error, "fields of %s: %s; and what the command asks for (ask)", context, known);
    return NULL;
}

static json_t *take_arguments(const command *self, const char *context, holm_error **error) {
    const json_t *run = json_object_get(self->table, "run");
    size_t count = json_array_size(run);
    if (!count || count > ARGUMENTS_MOST) {
        config_fail(self->check, self->place, error,
                    "a [[command]] needs run: a program and its arguments, %d at most", ARGUMENTS_MOST);
        return NULL;
    }
    json_t *arguments = json_array();
    const char *before = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(run, i));
        json_t *argument = take_argument(self, context, text, before, error);
        if (!argument || json_array_append_new(arguments, argument) < 0) {
            json_decref(arguments);
            return NULL;
        }
        before = text;
    }
    if (json_is_string(json_array_get(arguments, 0)) && *json_string_value(json_array_get(arguments, 0)))
        return arguments;
    json_decref(arguments);
    config_fail(self->check, self->place, error, "run: its first argument must be the name of a program");
    return NULL;
}

static json_t *take_command(const command *self, const json_t *taken, holm_error **error) {
    if (!json_is_object(self->table)) {
        config_fail(self->check, self->place, error, "write commands as [[command]]");
        return NULL;
    }
    const char *context = text_of(self, "context", "anywhere");
    if (check_keys(self, error) < 0 || check_name(self, taken, error) < 0 ||
        check_questions(self, context, error) < 0)
        return NULL;
    json_t *arguments = take_arguments(self, context, error);
    if (!arguments)
        return NULL;
    json_t *ready = json_deep_copy(self->table);
    json_object_set_new(ready, "run", arguments);
    json_object_set_new(ready, "context", json_string(context));
    json_object_set_new(ready, "output", json_string(text_of(self, "output", "task")));
    json_object_set_new(
        ready, "origin",
        json_sprintf("%s:%d", self->check->path,
                     (int)json_integer_value(json_object_get(self->check->lines, self->place))));
    return ready;
}

json_t *config_take_commands(const config_check *check, json_t *list, holm_error **error) {
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > COMMANDS_MOST) {
        config_fail(check, "command", error, "write commands as [[command]], %d at most", COMMANDS_MOST);
        return NULL;
    }
    json_t *commands = json_array();
    for (size_t i = 0; i < count; i++) {
        command one = {.check = check, .table = json_array_get(list, i)};
        snprintf(one.place, sizeof one.place, "command.%zu", i);
        json_t *ready = take_command(&one, commands, error);
        if (!ready || json_array_append_new(commands, ready) < 0) {
            json_decref(commands);
            return NULL;
        }
    }
    return commands;
}
