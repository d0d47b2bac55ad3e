#include "tui/cell.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "core/holm.h"

#define REPLACEMENT 0xfffdu

static const cell blank = {.chars = {' '}, .width = 1};

void grid_resize(grid *self, int columns, int rows) {
    columns = columns < 1 ? 1 : columns;
    rows = rows < 1 ? 1 : rows;
    free(self->cells);
    self->cells = calloc((size_t)columns * (size_t)rows, sizeof(cell));
    if (!self->cells)
        abort();
    self->columns = columns;
    self->rows = rows;
    grid_clear(self, (cell_style){0});
}

void grid_finish(grid *self) {
    free(self->cells);
    *self = (grid){0};
}

void grid_clear(grid *self, cell_style style) {
    cell value = blank;
    value.style = style;
    for (int i = 0; i < self->columns * self->rows; i++)
        self->cells[i] = value;
    self->cursor_visible = false;
}

cell *grid_at(const grid *self, int x, int y) {
    if (x < 0 || y < 0 || x >= self->columns || y >= self->rows)
        return NULL;
    return &self->cells[(size_t)y * (size_t)self->columns + (size_t)x];
}

bool cell_style_equal(const cell_style *a, const cell_style *b) {
    return a->fg == b->fg && a->bg == b->bg && a->attributes == b->attributes;
}

bool cell_equal(const cell *a, const cell *b) {
    if (a->width != b->width || !cell_style_equal(&a->style, &b->style))
        return false;
    for (int i = 0; i < CELL_CHARS; i++) {
        if (a->chars[i] != b->chars[i])
            return false;
        if (!a->chars[i])
            return true;
    }
    return true;
}

bool cell_char_printable(uint32_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return false;
    // Marks and overrides of direction would reorder what stands beside them (UAX #9, section 2).
    if (c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
        (c >= 0x2066 && c <= 0x2069))
        return false;
    // Line and paragraph separators, interlinear annotation, tags, the byte order mark.
    return c != 0x2028 && c != 0x2029 && !(c >= 0xfff9 && c <= 0xfffb) && c != 0xfeff &&
           !(c >= 0xe0000 && c <= 0xe007f);
}

int cell_char_width(uint32_t c) {
    if (c >= 0x20 && c < 0x7f)
        return 1;
    if (!cell_char_printable(c))
        return 1;
    int width = wcwidth((wchar_t)c);
    return width < 0 ? 1 : width > 2 ? 2 : width;
}

uint32_t cell_utf8_decode(const char *text, size_t length, size_t *used) {
    const uint8_t *bytes = (const uint8_t *)text;
    *used = 1;
    if (bytes[0] < 0x80)
        return bytes[0];
    unsigned more = bytes[0] >= 0xf0 ? 3 : bytes[0] >= 0xe0 ? 2 : 1;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || length <= more)
        return REPLACEMENT;
    uint32_t c = bytes[0] & (0x3fu >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return REPLACEMENT;
        c = c << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return REPLACEMENT;
    *used = more + 1;
    return c;
}

size_t cell_utf8_encode(uint32_t c, char out[4]) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

int cell_text_width(const char *text) {
    int width = 0;
    size_t length = strlen(text), used;
    for (size_t i = 0; i < length; i += used)
        width += cell_char_width(cell_utf8_decode(text + i, length - i, &used));
    return width;
}

static bool inside(const rect *clip, int x, int y) {
    return !clip || (x >= clip->x && y >= clip->y && x < clip->x + clip->width && y < clip->y + clip->height);
}

static cell_style merge(cell_style old, cell_style new) {
    if (new.fg == CELL_COLOR_KEEP)
        new.fg = old.fg;
    if (new.bg == CELL_COLOR_KEEP)
        new.bg = old.bg;
    return new;
}

// A wide character that loses one half loses the other too.
static void sever(grid *self, int x, int y) {
    cell *at = grid_at(self, x, y);
    if (at && at->width == 0) {
        cell *left = grid_at(self, x - 1, y);
        if (left)
            *left = (cell){.chars = {' '}, .width = 1, .style = left->style};
        *at = (cell){.chars = {' '}, .width = 1, .style = at->style};
    } else if (at && at->width == 2) {
        cell *right = grid_at(self, x + 1, y);
        if (right)
            *right = (cell){.chars = {' '}, .width = 1, .style = right->style};
    }
}

void grid_put(grid *self, const rect *clip, int x, int y, const uint32_t *chars, int width,
              cell_style style) {
    cell *at = grid_at(self, x, y);
    if (!at || !inside(clip, x, y))
        return;
    bool fits = width < 2 || (grid_at(self, x + 1, y) && inside(clip, x + 1, y));
    sever(self, x, y);
    if (width == 2 && fits)
        sever(self, x + 1, y);
    at->style = merge(at->style, style);
    memset(at->chars, 0, sizeof(at->chars));
    at->width = 1;
    at->chars[0] = ' ';
    if (!fits)
        return;
    for (int i = 0; i < CELL_CHARS && chars[i]; i++)
        at->chars[i] = cell_char_printable(chars[i]) ? chars[i] : REPLACEMENT;
    if (width == 2) {
        at->width = 2;
        cell *right = at + 1;
        *right = (cell){.width = 0, .style = at->style};
    }
}

// One grapheme as far as widths know it: a character and the zero-width ones behind it.
static size_t next_cluster(const char *text, size_t length, uint32_t chars[CELL_CHARS], int *width) {
    size_t used, total;
    memset(chars, 0, sizeof(uint32_t) * CELL_CHARS);
    chars[0] = cell_utf8_decode(text, length, &total);
    if (!cell_char_printable(chars[0]))
        chars[0] = REPLACEMENT;
    *width = cell_char_width(chars[0]);
    if (*width == 0) { // nothing before it to combine with
        chars[1] = chars[0];
        chars[0] = ' ';
        *width = 1;
    }
    int count = chars[1] ? 2 : 1;
    while (total < length) {
        uint32_t c = cell_utf8_decode(text + total, length - total, &used);
        if (!cell_char_printable(c) || cell_char_width(c) != 0)
            break;
        if (count < CELL_CHARS)
            chars[count++] = c;
        total += used;
    }
    return total;
}

int grid_text(grid *self, const rect *clip, int x, int y, int width, cell_style style, const char *text,
              const char *ellipsis) {
    int tail = ellipsis ? cell_text_width(ellipsis) : 0;
    size_t length = strlen(text);
    int used = 0;
    // Text beyond a few screens is never seen: do not measure megabytes.
    size_t sane = (size_t)(width < 0 ? 0 : width) * 32 + 64;
    bool cut = (length > sane) || cell_text_width(text) > width;
    int most = cut && tail <= width ? width - tail : width;
    for (size_t i = 0; i < length;) {
        uint32_t chars[CELL_CHARS];
        int columns;
        size_t step = next_cluster(text + i, length - i, chars, &columns);
        if (used + columns > most)
            break;
        grid_put(self, clip, x + used, y, chars, columns, style);
        used += columns;
        i += step;
    }
    if (cut && ellipsis && tail <= width)
        used += grid_text(self, clip, x + used, y, tail, style, ellipsis, NULL);
    return used;
}

void grid_text_right(grid *self, const rect *clip, int x, int y, int width, cell_style style,
                     const char *text, const char *ellipsis) {
    int columns = cell_text_width(text);
    int pad = columns < width ? width - columns : 0;
    grid_text(self, clip, x + pad, y, width - pad, style, text, ellipsis);
}

void grid_fill(grid *self, const rect *area, cell_style style) {
    for (int y = area->y; y < area->y + area->height; y++)
        for (int x = area->x; x < area->x + area->width; x++)
            grid_put(self, area, x, y, (const uint32_t[CELL_CHARS]){' '}, 1, style);
}

void grid_restyle(grid *self, const rect *area, cell_style style) {
    for (int y = area->y; y < area->y + area->height; y++) {
        for (int x = area->x; x < area->x + area->width; x++) {
            cell *at = grid_at(self, x, y);
            if (at)
                at->style = merge(at->style, style);
        }
    }
}

rect rect_inset(rect outer, int x, int y) {
    rect inner = {outer.x + x, outer.y + y, outer.width - 2 * x, outer.height - 2 * y};
    if (inner.width < 0)
        inner.width = 0;
    if (inner.height < 0)
        inner.height = 0;
    return inner;
}

rect rect_intersect(rect a, rect b) {
    int x = a.x > b.x ? a.x : b.x, y = a.y > b.y ? a.y : b.y;
    int right = a.x + a.width < b.x + b.width ? a.x + a.width : b.x + b.width;
    int bottom = a.y + a.height < b.y + b.height ? a.y + a.height : b.y + b.height;
    return (rect){x, y, right > x ? right - x : 0, bottom > y ? bottom - y : 0};
}
