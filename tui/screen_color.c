#include "tui/screen_color.h"

#include <stdlib.h>

static const uint32_t palette16[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
                                       0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
                                       0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff};

static const int levels[6] = {0, 95, 135, 175, 215, 255};

static uint32_t palette_rgb(unsigned index) {
    if (index < 16)
        return palette16[index];
    if (index >= 232) {
        uint32_t gray = 8 + (index - 232) * 10;
        return gray << 16 | gray << 8 | gray;
    }
    index -= 16;
    return (uint32_t)levels[index / 36] << 16 | (uint32_t)levels[index / 6 % 6] << 8 |
           (uint32_t)levels[index % 6];
}

static int distance(uint32_t a, uint32_t b) {
    int red = (int)(a >> 16 & 255) - (int)(b >> 16 & 255), green = (int)(a >> 8 & 255) - (int)(b >> 8 & 255),
        blue = (int)(a & 255) - (int)(b & 255);
    return red * red * 2 + green * green * 4 + blue * blue * 3;
}

static int nearest(uint32_t rgb, unsigned from, unsigned count) {
    unsigned best = from;
    for (unsigned i = from; i < from + count; i++)
        if (distance(palette_rgb(i), rgb) < distance(palette_rgb(best), rgb))
            best = i;
    return (int)best;
}

static int level(unsigned value) {
    int best = 0;
    for (int i = 1; i < 6; i++)
        if (abs((int)value - levels[i]) < abs((int)value - levels[best]))
            best = i;
    return best;
}

// The first 16 colours are the user's: the cube and the greys are what they say.
static int nearest256(uint32_t rgb) {
    int cube = 16 + 36 * level(rgb >> 16 & 255) + 6 * level(rgb >> 8 & 255) + level(rgb & 255);
    int gray = nearest(rgb, 232, 24);
    return distance(palette_rgb((unsigned)gray), rgb) < distance(palette_rgb((unsigned)cube), rgb) ? gray
                                                                                                   : cube;
}

int screen_color_number(cell_color color, int colors, bool *bold) {
    if (color == CELL_COLOR_DEFAULT || color == CELL_COLOR_KEEP || colors < 8)
        return -1;
    uint32_t value = color & 0xffffff;
    bool indexed = CELL_COLOR_IS_INDEXED(color);
    if (colors > 256) {
        if (indexed && value < 8)
            return (int)value;
        uint32_t rgb = indexed ? palette_rgb(value) : value;
        return (int)(rgb < 8 ? 8 : rgb);
    }
    if (colors == 256)
        return indexed ? (int)value : nearest256(value);
    int number = indexed && value < 16 ? (int)value : nearest(indexed ? palette_rgb(value) : value, 0, 16);
    if (colors < 16 && number >= 8) {
        *bold = true;
        number -= 8;
    }
    return number;
}
