#include "tui/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tui/cli/cli.h"

#define BAR_WIDTH 24

void progress_init(progress *self, bool quiet) {
    *self = (progress){.quiet = quiet, .live = isatty(STDERR_FILENO), .layers = json_object()};
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
    if (strcmp(phase, "downloading") == 0 && total > 0) {
        char have[32], all[32];
        draw_bar(done < total ? (double)done / (double)total : 1);
        fprintf(stderr, "%s / %s", holm_text_bytes(done, have, sizeof have),
                holm_text_bytes(total, all, sizeof all));
    }
    fputc('\n', stderr);
}

static void draw(progress *self, const json_t *item) {
    if (self->drawn > 0)
        fprintf(stderr, "\x1b[%uA\r", self->drawn);
    cleanup_free char *subject = cli_escape(cli_text(item, "subject"));
    cleanup_free char *phase = cli_escape(cli_text(item, "phase"));
    fprintf(stderr, "\x1b[2K%s: %s\n", subject, phase);
    unsigned most = lines_of_screen() - 2, lines = 1;
    size_t index;
    json_t *layer;
    json_array_foreach (cli_member(item, "layers"), index, layer) {
        if (lines >= most)
            break;
        draw_layer(layer);
        lines++;
    }
    self->drawn = lines;
}

static void tell(progress *self, const json_t *item) {
    const char *phase = cli_text(item, "phase");
    if (!self->last_phase || strcmp(self->last_phase, phase) != 0) {
        cleanup_free char *subject = cli_escape(cli_text(item, "subject"));
        cleanup_free char *safe = cli_escape(phase);
        fprintf(stderr, "%s: %s\n", subject, safe);
        free(self->last_phase);
        self->last_phase = strdup(phase);
    }
    size_t index;
    json_t *layer;
    json_array_foreach (cli_member(item, "layers"), index, layer) {
        const char *digest = cli_text(layer, "digest"), *now = cli_text(layer, "phase");
        const char *before = json_string_value(json_object_get(self->layers, digest));
        if ((before && strcmp(before, now) == 0) || (strcmp(now, "done") != 0 && strcmp(now, "exists") != 0))
            continue;
        cleanup_free char *safe = cli_escape(short_digest(digest));
        cleanup_free char *safe_phase = cli_escape(now);
        fprintf(stderr, "%.12s %s\n", safe, safe_phase);
        json_object_set_new(self->layers, digest, json_string(now));
    }
}

void progress_show(progress *self, const json_t *item) {
    if (self->quiet)
        return;
    if (self->live)
        draw(self, item);
    else
        tell(self, item);
}

void progress_finish(progress *self) {
    free(self->last_phase);
    json_decref(self->layers);
    *self = (progress){0};
}
