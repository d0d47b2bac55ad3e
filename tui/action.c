#include "tui/action.h"

#include <stdio.h>
#include <string.h>

#include "tui/action_table.h"

// The table, in the order of the pages and of help.
static const action_list *const lists[] = {
    &action_list_view,    &action_list_list,      &action_list_logs,  &action_list_files,
    &action_list_console, &action_list_container, &action_list_image, &action_list_network,
    &action_list_volume,  &action_list_registry,  &action_list_task,  &action_list_event,
    &action_list_system,  &action_list_custom,
};

size_t action_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < array_length(lists); i++)
        count += lists[i]->count;
    return count;
}

const action *action_at(size_t index) {
    for (size_t i = 0; i < array_length(lists); i++) {
        if (index < lists[i]->count)
            return &lists[i]->actions[index];
        index -= lists[i]->count;
    }
    return NULL;
}

size_t action_index(const action *wanted) {
    size_t before = 0;
    for (size_t i = 0; i < array_length(lists); i++) {
        for (size_t j = 0; j < lists[i]->count; j++)
            if (wanted == &lists[i]->actions[j])
                return before + j;
        before += lists[i]->count;
    }
    return before;
}

static const struct {
    const char *name;
    const char *plural;
} nouns[ACTION_NOUN_COUNT] = {
    [ACTION_NOUN_VIEW] = {"view", NULL},          [ACTION_NOUN_LIST] = {"list", NULL},
    [ACTION_NOUN_LOGS] = {"logs", NULL},          [ACTION_NOUN_FILES] = {"files", NULL},
    [ACTION_NOUN_CONSOLE] = {"console", NULL},    [ACTION_NOUN_CONTAINER] = {"container", "containers"},
    [ACTION_NOUN_IMAGE] = {"image", "images"},    [ACTION_NOUN_NETWORK] = {"network", "networks"},
    [ACTION_NOUN_VOLUME] = {"volume", "volumes"}, [ACTION_NOUN_REGISTRY] = {"registry", "registries"},
    [ACTION_NOUN_TASK] = {"task", "tasks"},       [ACTION_NOUN_EVENT] = {"event", NULL},
    [ACTION_NOUN_SYSTEM] = {"system", NULL},
};

const char *action_noun_name(action_noun noun) {
    return nouns[noun].name;
}

action_noun action_noun_parse(const char *name) {
    for (action_noun noun = 0; noun < ACTION_NOUN_COUNT; noun++)
        if (strcmp(nouns[noun].name, name) == 0 ||
            (nouns[noun].plural && strcmp(nouns[noun].plural, name) == 0))
            return noun;
    return ACTION_NOUN_COUNT;
}

bool action_is_about_items(action_noun noun) {
    return noun >= ACTION_NOUN_CONTAINER && noun <= ACTION_NOUN_EVENT;
}

const action *action_find(const char *name) {
    for (size_t i = 0; i < action_count(); i++)
        if (strcmp(action_at(i)->name, name) == 0)
            return action_at(i);
    return NULL;
}

// Whether `word` is one of the blank-separated `words`.
static bool among(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");
        if (next == length && strncmp(at, word, length) == 0)
            return true;
        at += next;
    }
    return false;
}

const action *action_find_command(const char *noun, const char *word) {
    action_noun wanted = noun ? action_noun_parse(noun) : ACTION_NOUN_COUNT;
    for (size_t i = 0; i < action_count(); i++) {
        const action *candidate = action_at(i);
        if (noun ? candidate->noun == wanted && among(candidate->words, word)
                 : among(candidate->shortcuts, word))
            return candidate;
    }
    return NULL;
}

const action *action_find_phrase(const char *first, const char *second) {
    size_t length = strlen(first);
    for (size_t i = 0; i < action_count(); i++) {
        const char *phrase = action_at(i)->phrase;
        if (phrase && strncmp(phrase, first, length) == 0 && phrase[length] == ' ' &&
            strcmp(phrase + length + 1, second) == 0)
            return action_at(i);
    }
    return NULL;
}

void action_print_words(const action *self, char *out, size_t size) {
    const char *words = self->shortcuts ? self->shortcuts : self->words;
    if (self->phrase)
        snprintf(out, size, "%s", self->phrase);
    else
        snprintf(out, size, "%s%s%.*s", self->shortcuts ? "" : action_noun_name(self->noun),
                 self->shortcuts ? "" : " ", (int)strcspn(words, " "), words);
}
