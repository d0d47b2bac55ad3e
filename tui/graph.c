#include "tui/graph.h"

void history_add(history *self, double value) {
    self->values[self->next] = (float)value;
    self->next = (self->next + 1) % HISTORY_LENGTH;
    if (self->count < HISTORY_LENGTH)
        self->count++;
}

double history_at(const history *self, int age) {
    if (age < 0 || age >= self->count)
        return -1;
    return self->values[(self->next - 1 - age + 2 * HISTORY_LENGTH) % HISTORY_LENGTH];
}

double history_most(const history *self, int count) {
    double most = 0;
    for (int age = 0; age < count && age < self->count; age++) {
        double value = history_at(self, age);
        most = value > most ? value : most;
    }
    return most;
}

static double clamp_share(double value, double top) {
    double share = top > 0 ? value / top : 0;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void graph_spark(grid *out, const rect *clip, int x, int y, int width, const history *values, double top,
                 double full, const theme_table *theme, theme_gradient gradient, const glyph_table *glyphs) {
    for (int i = 0; i < width; i++) {
        double value = history_at(values, width - 1 - i);
        if (value < 0)
            continue;
        double share = clamp_share(value, top);
        int level = (int)(share * 7.999);
        grid_text(out, clip, x + i, y, 1, theme_gradient_style(theme, gradient, clamp_share(value, full)),
                  glyphs->spark[level], NULL);
    }
}

void graph_bar(grid *out, const rect *clip, int x, int y, int width, double share, const theme_table *theme,
               theme_gradient gradient, const glyph_table *glyphs) {
    int eighths = (int)(clamp_share(share, 1) * width * 8 + 0.5);
    for (int i = 0; i < width; i++) {
        int here = eighths - i * 8;
        cell_style style = theme_gradient_style(theme, gradient, (i + 0.5) / width);
        if (here >= 8)
            grid_text(out, clip, x + i, y, 1, style, glyphs->bar[8], NULL);
        else if (here > 0)
            grid_text(out, clip, x + i, y, 1, style, glyphs->bar[here], NULL);
        else
            grid_text(out, clip, x + i, y, 1, theme_style(theme, THEME_BORDER), glyphs->bar_rest, NULL);
    }
}

// The dots of a braille cell by row from the bottom, left and right column (Unicode, U+2800 block).
static uint32_t braille(int left, int right) {
    static const uint8_t left_dots[] = {0x40, 0x04, 0x02, 0x01}, right_dots[] = {0x80, 0x20, 0x10, 0x08};
    uint32_t c = 0x2800;
    for (int i = 0; i < 4; i++)
        c |= (i < left ? left_dots[i] : 0u) | (i < right ? right_dots[i] : 0u);
    return c;
}

static int dots(const history *values, int age, double top, int height) {
    double value = history_at(values, age);
    if (value < 0)
        return 0;
    int count = (int)(clamp_share(value, top) * height * 4 + 0.5);
    return count < 1 ? 1 : count; // a reading of nothing still shows as a base line
}

static int within(int count, int row) {
    int here = count - row * 4;
    return here < 0 ? 0 : here > 4 ? 4 : here;
}

void graph_area(grid *out, const rect *clip, const rect *area, const history *values, double top, double full,
                const theme_table *theme, theme_gradient gradient, const glyph_table *glyphs) {
    for (int column = 0; column < area->width; column++) {
        int age = area->width - 1 - column;
        int right = dots(values, glyphs->unicode ? age * 2 : age, top, area->height);
        int left = glyphs->unicode ? dots(values, age * 2 + 1, top, area->height) : right;
        for (int row = 0; row < area->height; row++) {
            int a = within(left, row), b = within(right, row);
            if (!a && !b)
                break;
            int y = area->y + area->height - 1 - row;
            cell_style style = theme_gradient_style(theme, gradient, (row + 0.5) / area->height * top / full);
            uint32_t chars[CELL_CHARS] = {braille(a, b)};
            if (!glyphs->unicode)
                chars[0] = b >= 3 ? '#' : b == 2 ? '=' : '.';
            grid_put(out, clip, area->x + column, y, chars, 1, style);
        }
    }
}
