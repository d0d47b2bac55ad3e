// Frames of the pure layer against pictures of them: characters and every style. HOLM_GOLDEN_UPDATE=1 draws
// the pictures anew.
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tui/golden_scenes.h"

#define MOST_STYLES 62

typedef struct picture_kind {
    const char *name;
    int columns, rows, colors;
    bool unicode;
} picture_kind;

static const picture_kind kinds[] = {
    {"40x12", 40, 12, 256, true},      {"80x24", 80, 24, 256, true},      {"140x40", 140, 40, 256, true},
    {"200x60", 200, 60, 256, true},    {"80x24-basic", 80, 24, 16, true}, {"80x24-mono", 80, 24, 0, true},
    {"80x24-ascii", 80, 24, 0, false},
};

static void print_color(FILE *out, cell_color color) {
    if (CELL_COLOR_IS_RGB(color))
        fprintf(out, "#%06x", color & 0xffffff);
    else if (CELL_COLOR_IS_INDEXED(color))
        fprintf(out, "%u", color & 0xff);
    else
        fputs("default", out);
}

static void print_style(FILE *out, cell_style style) {
    static const char *const names[] = {"bold", "dim", "italic", "underline", "reverse", "blink", "strike"};
    print_color(out, style.fg);
    fputs(" on ", out);
    print_color(out, style.bg);
    for (size_t i = 0; i < array_length(names); i++)
        if (style.attributes & 1u << i)
            fprintf(out, " %s", names[i]);
    fputc('\n', out);
}

static size_t style_index(cell_style *styles, size_t *count, cell_style style) {
    for (size_t i = 0; i < *count; i++)
        if (memcmp(&styles[i].fg, &style.fg, sizeof(style.fg)) == 0 && styles[i].bg == style.bg &&
            styles[i].attributes == style.attributes)
            return i;
    assert_true(*count < MOST_STYLES);
    styles[(*count)++] = style;
    return *count - 1;
}

static char *picture(const grid *frame) {
    static const char letters[] = ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    cell_style styles[MOST_STYLES];
    size_t count = 0, length;
    char *text;
    FILE *out = open_memstream(&text, &length);
    for (int y = 0; y < frame->rows; y++) {
        for (int x = 0; x < frame->columns; x++) {
            const cell *at = grid_at(frame, x, y);
            for (int i = 0; i < CELL_CHARS && at->chars[i]; i++) {
                char bytes[4];
                fwrite(bytes, 1, cell_utf8_encode(at->chars[i], bytes), out);
            }
        }
        fputs("|\n", out);
    }
    for (int y = 0; y < frame->rows; y++) {
        for (int x = 0; x < frame->columns; x++)
            fputc(letters[style_index(styles, &count, grid_at(frame, x, y)->style)], out);
        fputs("|\n", out);
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%c ", letters[i]);
        print_style(out, styles[i]);
    }
    if (frame->cursor_visible)
        fprintf(out, "cursor %d %d\n", frame->cursor_column, frame->cursor_row);
    fclose(out);
    return text;
}

static void draw(dashboard *self, bool unicode) {
    layout_plan plan = dashboard_layout(self);
    layout_settle(&self->ui, &plan);
    view_context view = dashboard_view(self);
    if (!self->ui.plain)
        view.glyphs = glyphs_get(unicode);
    view.now = SCENE_NOW_NS / 1000000000;
    view_draw(&view, &self->frame);
}

static void compare(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIRECTORY, name);
    if (getenv("HOLM_GOLDEN_UPDATE")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s is not there", path);
    char *golden = calloc(1, 1 << 20);
    size_t length = fread(golden, 1, (1 << 20) - 1, file);
    golden[length] = 0;
    fclose(file);
    if (strcmp(golden, text) != 0) {
        fprintf(stderr, "%s is now:\n%s", path, text);
        fail_msg("the frame %s is not what its picture shows", name);
    }
    free(golden);
}

static void test_pictures(void **state) {
    (void)state;
    for (size_t i = 0; i < scene_count; i++) {
        for (size_t k = 0; k < array_length(kinds); k++) {
            char name[64];
            snprintf(name, sizeof(name), "%s-%s", scenes[i].name, kinds[k].name);
            dashboard *self = scene_create(&scenes[i], kinds[k].columns, kinds[k].rows);
            self->theme = *theme_builtin(kinds[k].colors);
            draw(self, kinds[k].unicode);
            char *text = picture(&self->frame);
            compare(name, text);
            free(text);
            scene_destroy(self);
        }
    }
}

// No size makes a frame fail, and no cell ever holds what a terminal would obey.
static void test_every_size(void **state) {
    (void)state;
    static const int columns[] = {1, 2, 7, 19, 20, 33, 34, 50, 66, 79, 109, 110, 139, 300};
    static const int rows[] = {1, 2, 4, 5, 7, 8, 19, 20, 100};
    for (size_t i = 0; i < scene_count; i++) {
        dashboard *self = scene_create(&scenes[i], 80, 24);
        for (size_t x = 0; x < array_length(columns); x++) {
            for (size_t y = 0; y < array_length(rows); y++) {
                grid_resize(&self->frame, columns[x], rows[y]);
                draw(self, true);
                for (int at = 0; at < columns[x] * rows[y]; at++)
                    for (int k = 0; k < CELL_CHARS && self->frame.cells[at].chars[k]; k++)
                        assert_true(cell_char_printable(self->frame.cells[at].chars[k]));
            }
        }
        scene_destroy(self);
    }
}

int main(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pictures), cmocka_unit_test(test_every_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
