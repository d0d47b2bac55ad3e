#include <time.h>

#include "core/store/state_internal.h"

#define EVENTS_KEPT 10000

static int append(state *self, const char *kind, const char *action, const char *id, const char *name,
                  const json_t *attributes, holm_error **error) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t unix_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (state_run(self, error,
                  "INSERT INTO events(unix_ns, kind, action, id, name, attributes) VALUES(?, ?, ?, ?, ?, ?)",
                  "issssj", unix_ns, kind, action, id ? id : "", name ? name : "", attributes) < 0)
        return -1;
    int64_t sequence = sqlite3_last_insert_rowid(self->database);
    if (sequence % 100 != 0)
        return 0;
    return state_run(self, error, "DELETE FROM events WHERE sequence <= ?", "i", sequence - EVENTS_KEPT);
}

int state_event_add(state *self, const char *kind, const char *action, const char *id, const char *name,
                    const json_t *attributes, holm_error **error) {
    if (state_begin(self, error) < 0)
        return -1;
    bool done = append(self, kind, action, id, name, attributes, error) == 0;
    if (done)
        self->announce = true;
    return state_end(self, done, done ? error : NULL) < 0 || !done ? -1 : 0;
}

static int read_last(state *self, int64_t *last, holm_error **error) {
    // From the counter of AUTOINCREMENT, which is right even when the table is empty.
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error, "SELECT seq FROM sqlite_sequence WHERE name = 'events'", "");
    if (!statement)
        return -1;
    int row = state_step(self, statement, error);
    *last = row > 0 ? sqlite3_column_int64(statement, 0) : 0;
    return row < 0 ? -1 : 0;
}

static json_t *event_of(sqlite3_stmt *statement, holm_error **error) {
    json_t *attributes =
        sqlite3_column_type(statement, 6) == SQLITE_NULL ? json_object() : state_json(statement, 6, error);
    if (!attributes)
        return NULL;
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o}", "sequence",
                     (json_int_t)sqlite3_column_int64(statement, 0), "unixNs",
                     (json_int_t)sqlite3_column_int64(statement, 1), "kind", state_text(statement, 2),
                     "action", state_text(statement, 3), "id", state_text(statement, 4), "name",
                     state_text(statement, 5), "attributes", attributes);
}

json_t *state_event_list(state *self, int64_t sequence, unsigned most, int64_t *last, holm_error **error) {
    int64_t newest = 0;
    if (sequence < 0) {
        if (read_last(self, &newest, error) < 0)
            return NULL;
        if (last)
            *last = newest;
        return json_array();
    }
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(self, error,
                      "SELECT sequence, unix_ns, kind, action, id, name, attributes FROM events"
                      " WHERE sequence > ? ORDER BY sequence LIMIT ?",
                      "ii", sequence, (int64_t)most);
    if (!statement)
        return NULL;
    cleanup_json json_t *events = json_array();
    newest = sequence;
    int row;
    while ((row = state_step(self, statement, error)) > 0) {
        newest = sqlite3_column_int64(statement, 0);
        if (json_array_append_new(events, event_of(statement, error)) < 0)
            return NULL;
    }
    if (row < 0)
        return NULL;
    if (last)
        *last = newest;
    return steal_pointer(&events);
}
