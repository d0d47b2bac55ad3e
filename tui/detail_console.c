// A console: the screen of a terminal in the container.
#include <stdio.h>
#include <string.h>

#include "tui/view.h"

static void invitation(const painter *self, const model_container *container) {
    int y = self->area.height / 2 - 2;
    y = y < 0 ? 0 : y;
    if (!model_container_running(container)) {
        paint_center(self, y, THEME_TEXT, "It does not run.");
        paint_center(self, y + 1, THEME_MUTED, "S starts it; then e opens a shell in it.");
        return;
    }
    paint_center(self, y, THEME_TEXT, "e  opens a shell in it");
    if (container->terminal)
        paint_center(self, y + 1, THEME_TEXT, "a  joins its own terminal");
    paint_center(self, y + 2, THEME_MUTED, "A  joins the consoles that an earlier dashboard left");
}

static void status(const painter *self, const ui_console *console) {
    painter border = {
        self->view, self->out, {self->area.x, self->area.y + self->area.height, self->area.width, 1}};
    char text[256];
    int used = 1;
    if (console->error)
        snprintf(text, sizeof(text), " %.200s ", console->error);
    else if (console->ended)
        snprintf(text, sizeof(text), " ended with %d ", console->exit_code);
    else
        snprintf(text, sizeof(text), " %.40s ", console->label);
    int most = console->error ? self->area.width - 2 : self->area.width / 2;
    used += paint(&border, used, 0, most, console->error ? THEME_BAD : THEME_TITLE, text);
    const char *title = terminal_title(console->screen);
    if (*title && used + 10 < self->area.width) {
        snprintf(text, sizeof(text), " %.200s ", title);
        paint_right(&border, used + 2, 0, self->area.width - used - 4, THEME_MUTED, text);
    }
}

static void screen(const painter *self, const ui_console *console, bool focus) {
    const copy_mode *copy = &console->copy;
    terminal_draw(console->screen, self->out, &self->area, copy_mode_back(copy, console->screen),
                  focus && !copy->on);
    if (!copy->on)
        return;
    cell_style found = theme_style(self->view->theme, THEME_MATCH);
    found.attributes |= CELL_REVERSE;
    cell_style selected = {CELL_COLOR_KEEP, CELL_COLOR_KEEP, CELL_REVERSE};
    copy_mode_draw(copy, console->screen, self->out, &self->area, selected, found);
    self->out->cursor_visible = focus && !copy->typing;
}

static void one_console(const painter *self, const ui_console *console, const model_container *container,
                        bool focus) {
    if (!console->attached && !console->ended && !console->error)
        paint(self, 1, 0, self->area.width - 2, THEME_MUTED,
              container && model_container_running(container)
                  ? "connecting"
                  : "starting its machine; the first start takes longest");
    else
        screen(self, console, focus && self->view->ui->overlay.kind == OVERLAY_NONE);
    status(self, console);
}

void detail_console(const painter *self) {
    const ui_state *ui = self->view->ui;
    const model_container *container = ui_container(ui, self->view->model);
    const ui_console *console = ui_selected_console(ui, self->view->model);
    if (console)
        one_console(self, console, container, ui->focus == FOCUS_CONSOLE);
    else
        invitation(self, container);
}

void detail_split(const view_context *self, grid *out, const layout_plan *layout) {
    const ui_state *ui = self->ui;
    for (int half = 0; half < 2; half++) {
        const ui_console *console = ui->split[half];
        const model_container *container = model_find_container(self->model, console->container_id);
        rect frame = layout->halves[half];
        bool focus = half == ui->half;
        paint_frame(self, out, frame, focus);
        painter title = {self, out, {frame.x + 2, frame.y, frame.width - 4, 1}};
        paint_format(&title, 0, 0, focus ? THEME_STRONG : THEME_TITLE, " %.60s ",
                     container ? container->name : console->container_name);
        one_console(&(painter){self, out, rect_inset(frame, 1, 1)}, console, container, focus);
    }
}
