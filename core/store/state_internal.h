// What the files of state.db share, one file a noun.
#pragma once

#include <sqlite3.h>

#include "core/store/state.h"

#define STATE_VERSION 6

struct state {
    sqlite3 *database;
    char *directory;
    char *events_path;
    int depth;     // of open transactions
    bool durable;  // the open one
    bool announce; // an event was added: touch the events file once it is committed
};

static inline void state_statement_finish(sqlite3_stmt **statement) {
    sqlite3_finalize(*statement);
}
#define cleanup_statement cleanup(state_statement_finish)

static inline void state_json_finish(json_t **value) {
    json_decref(*value);
}
#define cleanup_json cleanup(state_json_finish)

/// Prepares `sql` and binds its parameters in order: 's' text (NULL allowed), 'i' int64_t, 'j' a json_t as
/// text (NULL allowed).
sqlite3_stmt *state_prepare(state *self, holm_error **error, const char *sql, const char *types, ...);
/// 1: a row is there, 0: there are no more, -1: error.
int state_step(state *self, sqlite3_stmt *statement, holm_error **error);
/// Prepares, binds and runs to the end.
int state_run(state *self, holm_error **error, const char *sql, const char *types, ...);
/// Sets the error for a SQLite result.
void state_fail(state *self, int result, const char *what, holm_error **error);

/// A text column; "" where it is NULL. Lives until the next step.
const char *state_text(sqlite3_stmt *statement, int column);
/// A column of JSON; the caller owns it.
json_t *state_json(sqlite3_stmt *statement, int column, holm_error **error);

/// Keeps room for state_take_spare, where the disk has plenty.
void state_keep_spare(state *self);

/// Makes the tables of an empty database, or brings older ones up to STATE_VERSION.
int state_migrate(state *self, int from, holm_error **error);

/// A column of text over all rows, as an array that the caller owns.
json_t *state_texts(state *self, const char *sql, const char *parameter, holm_error **error);
/// The row alone, without names.
int state_image_put_row(state *self, const char *id, const json_t *document, holm_error **error);
/// Completes an image's document by what names stand for it: references, digests, platforms.
int state_image_name(state *self, json_t *document, const char *id, holm_error **error);
/// Drops the indexes that no name stands for any more.
int state_index_forget(state *self, holm_error **error);

/// The network's document without its members; "default" is made where it is missing. The caller owns it.
json_t *state_network_row(state *self, const char *name, holm_error **error);

/// Whether `text` is 2 to 64 lower-case hex digits.
bool state_is_hex_prefix(const char *text);

/// Whether a file system of this magic (statfs f_type) is on the network, and its name.
const char *state_network_file_system(long magic);
