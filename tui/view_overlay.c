// What lies on top: help, palette and menu, prompts, questions, forms, messages.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

painter view_dialog(const view_context *self, grid *out, int width, int height, bool danger) {
    if (width > out->columns - 2)
        width = out->columns - 2;
    if (height > out->rows - 2)
        height = out->rows - 2;
    width = width < 4 ? 4 : width;
    height = height < 3 ? 3 : height;
    return view_box(self, out, (rect){(out->columns - width) / 2, (out->rows - height) / 2, width, height},
                    danger);
}

painter view_box(const view_context *self, grid *out, rect box, bool danger) {
    view_target_add(self, (view_target){.kind = TARGET_DIALOG, .area = box});
    grid_fill(out, &box, theme_style(self->theme, THEME_DIALOG));
    paint_frame(self, out, box, true);
    if (danger) {
        cell_style bad = theme_style(self->theme, THEME_BAD);
        bad.bg = CELL_COLOR_KEEP;
        rect edges[] = {{box.x, box.y, box.width, 1},
                        {box.x, box.y + box.height - 1, box.width, 1},
                        {box.x, box.y, 1, box.height},
                        {box.x + box.width - 1, box.y, 1, box.height}};
        for (size_t i = 0; i < array_length(edges); i++)
            grid_restyle(out, &edges[i], bad);
    }
    painter title = {self, out, {box.x + 2, box.y, box.width - 4, 1}};
    if (*self->ui->overlay.title)
        paint_format(&title, 0, 0, THEME_STRONG, " %s ", self->ui->overlay.title);
    return (painter){self, out, rect_inset(box, 2, 1)};
}

int view_dialog_key(const painter *self, int x, int y, uint32_t key, const char *name, const char *what) {
    int from = x;
    x += paint(self, x, y, 12, THEME_KEY, name) + 1;
    x += paint(self, x, y, 20, THEME_TEXT, what);
    rect area = {self->area.x + from, self->area.y + y, x - from, 1};
    view_target_add(self->view, (view_target){.kind = TARGET_KEY, .area = area, .which = (int)key});
    return x + 3;
}

static void cursor_at(const painter *self, int x, int y) {
    if (x >= self->area.width)
        x = self->area.width - 1;
    self->out->cursor_visible = true;
    self->out->cursor_column = self->area.x + x;
    self->out->cursor_row = self->area.y + y;
}

static void input_field(const painter *self, int y, const char *label, const line_edit *edit) {
    int x = paint(self, 0, y, 12, THEME_KEY, label) + 1;
    int column = line_edit_column(edit), room = self->area.width - x - 1;
    painter field = *self;
    field.area.x += x;
    field.area.width -= x;
    const char *text = edit->text;
    // A long text is shown from where its cursor is in sight.
    while (column > room && *text) {
        size_t used;
        column -= cell_char_width(cell_utf8_decode(text, strlen(text), &used));
        text += used;
    }
    grid_text(self->out, &field.area, field.area.x, field.area.y + y, room + 1,
              theme_style(self->view->theme, THEME_INPUT), text, NULL);
    cursor_at(&field, column, y);
}

// The lines of a text, the wide ones wrapped. Returns the row after them.
static int text_lines(const painter *self, int y, const char *text, theme_role role) {
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)(length < sizeof(line) ? length : sizeof(line) - 1), text);
        if (cell_text_width(line) > self->area.width)
            y = paint_wrapped(self, 0, y, role, line);
        else
            paint_line(self, 0, y++, role, line);
        text += length + (text[length] == '\n');
    }
    return y;
}

// Rows that the text takes in a box on this screen, and how wide the inside of the box is for it.
static int count_lines(const view_context *self, const grid *out, const char *text, int *width) {
    for (const char *at = text; at && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
        int columns = cell_text_width(line);
        *width = columns > *width ? columns : *width;
    }
    *width = *width < out->columns - 6 ? *width : out->columns - 6;
    grid nothing = {0};
    return text_lines(&(painter){self, &nothing, {0, 0, *width, 0}}, 0, text, THEME_TEXT);
}

#define HELP_LEAST 12 // columns: less of a sentence says nothing

// How much of an action a line says.
enum row_form { ROW_WHOLE, ROW_HELP, ROW_SHORT };

static void choice_row(const painter *self, int y, const ui_choice *choice, bool current,
                       enum row_form form) {
    const action *what = choice->action;
    bool help = form == ROW_HELP;
    char keys[32] = "";
    int length = form == ROW_SHORT && choice->keys ? (int)strcspn(choice->keys, " ") : 31;
    snprintf(keys, sizeof(keys), "%.*s", length < 31 ? length : 31, choice->keys ? choice->keys : "");
    int x = 0;
    if (help) {
        paint(self, 0, y, 14, THEME_KEY, keys);
        x = 15;
    }
    if (!what) {
        paint(self, x, y, self->area.width - x, THEME_TEXT, choice->label);
    } else {
        char title[48];
        snprintf(title, sizeof(title), "%s %s", action_noun_name(what->noun), what->title);
        int name = form == ROW_SHORT ? self->area.width - 10 : self->area.width >= 60 ? 26 : 20;
        if (form != ROW_SHORT && self->area.width < 50) // its name alone has the line
            name = self->area.width - x - (help ? 0 : 10);
        paint(self, x, y, name, THEME_STRONG, form == ROW_WHOLE ? title : what->title);
        int rest = help ? x + 16 : x + name + 1;
        int right = help ? 0 : 10;
        if (form != ROW_SHORT && self->area.width - rest - right >= HELP_LEAST)
            paint(self, rest, y, self->area.width - rest - right, THEME_MUTED, what->help);
        if (!help)
            paint_right(self, self->area.width - 9, y, 9, THEME_KEY, keys);
    }
    if (current)
        paint_selection(self, y, 1, true);
    if (current && self->view->ui->plain)
        cursor_at(self, 0, y);
}

static void choices(const painter *self, int from, enum row_form form) {
    bool help = form == ROW_HELP;
    const ui_overlay *overlay = &self->view->ui->overlay;
    painter rows = *self;
    rows.area.y += from;
    rows.area.height -= from;
    int page = rows.area.height;
    if (page < 1)
        return;
    size_t top = overlay->top;
    if (!help)
        top = overlay->choice >= (size_t)page ? overlay->choice - (size_t)page + 1 : 0;
    else if (top + (size_t)page > overlay->choice_count)
        top = overlay->choice_count > (size_t)page ? overlay->choice_count - (size_t)page : 0;
    for (int y = 0; y < page && top + (size_t)y < overlay->choice_count; y++) {
        size_t at = top + (size_t)y;
        choice_row(&rows, y, &overlay->choices[at], !help && at == overlay->choice, form);
        rect area = {rows.area.x, rows.area.y + y, rows.area.width, 1};
        if (!help)
            view_target_add(self->view, (view_target){.kind = TARGET_CHOICE, .area = area, .item = at});
    }
    if (!overlay->choice_count)
        paint(&rows, 0, 0, rows.area.width, THEME_MUTED, "nothing matches");
    painter bar = rows;
    bar.area.width++; // on the border, not beside it
    paint_scroll(&bar, top, (size_t)page, overlay->choice_count);
}

// Beside the pointer, so far as the screen has room there.
static void menu_at(const view_context *self, grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    int typed = overlay->input.length > 0;
    int width = 34 < out->columns - 2 ? 34 : out->columns - 2;
    int height = (int)overlay->choice_count + 2 + typed;
    height = height < 3 ? 3 : height > out->rows - 2 ? out->rows - 2 : height;
    int x = overlay->x + width > out->columns ? out->columns - width : overlay->x;
    int y = overlay->y + height >= out->rows ? out->rows - 1 - height : overlay->y;
    painter box = view_box(self, out, (rect){x, y < 0 ? 0 : y, width, height}, false);
    if (typed)
        input_field(&box, 0, "/", &overlay->input);
    choices(&box, typed, ROW_SHORT);
}

static void palette(const view_context *self, grid *out) {
    if (self->ui->overlay.placed) {
        menu_at(self, out);
        return;
    }
    painter box = view_dialog(self, out, 84, 20, false);
    input_field(&box, 0, ":", &self->ui->overlay.input);
    if (self->ui->overlay.text) // the names that it can go on with
        paint(&box, 2, 1, box.area.width - 2, THEME_MATCH, self->ui->overlay.text);
    choices(&box, 2, ROW_WHOLE);
}

static void names(const view_context *self, grid *out) {
    int count = (int)self->ui->overlay.choice_count;
    painter box = view_dialog(self, out, 40, 4 + (count < 4 ? 4 : count > 20 ? 20 : count), false);
    input_field(&box, 0, "/", &self->ui->overlay.input);
    choices(&box, 2, ROW_WHOLE);
}

static void help(const view_context *self, grid *out) {
    painter box = view_dialog(self, out, 92, out->rows - 4 > 30 ? 30 : out->rows - 2, false);
    input_field(&box, 0, "/", &self->ui->overlay.input);
    choices(&box, 2, ROW_HELP);
}

static void prompt(const view_context *self, grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    int width = 60;
    int lines = count_lines(self, out, overlay->text, &width);
    painter box = view_dialog(self, out, width + 4, 4 + lines + (lines > 0), false);
    input_field(&box, 0, ">", &overlay->input);
    text_lines(&box, 2, overlay->text, THEME_MUTED);
}

size_t view_text_most(const view_context *self, int columns, int rows) {
    int width = 40, lines = count_lines(self, &(grid){.columns = columns}, self->ui->overlay.text, &width);
    int page = rows - 2 - 4;
    return lines > page ? (size_t)(lines - (page < 1 ? 1 : page)) : 0;
}

// A box with the overlay's text, which is scrolled where it does not fit; the last line is for keys.
static painter text_box(const view_context *self, grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    int width = 40;
    int lines = count_lines(self, out, overlay->text, &width);
    painter box = view_dialog(self, out, width + 4, lines + 4, overlay->danger);
    painter text = box;
    text.area.height -= 2;
    size_t most = view_text_most(self, out->columns, out->rows);
    size_t top = overlay->top < most ? overlay->top : most;
    text_lines(&text, -(int)top, overlay->text, THEME_TEXT);
    text.area.width++; // on the border, not beside it
    paint_scroll(&text, top, text.area.height > 0 ? (size_t)text.area.height : 0, (size_t)lines);
    return box;
}

static void confirm(const view_context *self, grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    painter box = text_box(self, out);
    int y = box.area.height - 1;
    int x = view_dialog_key(&box, 0, y, 'y', "y", "do it");
    if (overlay->danger)
        paint(&box, 0, y, 2, THEME_BAD, "y");
    view_dialog_key(&box, x, y, 'n', "n esc", "leave it");
}

#define FORM_WIDTH 84
#define FORM_REST  4 // rows beside the fields and the command line: its heading, the keys, two blank ones

static void form_field(const painter *box, int y, const ui_field *field, bool here) {
    paint(box, 0, y, 11, here ? THEME_ACCENT : THEME_MUTED, field->label);
    painter text = *box;
    text.area.x += 12;
    text.area.width -= 12;
    if (here)
        input_field(&text, y, "", &field->input);
    else
        paint(&text, 1, y, text.area.width - 1, THEME_TEXT, field->input.text);
    if (!field->input.length)
        paint(&text, 1, y, text.area.width - 1, THEME_MUTED, field->hint);
}

// Rows for the command line: two, or more where it takes them and all fields still have theirs.
static int form_command_rows(const view_context *self, const grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    grid nothing = {0};
    int width = (FORM_WIDTH < out->columns - 2 ? FORM_WIDTH : out->columns - 2) - 4;
    painter text = {self, &nothing, {0, 0, width, 0}};
    int taken = paint_wrapped(&text, 0, 0, THEME_MATCH, overlay->command ? overlay->command : "");
    int room = out->rows - 4 - (int)overlay->field_count - FORM_REST;
    taken = taken < room ? taken : room;
    return taken > 2 ? taken : 2;
}

static void form(const view_context *self, grid *out) {
    const ui_overlay *overlay = &self->ui->overlay;
    int command = form_command_rows(self, out);
    painter box =
        view_dialog(self, out, FORM_WIDTH, (int)overlay->field_count + command + FORM_REST + 2, false);
    int rows = box.area.height - command - FORM_REST, keys = box.area.height - 1;
    rows = rows < 1 ? 1 : rows;
    size_t top = overlay->field >= (size_t)rows ? overlay->field - (size_t)rows + 1 : 0;
    for (int y = 0; y < rows && top + (size_t)y < overlay->field_count; y++)
        form_field(&box, y, &overlay->fields[top + (size_t)y], top + (size_t)y == overlay->field);
    painter below = box;
    below.area.y += rows + 1;
    below.area.height = keys - rows - 2;
    paint_line(&below, 0, 0, THEME_MUTED, "the same as");
    paint_wrapped(&below, 0, 1, THEME_MATCH, overlay->command ? overlay->command : "");
    int x = view_dialog_key(&box, 0, keys, INPUT_ENTER, self->glyphs->enter, "run");
    x = view_dialog_key(&box, x, keys, INPUT_TAB, "tab", "next field");
    view_dialog_key(&box, x, keys, INPUT_ESCAPE, "esc", "leave it");
}

static void message(const view_context *self, grid *out) {
    painter box = text_box(self, out);
    view_dialog_key(&box, 0, box.area.height - 1, INPUT_ESCAPE, "esc", "close");
}

void view_overlay(const view_context *self, grid *out) {
    static void (*const draw[])(const view_context *, grid *) = {
        [OVERLAY_HELP] = help,       [OVERLAY_PALETTE] = palette,    [OVERLAY_PROMPT] = prompt,
        [OVERLAY_CHOICES] = names,   [OVERLAY_CONFIRM] = confirm,    [OVERLAY_FORM] = form,
        [OVERLAY_MESSAGE] = message, [OVERLAY_DOCTOR] = view_doctor,
    };
    if (self->ui->overlay.kind == OVERLAY_NONE)
        return;
    if (self->targets)
        self->targets->count = 0; // what is below does not count
    draw[self->ui->overlay.kind](self, out);
}
