// What lies on top takes the keys: help, palette, prompts, questions.
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/dashboard_private.h"

#define WORDS_BONUS 100
#define WHOLE_BONUS 100000 // all that was typed describes the action, and not only its first word

static ui_overlay *open_overlay(dashboard *self, ui_overlay_kind kind, const char *title) {
    dashboard_close_overlay(self);
    self->ui.overlay.kind = kind;
    snprintf(self->ui.overlay.title, sizeof(self->ui.overlay.title), "%s", title);
    dashboard_dirty(self);
    return &self->ui.overlay;
}

void dashboard_close_overlay(dashboard *self) {
    ui_overlay_close(&self->ui);
    for (size_t i = 0; i < self->target_count; i++)
        free(self->targets[i]);
    free(self->targets);
    self->targets = NULL;
    self->target_count = 0;
    self->confirmed = NULL;
    self->entered = NULL;
    for (size_t i = 0; i < self->name_count; i++)
        free(self->names[i]);
    free(self->names);
    self->names = NULL;
    self->name_count = 0;
    self->chosen = self->moved = NULL;
    dashboard_dirty(self);
}

// How well the letters of `pattern` are found in `text` in their order: 0 not at all; words and runs of
// letters count more.
static int fuzzy(const char *text, const char *pattern) {
    int score = 1, run = 0;
    const char *at = text;
    for (; *pattern; pattern++) {
        if (*pattern == ' ')
            continue;
        const char *found = at;
        while (*found && tolower((unsigned char)*found) != tolower((unsigned char)*pattern))
            found++;
        if (!*found)
            return 0;
        bool start = found == text || !isalnum((unsigned char)found[-1]);
        run = found == at ? run + 1 : 0;
        score += 1 + (start ? 6 : 0) + run * 3;
        at = found + 1;
    }
    return score * 8 - (int)strlen(text) / 4;
}

typedef struct scored {
    const action *what;
    int score;
    size_t place; ///< in the table
} scored;

static int by_score(const void *a, const void *b) {
    const scored *left = a, *right = b;
    if (left->score != right->score)
        return right->score - left->score;
    return (left->place > right->place) - (left->place < right->place);
}

static int score(const action *what, const char *pattern) {
    if (!*pattern)
        return 1;
    char text[64];
    snprintf(text, sizeof(text), "%s %s", action_noun_name(what->noun), what->title);
    int title = fuzzy(what->title, pattern) * 2, full = fuzzy(text, pattern);
    int best = title > full ? title : full;
    // In help also what a sentence says counts, but least.
    return best ? best : strcasestr(what->help, pattern) ? 1 : 0;
}

// Registries have no pane: they are where images are.
static bool is_of_menu(const dashboard *self, const action *what) {
    action_noun noun = ui_noun(&self->ui);
    return what->noun == noun || (noun == ACTION_NOUN_IMAGE && what->noun == ACTION_NOUN_REGISTRY);
}

static bool wanted(const dashboard *self, const action *what, bool menu, bool help) {
    if (!dashboard_can(what) || what->noun == ACTION_NOUN_CONSOLE ||
        (self->read_only && !(what->flags & ACTION_READONLY)))
        return false;
    if (help) {
        action_noun noun = ui_noun(&self->ui);
        bool list =
            what->noun == ACTION_NOUN_LIST && (noun != ACTION_NOUN_FILES || dashboard_files_take(what));
        bool here = what->noun == noun || what->noun == ACTION_NOUN_VIEW || list ||
                    (noun == ACTION_NOUN_LOGS && what->noun == ACTION_NOUN_CONTAINER) ||
                    what->flags & ACTION_EVERYWHERE;
        return here && *action_keymap_keys(self->keymap, what);
    }
    if (menu)
        return is_of_menu(self, what) && dashboard_applies(self, what);
    return what->noun != ACTION_NOUN_LIST && what->noun != ACTION_NOUN_LOGS &&
           (what->noun != ACTION_NOUN_FILES || ui_in_files(&self->ui));
}

// With nothing typed yet, what can be done with the selected thing comes first, and last what cannot be done
// here.
static int usual(const dashboard *self, const action *what) {
    bool key = *action_keymap_keys(self->keymap, what), applies = dashboard_applies(self, what);
    return !applies ? 0 : is_of_menu(self, what) ? 4 + key : what->noun == ACTION_NOUN_VIEW ? 1 : 2 + key;
}

// In help what is about the thing itself comes first, then moving about.
static int rank(const dashboard *self, const action *what) {
    return what->noun == ui_noun(&self->ui)      ? 3
           : what->noun == ACTION_NOUN_CONTAINER ? 2
           : what->noun != ACTION_NOUN_VIEW      ? 1
                                                 : 0;
}

static int score_of_first(const action *what, const char *text, size_t length) {
    char words[LINE_EDIT_SIZE];
    snprintf(words, sizeof(words), "%.*s", (int)length, text);
    return score(what, words);
}

size_t dashboard_described(const action *what, const char *text) {
    size_t end = strlen(text);
    for (;;) {
        while (end && text[end - 1] == ' ')
            end--;
        if (!end || score_of_first(what, text, end) > 1)
            return end;
        while (end && text[end - 1] != ' ')
            end--;
    }
}

static void fill_names(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    for (size_t i = 0; i < overlay->choice_count; i++)
        free(overlay->choices[i].label);
    free(overlay->choices);
    overlay->choices = calloc(self->name_count + 1, sizeof(*overlay->choices));
    if (!overlay->choices)
        abort();
    overlay->choice_count = overlay->choice = overlay->top = 0;
    for (size_t i = 0; i < self->name_count; i++)
        if (!overlay->input.length || fuzzy(self->names[i], overlay->input.text))
            overlay->choices[overlay->choice_count++].label = strdup(self->names[i]);
}

void dashboard_open_choices(dashboard *self, const char *title, char *const *names, size_t count,
                            void (*chosen)(dashboard *self, const char *name),
                            void (*moved)(dashboard *self, const char *name)) {
    open_overlay(self, OVERLAY_CHOICES, title);
    self->names = calloc(count + 1, sizeof(*self->names));
    if (!self->names)
        abort();
    for (size_t i = 0; i < count; i++)
        self->names[i] = strdup(names[i]);
    self->name_count = count;
    self->chosen = chosen;
    self->moved = moved;
    fill_names(self);
}

void dashboard_fill_choices(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    if (overlay->kind == OVERLAY_CHOICES) {
        fill_names(self);
        return;
    }
    bool help = overlay->kind == OVERLAY_HELP, menu = dashboard_is_menu(self);
    scored *found = calloc(action_count(), sizeof(*found));
    ui_choice *choices = calloc(action_count(), sizeof(*choices));
    if (!found || !choices)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < action_count(); i++) {
        const action *what = action_at(i);
        bool candidate = wanted(self, what, menu, help);
        int value = candidate ? score(what, overlay->input.text) : 0;
        size_t used = candidate && value <= 1 && !help ? dashboard_described(what, overlay->input.text) : 0;
        if (value > 1)
            value += WHOLE_BONUS;
        else if (used) // the more of it describes the action, the better
            value = score_of_first(what, overlay->input.text, used) + (int)used * WORDS_BONUS;
        if (help && value > 0 && !overlay->input.length)
            value += rank(self, what);
        if (!help && !menu && candidate && !overlay->input.length)
            value += usual(self, what);
        if (menu && value == 1 && *action_keymap_keys(self->keymap, what))
            value++; // what is done often has a key
        if (value > 0)
            found[count++] = (scored){what, value, i};
    }
    qsort(found, count, sizeof(*found), by_score);
    for (size_t i = 0; i < count; i++)
        choices[i] = (ui_choice){found[i].what, action_keymap_keys(self->keymap, found[i].what), NULL};
    free(found);
    free(overlay->choices);
    overlay->choices = choices;
    overlay->choice_count = count;
    overlay->choice = overlay->top = 0;
    if (!help)
        dashboard_palette_look(self);
}

void dashboard_open_help(dashboard *self) {
    open_overlay(self, OVERLAY_HELP, "keys that work here");
    dashboard_fill_choices(self);
}

void dashboard_open_palette(dashboard *self, bool menu) {
    char title[96] = "command";
    const char *name = self->ui.pane == PANE_CONTAINERS && ui_container(&self->ui, &self->model)
                           ? ui_container(&self->ui, &self->model)->name
                       : self->ui.pane == PANE_IMAGES && ui_image(&self->ui, &self->model)
                           ? ui_image(&self->ui, &self->model)->name
                           : "menu";
    if (menu)
        snprintf(title, sizeof(title), "%.80s", strcmp(name, "command") == 0 ? "menu" : name);
    open_overlay(self, OVERLAY_PALETTE, title);
    self->commands.at = self->commands.count;
    dashboard_fill_choices(self);
}

void dashboard_open_confirm(dashboard *self, const action *what, char **ids, size_t count, const char *text) {
    char title[96];
    char **targets = calloc(count + 1, sizeof(*targets));
    if (!targets)
        abort();
    for (size_t i = 0; i < count; i++)
        targets[i] = strdup(ids[i]);
    snprintf(title, sizeof(title), "%s?", what->title);
    ui_overlay *overlay = open_overlay(self, OVERLAY_CONFIRM, title);
    overlay->text = strdup(text);
    overlay->danger = what->flags & ACTION_DANGEROUS;
    self->confirmed = what;
    self->targets = targets;
    self->target_count = count;
}

void dashboard_open_prompt(dashboard *self, const char *title, const char *text, const char *value,
                           void (*entered)(dashboard *self, const char *text)) {
    ui_overlay *overlay = open_overlay(self, OVERLAY_PROMPT, title);
    overlay->text = text ? strdup(text) : NULL;
    line_edit_set(&overlay->input, value);
    self->entered = entered;
    self->complete = NULL;
    self->typed = NULL;
}

void dashboard_open_message(dashboard *self, const char *title, const char *text, bool bad) {
    ui_overlay *overlay = open_overlay(self, OVERLAY_MESSAGE, title);
    overlay->text = strdup(text);
    overlay->danger = bad;
}

// True: the key has scrolled the text of a question or a message, as far as there is more of it.
static bool scroll_key(dashboard *self, const input_event *event) {
    ui_overlay *overlay = &self->ui.overlay;
    bool down = event->key == INPUT_DOWN || event->key == INPUT_PAGE_DOWN || event->key == 'j';
    bool up = event->key == INPUT_UP || event->key == INPUT_PAGE_UP || event->key == 'k';
    if (!down && !up)
        return false;
    view_context view = dashboard_view(self);
    size_t most = view_text_most(&view, self->frame.columns, self->frame.rows);
    overlay->top = overlay->top > most ? most : overlay->top;
    if (down && overlay->top < most)
        overlay->top++;
    else if (up && overlay->top)
        overlay->top--;
    dashboard_dirty(self);
    return true;
}

static void confirm_key(dashboard *self, const input_event *event) {
    if (scroll_key(self, event)) {
        return;
    } else if (event->key == 'y' || event->key == 'Y') {
        const action *what = self->confirmed;
        if (what->custom) {
            dashboard_close_overlay(self);
            dashboard_custom_confirmed(self);
            return;
        }
        if (self->target_count)
            dashboard_apply_many(self, what, self->targets, self->target_count);
        else
            dashboard_apply(self, what, "");
        ui_marks_clear(&self->ui.lists[self->ui.pane]);
        dashboard_close_overlay(self);
    } else if (event->key == 'n' || event->key == 'N' || event->key == 'q') {
        dashboard_close_overlay(self);
    }
}

void dashboard_prompt_wrong(dashboard *self, const char *problem) {
    ui_set_notice(&self->ui, NOTICE_BAD, problem);
    self->wrong = true;
    dashboard_dirty(self);
}

// What makes no sense can be put right: the question comes back with what was typed.
static void enter(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    cleanup_free char *text = strdup(overlay->input.text), *title = strdup(overlay->title),
                      *hint = overlay->text ? strdup(overlay->text) : NULL;
    void (*entered)(dashboard *, const char *) = self->entered;
    void (*complete)(dashboard *) = self->complete;
    history_file *typed = self->typed;
    dashboard_close_overlay(self);
    ui_set_notice(&self->ui, NOTICE_NONE, NULL); // that of the answer before
    self->wrong = false;
    entered(self, text);
    if (!self->wrong || self->ui.overlay.kind != OVERLAY_NONE)
        return;
    dashboard_open_prompt(self, title, hint, text, entered);
    self->complete = complete;
    self->typed = typed;
}

static void prompt_key(dashboard *self, const input_event *event) {
    ui_overlay *overlay = &self->ui.overlay;
    if (event->key == INPUT_ENTER) {
        enter(self);
        return;
    }
    if (event->key == INPUT_TAB && self->complete) {
        self->complete(self);
    } else if (self->typed && (event->key == INPUT_UP || event->key == INPUT_DOWN)) {
        const char *entry = history_step(self->typed, event->key == INPUT_UP ? -1 : 1);
        if (entry)
            line_edit_set(&overlay->input, entry);
    } else {
        line_edit_key(&overlay->input, event);
    }
    dashboard_dirty(self);
}

void dashboard_choose(dashboard *self) {
    ui_overlay *overlay = &self->ui.overlay;
    if (overlay->choice >= overlay->choice_count)
        return;
    if (overlay->kind == OVERLAY_CHOICES) {
        cleanup_free char *name = strdup(overlay->choices[overlay->choice].label);
        void (*chosen)(dashboard *, const char *) = self->chosen;
        dashboard_close_overlay(self);
        chosen(self, name);
        return;
    }
    const action *what = overlay->choices[overlay->choice].action;
    // "delete web": what does not describe the action names the thing.
    const char *text = overlay->input.text;
    size_t used = dashboard_described(what, text);
    const char *rest = text + used + strspn(text + used, " ");
    cleanup_free char *reference = used && *rest ? strdup(rest) : NULL;
    dashboard_palette_keep(self, what);
    dashboard_close_overlay(self);
    dashboard_act(self, what, reference);
    // "pull debian": an action about no thing asks, and finds its answer there.
    if (reference && self->ui.overlay.kind == OVERLAY_PROMPT && what->flags & ACTION_NO_ITEM)
        line_edit_key(&self->ui.overlay.input,
                      &(input_event){.key = INPUT_PASTE, .text = reference, .length = strlen(reference)});
}

static void palette_key(dashboard *self, const input_event *event) {
    ui_overlay *overlay = &self->ui.overlay;
    bool help = overlay->kind == OVERLAY_HELP;
    size_t *at = help ? &overlay->top : &overlay->choice;
    size_t step = event->key == INPUT_PAGE_UP || event->key == INPUT_PAGE_DOWN ? 10 : 1;
    if (dashboard_palette_key(self, event))
        return;
    switch (event->key) {
    case INPUT_UP:
    case INPUT_PAGE_UP:
    case INPUT_CTRL('p'):
        *at -= *at < step ? *at : step;
        break;
    case INPUT_DOWN:
    case INPUT_PAGE_DOWN:
    case INPUT_CTRL('n'):
        *at = *at + step < overlay->choice_count ? *at + step
                                                 : overlay->choice_count - (overlay->choice_count > 0);
        break;
    case INPUT_ENTER:
        if (help)
            dashboard_close_overlay(self);
        else
            dashboard_choose(self);
        return;
    default:
        if (help && !overlay->input.length && (event->key == 'q' || event->key == '?')) {
            dashboard_close_overlay(self);
            return;
        }
        if (line_edit_key(&overlay->input, event))
            dashboard_fill_choices(self);
        break;
    }
    if (!help && overlay->kind == OVERLAY_PALETTE)
        dashboard_palette_look(self);
    if (self->moved && overlay->choice < overlay->choice_count)
        self->moved(self, overlay->choices[overlay->choice].label);
    dashboard_dirty(self);
}

static void form_key(dashboard *self, const input_event *event) {
    ui_overlay *overlay = &self->ui.overlay;
    size_t count = overlay->field_count;
    bool backwards = event->key == INPUT_UP || (event->key == INPUT_TAB && event->modifiers & INPUT_SHIFT);
    if (event->key == INPUT_ENTER) {
        dashboard_run_form(self);
        return;
    }
    if (backwards)
        overlay->field = (overlay->field + count - 1) % count;
    else if (event->key == INPUT_TAB || event->key == INPUT_DOWN)
        overlay->field = (overlay->field + 1) % count;
    else if (line_edit_key(&overlay->fields[overlay->field].input, event))
        dashboard_form_command(self);
    dashboard_dirty(self);
}

void dashboard_overlay_key(dashboard *self, const input_event *event) {
    if (event->key == INPUT_ESCAPE || event->key == INPUT_CTRL('c')) {
        void (*moved)(dashboard *, const char *) = self->moved;
        dashboard_close_overlay(self);
        if (moved)
            moved(self, NULL);
        return;
    }
    switch (self->ui.overlay.kind) {
    case OVERLAY_HELP:
    case OVERLAY_PALETTE:
    case OVERLAY_CHOICES:
        palette_key(self, event);
        break;
    case OVERLAY_PROMPT:
        prompt_key(self, event);
        break;
    case OVERLAY_CONFIRM:
        confirm_key(self, event);
        break;
    case OVERLAY_FORM:
        form_key(self, event);
        break;
    case OVERLAY_DOCTOR:
        dashboard_doctor_key(self, event);
        break;
    default:
        if (!scroll_key(self, event) && event->key == INPUT_ENTER)
            dashboard_close_overlay(self);
        break;
    }
}
