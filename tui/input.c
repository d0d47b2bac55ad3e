#include "tui/input.h"

#include <stdlib.h>
#include <string.h>

#include "tui/cell.h"

#define PASTE_END "\x1b[201~"

typedef struct sink {
    input_decoder *self;
    input_handler handler;
    void *data;
} sink;

static void emit(sink *out, uint32_t key, unsigned modifiers) {
    out->handler(&(input_event){.key = key, .modifiers = modifiers}, out->data);
}

// xterm's modifier parameter: 1 + (shift 1, alt 2, control 4); others are dropped.
static unsigned modifiers_of(unsigned parameter) {
    return parameter > 1 ? (parameter - 1) & 7 : 0;
}

static uint32_t tilde_key(unsigned number) {
    static const uint32_t keys[] = {
        [1] = INPUT_HOME,    [2] = INPUT_INSERT,    [3] = INPUT_DELETE, [4] = INPUT_END,
        [5] = INPUT_PAGE_UP, [6] = INPUT_PAGE_DOWN, [7] = INPUT_HOME,   [8] = INPUT_END};
    static const uint8_t functions[] = {11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24};
    if (number < sizeof(keys) / sizeof(keys[0]))
        return keys[number];
    for (unsigned i = 0; i < sizeof(functions); i++)
        if (functions[i] == number)
            return INPUT_FUNCTION_1 + i;
    return 0;
}

static uint32_t letter_key(char final) {
    switch (final) {
    case 'A':
        return INPUT_UP;
    case 'B':
        return INPUT_DOWN;
    case 'C':
        return INPUT_RIGHT;
    case 'D':
        return INPUT_LEFT;
    case 'H':
        return INPUT_HOME;
    case 'F':
        return INPUT_END;
    case 'P':
    case 'Q':
    case 'R':
    case 'S':
        return INPUT_FUNCTION_1 + (uint32_t)(final - 'P');
    case 'I':
        return INPUT_FOCUS_IN;
    case 'O':
        return INPUT_FOCUS_OUT;
    default:
        return 0;
    }
}

static unsigned parse_numbers(const char *text, size_t length, unsigned numbers[4]) {
    unsigned count = 0;
    memset(numbers, 0, sizeof(unsigned) * 4);
    for (size_t i = 0; i < length && count < 4; i++) {
        if (text[i] == ';')
            count++;
        else if (text[i] >= '0' && text[i] <= '9' && numbers[count] < 100000)
            numbers[count] = numbers[count] * 10 + (unsigned)(text[i] - '0');
    }
    return count + 1;
}

static void mouse(sink *out, const unsigned numbers[4], bool pressed) {
    input_event event = {.key = INPUT_MOUSE, .pressed = pressed};
    event.button = (int)(numbers[0] & ~0x1cu);
    event.modifiers = (numbers[0] & 4 ? INPUT_SHIFT : 0) | (numbers[0] & 8 ? INPUT_ALT : 0) |
                      (numbers[0] & 16 ? INPUT_CONTROL : 0);
    event.x = numbers[1] ? (int)numbers[1] - 1 : 0;
    event.y = numbers[2] ? (int)numbers[2] - 1 : 0;
    out->handler(&event, out->data);
}

// A whole CSI sequence: parameters without the introducer and the final byte.
static void csi(sink *out, const char *parameters, size_t length, char final) {
    unsigned numbers[4];
    if (length && parameters[0] == '<' && (final == 'M' || final == 'm')) {
        parse_numbers(parameters + 1, length - 1, numbers);
        mouse(out, numbers, final == 'M');
        return;
    }
    if (length && (parameters[0] < '0' || parameters[0] > ';'))
        return; // answers to questions we did not ask
    unsigned count = parse_numbers(parameters, length, numbers);
    if (final == '~' && numbers[0] == 200) {
        out->self->pasting = true;
        return;
    }
    unsigned modifiers = modifiers_of(count > 1 ? numbers[1] : 0);
    if (final == 'Z')
        emit(out, INPUT_TAB, INPUT_SHIFT);
    else if (final == 'u')
        emit(out, numbers[0] <= 0x10ffff ? numbers[0] : 0xfffd, modifiers);
    else if (final == '~' && tilde_key(numbers[0]))
        emit(out, tilde_key(numbers[0]), modifiers);
    else if (letter_key(final))
        emit(out, letter_key(final), modifiers);
}

// Bytes of the character that starts with this one; 1 where none does.
static size_t character_length(unsigned char first) {
    return first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
}

// Decodes one thing at the front; returns its length, 0 when more is needed.
static size_t decode(sink *out, const char *bytes, size_t length, bool final_call) {
    unsigned char first = (unsigned char)bytes[0];
    if (first != 0x1b) {
        if (length < character_length(first) && !final_call)
            return 0;
        size_t used;
        uint32_t c = cell_utf8_decode(bytes, length, &used);
        emit(out, c == '\b' ? INPUT_BACKSPACE : c, 0);
        return used;
    }
    if (length == 1) {
        if (!final_call)
            return 0;
        emit(out, INPUT_ESCAPE, 0);
        return 1;
    }
    if (bytes[1] == '[') {
        size_t at = 2;
        if (length > 2 && bytes[2] == '[') // the Linux console's F1 to F5
            at = 3;
        while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x40)
            at++;
        if (at < length && bytes[at] >= 0x40 && bytes[at] < 0x7f) {
            if (bytes[2] == '[' && bytes[at] >= 'A' && bytes[at] <= 'E')
                emit(out, INPUT_FUNCTION_1 + (uint32_t)(bytes[at] - 'A'), 0);
            else
                csi(out, bytes + 2, at - 2, bytes[at]);
            return at + 1;
        }
        if (at < length)
            return at; // broken by a control byte: dropped up to it
        if (!final_call)
            return 0;
        emit(out, '[', INPUT_ALT);
        return length > 2 ? length : 2;
    }
    if (bytes[1] == 'O') {
        if (length == 2 && !final_call)
            return 0;
        if (length > 2 && letter_key(bytes[2])) {
            emit(out, letter_key(bytes[2]), 0);
            return 3;
        }
        if (length > 2 && bytes[2] == 'M') {
            emit(out, INPUT_ENTER, 0);
            return 3;
        }
    }
    if (bytes[1] == 0x1b) {
        emit(out, INPUT_ESCAPE, 0);
        return 1;
    }
    size_t used;
    uint32_t c = cell_utf8_decode(bytes + 1, length - 1, &used);
    emit(out, c, INPUT_ALT);
    return 1 + used;
}

// How much of it is whole characters: the last one may have come in part.
static size_t whole_characters(const char *bytes, size_t length) {
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = (unsigned char)bytes[length - back];
        if ((c & 0xc0) != 0x80)
            return character_length(c) > back ? length - back : length;
    }
    return length;
}

// Gives out pasted bytes up to the end mark; returns how many bytes were used.
static size_t paste(sink *out, const char *bytes, size_t length) {
    const char *end = memmem(bytes, length, PASTE_END, strlen(PASTE_END));
    size_t text = end ? (size_t)(end - bytes) : length;
    if (!end) { // a part of the end mark may be at the end
        for (size_t keep = strlen(PASTE_END) - 1; keep > 0; keep--) {
            if (keep <= length && memcmp(bytes + length - keep, PASTE_END, keep) == 0) {
                text = length - keep;
                break;
            }
        }
        text = whole_characters(bytes, text);
    }
    if (text)
        out->handler(&(input_event){.key = INPUT_PASTE, .text = bytes, .length = text}, out->data);
    if (!end)
        return text;
    out->self->pasting = false;
    emit(out, INPUT_PASTE_END, 0);
    return text + strlen(PASTE_END);
}

void input_feed(input_decoder *self, const char *bytes, size_t length, input_handler handler, void *data) {
    sink out = {self, handler, data};
    while (length || self->length) {
        // Work on the pending bytes with as many new ones as fit.
        size_t space = sizeof(self->pending) - self->length;
        size_t take = length < space ? length : space;
        memcpy(self->pending + self->length, bytes, take);
        self->length += take;
        bytes += take;
        length -= take;
        size_t at = 0;
        while (at < self->length) {
            size_t used = self->pasting ? paste(&out, self->pending + at, self->length - at)
                                        : decode(&out, self->pending + at, self->length - at, false);
            if (!used)
                break;
            at += used;
        }
        if (at == 0 && self->length == sizeof(self->pending))
            at = self->length; // no sequence is this long: garbage
        memmove(self->pending, self->pending + at, self->length - at);
        self->length -= at;
        if (!length)
            break;
    }
}

bool input_pending(const input_decoder *self) {
    return self->length > 0 && !self->pasting;
}

void input_flush(input_decoder *self, input_handler handler, void *data) {
    if (!input_pending(self))
        return;
    sink out = {self, handler, data};
    size_t at = 0;
    while (at < self->length)
        at += decode(&out, self->pending + at, self->length - at, true);
    self->length = 0;
}
