// The lines of the logs tab into a file: gathered here, written by a worker thread.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tui/dashboard_private.h"
#include "tui/log_view.h"

typedef struct save {
    uv_work_t work;
    void *request; ///< the dashboard's, which may be gone by then
    char *path;
    buffer text;
    size_t lines;
    int failed; ///< errno
} save;

static void add_line(save *self, const ui_logs *logs, const log_line *line) {
    if (logs->timestamps) {
        char time[40];
        time_t seconds = (time_t)(line->unix_ns / 1000000000);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &parts);
        buffer_append_format(&self->text, "%s.%03dZ ", time, (int)(line->unix_ns / 1000000 % 1000));
    }
    if (logs->source_count > 1)
        buffer_append_format(&self->text, "%s: ", logs->sources[line->source].name);
    buffer_append_format(&self->text, "%s\n", line->text);
    self->lines++;
}

static void write_file(uv_work_t *work) {
    save *self = work->data;
    int fd = open(self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    self->failed = fd < 0 ? errno : 0;
    for (size_t done = 0; fd >= 0 && !self->failed && done < self->text.length;) {
        ssize_t step = write(fd, self->text.data + done, self->text.length - done);
        if (step < 0 && errno != EINTR)
            self->failed = errno;
        done += step > 0 ? (size_t)step : 0;
    }
    if (fd >= 0 && close(fd) < 0 && !self->failed)
        self->failed = errno;
}

static void written(uv_work_t *work, int status) {
    (void)status;
    save *self = work->data;
    char text[512];
    if (self->failed)
        snprintf(text, sizeof(text), "save %.300s: %s", self->path, strerror(self->failed));
    else
        snprintf(text, sizeof(text), "%zu lines are in %.300s", self->lines, self->path);
    json_t *result = json_object();
    json_object_set_new(result, "failed", json_boolean(self->failed));
    json_object_set_new(result, "text", json_stringn_nocheck(text, strlen(text)));
    dashboard_done(result, NULL, self->request);
    json_decref(result);
    buffer_finish(&self->text);
    free(self->path);
    free(self);
}

static void tell(dashboard *self, const char *id, json_t *result, const holm_error *error) {
    (void)id, (void)error;
    ui_set_notice(&self->ui, json_is_true(json_object_get(result, "failed")) ? NOTICE_BAD : NOTICE_INFO,
                  json_string_value(json_object_get(result, "text")));
    dashboard_dirty(self);
}

static char *whole_path(const char *path) {
    char *whole = NULL;
    const char *home = getenv("HOME");
    if (strncmp(path, "~/", 2) != 0 || !home)
        return strdup(path);
    return asprintf(&whole, "%s/%s", home, path + 2) < 0 ? NULL : whole;
}

void dashboard_logs_save(dashboard *self, const char *path) {
    const ui_logs *logs = &self->ui.logs;
    save *made = calloc(1, sizeof(*made));
    if (!made)
        abort();
    made->work.data = made;
    made->request = dashboard_request(self, NULL, tell);
    made->path = whole_path(path);
    for (size_t i = 0; i < logs->lines.count; i++)
        if (log_view_shows(logs, log_buffer_at(&logs->lines, i)))
            add_line(made, logs, log_buffer_at(&logs->lines, i));
    uv_queue_work(self->loop, &made->work, write_file, written);
}
