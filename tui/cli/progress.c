#include "tui/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tui/cli/cli.h"

#define BAR_WIDTH 24

// ---- options ----

enum { KEY_PROGRESS = 0x2000 };

static const struct argp_option options[] = {
    {"progress", KEY_PROGRESS, "KIND", 0,
     "auto (lines that change on a terminal), plain, json (an object a line) or none", 85},
    {"quiet", 'q', NULL, 0, "No progress", 85},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    static const char *const names[] = {"auto", "none", "plain", "json"};
    progress_mode *self = state->input;
    switch (key) {
    case KEY_PROGRESS:
        for (size_t i = 0; i < array_length(names); i++) {
            if (strcmp(argument, names[i]) == 0) {
                *self = (progress_mode)i;
                return 0;
            }
        }
        cli_usage_error(state, "there is no progress \"%s\": it is auto, plain, json or none", argument);
    case 'q':
        *self = PROGRESS_NONE;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp progress_argp = {.options = options, .parser = parse};

// ---- lines that change ----

void progress_init(progress *self, progress_mode mode) {
    *self = (progress){
        .mode = mode, .live = mode == PROGRESS_AUTO && isatty(STDERR_FILENO), .tasks = json_object()};
}

static unsigned lines_of_screen(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 3 ? size.ws_row : 24;
}

static const char *short_digest(const char *digest) {
    const char *colon = strchr(digest, ':');
    return colon ? colon + 1 : digest;
}

static void draw_bar(double share) {
    int full = (int)(share * BAR_WIDTH);
    fputs(" [", stderr);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
    fputs("] ", stderr);
}

static void draw_layer(const json_t *layer) {
    cleanup_free char *digest = cli_escape(short_digest(cli_text(layer, "digest")));
    cleanup_free char *phase = cli_escape(cli_text(layer, "phase"));
    uint64_t done = (uint64_t)json_integer_value(cli_member(layer, "bytesDone"));
    uint64_t total = (uint64_t)json_integer_value(cli_member(layer, "bytesTotal"));
    fprintf(stderr, "\x1b[2K%.12s %-11s", digest, phase);
    bool moving = strcmp(phase, "downloading") == 0 || strcmp(phase, "uploading") == 0;
    if (moving && total > 0) {
        char have[32], all[32];
        draw_bar(done < total ? (double)done / (double)total : 1);
        fprintf(stderr, "%s / %s", holm_text_bytes(done, have, sizeof have),
                holm_text_bytes(total, all, sizeof all));
    }
    fputc('\n', stderr);
}

static unsigned draw_task(const json_t *item, unsigned most) {
    cleanup_free char *subject = cli_escape(cli_text(item, "subject"));
    cleanup_free char *phase = cli_escape(cli_text(item, "phase"));
    fprintf(stderr, "\x1b[2K%s: %s\n", subject, phase);
    unsigned lines = 1;
    size_t index;
    json_t *layer;
    json_array_foreach (cli_member(item, "layers"), index, layer) {
        if (lines >= most)
            break;
        draw_layer(layer);
        lines++;
    }
    return lines;
}

static void draw(progress *self, const json_t *item) {
    // The figures of a moment change with the next one; what is kept is a copy.
    json_object_set_new(self->tasks, cli_text(item, "task"), json_deep_copy(item));
    if (self->drawn > 0)
        fprintf(stderr, "\x1b[%uA\r\x1b[J", self->drawn);
    unsigned most = lines_of_screen() - 2, lines = 0;
    const char *task;
    json_t *each;
    json_object_foreach (self->tasks, task, each)
        if (lines < most)
            lines += draw_task(each, most - lines);
    self->drawn = lines;
}

// ---- a line for each step ----

// Whether it is another phase than the one told last.
static bool is_news(progress *self, const char *what, const char *phase) {
    const char *before = json_string_value(json_object_get(self->tasks, what));
    if (before && strcmp(before, phase) == 0)
        return false;
    json_object_set_new(self->tasks, what, json_string(phase));
    return true;
}

static void tell(progress *self, const json_t *item) {
    const char *phase = cli_text(item, "phase");
    if (is_news(self, cli_text(item, "task"), phase)) {
        cleanup_free char *subject = cli_escape(cli_text(item, "subject"));
        cleanup_free char *safe = cli_escape(phase);
        fprintf(stderr, "%s: %s\n", subject, safe);
    }
    size_t index;
    json_t *layer;
    json_array_foreach (cli_member(item, "layers"), index, layer) {
        const char *digest = cli_text(layer, "digest"), *now = cli_text(layer, "phase");
        bool over = strcmp(now, "done") == 0 || strcmp(now, "exists") == 0;
        if (!over || !is_news(self, digest, now))
            continue;
        cleanup_free char *safe = cli_escape(short_digest(digest));
        cleanup_free char *safe_phase = cli_escape(now);
        fprintf(stderr, "%.12s %s\n", safe, safe_phase);
    }
}

void progress_show(progress *self, const json_t *item) {
    if (self->mode == PROGRESS_NONE)
        return;
    if (self->live) {
        draw(self, item);
    } else if (self->mode == PROGRESS_JSON) {
        json_dumpf(item, stderr, JSON_COMPACT | JSON_ENSURE_ASCII);
        fputc('\n', stderr);
    } else {
        tell(self, item);
    }
}

void progress_interrupt(progress *self) {
    if (!self->live)
        return;
    self->drawn = 0;
    // What is over is not drawn again.
    const char *task;
    json_t *each;
    void *next;
    json_object_foreach_safe (self->tasks, next, task, each)
        if (json_is_true(json_object_get(each, "done")))
            json_object_del(self->tasks, task);
}

void progress_finish(progress *self) {
    json_decref(self->tasks);
    *self = (progress){0};
}
