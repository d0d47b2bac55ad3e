#include "core/store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/state_internal.h"

// How long a writer waits for its turn. Transactions take about a millisecond, so only a stopped or hung
// process can make this pass.
#define BUSY_TIMEOUT_MS 60000
#define LOG_PAGES       250 // of the write-ahead log, before it is folded in

static const struct {
    unsigned long magic;
    const char *name;
} network_file_systems[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},      {0xff534d42, "CIFS"},  {0xfe534d42, "SMB2"},
    {0x73757245, "Coda"},   {0x5346414f, "AFS"},  {0x01021997, "9p"},    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636f, "OCFS2"}, {0x47504653, "GPFS"},
};

const char *state_network_file_system(long magic) {
    for (size_t i = 0; i < array_length(network_file_systems); i++)
        if (network_file_systems[i].magic == (unsigned long)magic)
            return network_file_systems[i].name;
    return NULL;
}

static int refuse_network(const char *directory, holm_error **error) {
    struct statfs status;
    if (statfs(directory, &status) < 0) {
        holm_error_set_errno(error, errno, "look at the file system of %s", directory);
        return -1;
    }
    const char *name = state_network_file_system((long)status.f_type);
    if (!name)
        return 0;
    holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                   "%s is on a network file system (%s), where state.db is not safe", directory, name);
    holm_error_hint(error, "set XDG_DATA_HOME to a folder on a local disk");
    return -1;
}

static holm_error_code code_of(int result) {
    switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return HOLM_ERROR_UNAVAILABLE;
    case SQLITE_FULL:
        return HOLM_ERROR_NO_SPACE;
    case SQLITE_NOMEM:
        return HOLM_ERROR_NO_MEMORY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return HOLM_ERROR_INTEGRITY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return HOLM_ERROR_DENIED;
    case SQLITE_CONSTRAINT:
        return HOLM_ERROR_EXISTS;
    default:
        return HOLM_ERROR_INTERNAL;
    }
}

void state_fail(state *self, int result, const char *what, holm_error **error) {
    if ((result & 0xff) == SQLITE_BUSY) {
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "%s: another process has held state.db for %d s", what,
                       BUSY_TIMEOUT_MS / 1000);
        holm_error_hint(error, "look for a stopped holm process (ps -C holm,holm-shim -o pid,stat,args)");
        return;
    }
    const char *text = self->database ? sqlite3_errmsg(self->database) : sqlite3_errstr(result);
    holm_error_set(error, code_of(result), "%s: state.db: %s", what, text);
    if ((result & 0xff) == SQLITE_FULL)
        holm_error_hint(error, "make room on the disk: holm system df shows what of it is holm's");
}

static int bind(sqlite3_stmt *statement, const char *types, va_list arguments) {
    int result = SQLITE_OK;
    for (int i = 1; types[i - 1] && result == SQLITE_OK; i++) {
        if (types[i - 1] == 'i') {
            result = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
        } else if (types[i - 1] == 'j') {
            const json_t *value = va_arg(arguments, const json_t *);
            char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
            result = sqlite3_bind_text(statement, i, text, -1, free);
        } else {
            result = sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
        }
    }
    return result;
}

static sqlite3_stmt *prepare(state *self, holm_error **error, const char *sql, const char *types,
                             va_list arguments) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(self->database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = bind(statement, types, arguments);
    if (result == SQLITE_OK)
        return statement;
    state_fail(self, result, "prepare a query", error);
    sqlite3_finalize(statement);
    return NULL;
}

sqlite3_stmt *state_prepare(state *self, holm_error **error, const char *sql, const char *types, ...) {
    va_list arguments;
    va_start(arguments, types);
    sqlite3_stmt *statement = prepare(self, error, sql, types, arguments);
    va_end(arguments);
    return statement;
}

int state_step(state *self, sqlite3_stmt *statement, holm_error **error) {
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return 1;
    if (result == SQLITE_DONE)
        return 0;
    state_fail(self, sqlite3_extended_errcode(self->database), "read or write the state", error);
    return -1;
}

int state_run(state *self, holm_error **error, const char *sql, const char *types, ...) {
    va_list arguments;
    va_start(arguments, types);
    cleanup_statement sqlite3_stmt *statement = prepare(self, error, sql, types, arguments);
    va_end(arguments);
    if (!statement)
        return -1;
    int result;
    do
        result = state_step(self, statement, error);
    while (result > 0);
    return result;
}

const char *state_text(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

json_t *state_json(sqlite3_stmt *statement, int column, holm_error **error) {
    const char *text = state_text(statement, column);
    json_error_t problem;
    json_t *value = json_loads(text, 0, &problem);
    if (!value)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "state.db holds a document that is not JSON: %s",
                       problem.text);
    return value;
}

bool state_is_hex_prefix(const char *text) {
    size_t length = strspn(text, "0123456789abcdef");
    return text[length] == 0 && length >= 2 && length <= 64;
}

static int execute(state *self, const char *sql, const char *what, holm_error **error) {
    int result = sqlite3_exec(self->database, sql, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        return 0;
    state_fail(self, sqlite3_extended_errcode(self->database), what, error);
    return -1;
}

int state_begin(state *self, holm_error **error) {
    const char *sql = self->depth == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT inner_step";
    if (execute(self, sql, "begin a transaction", error) < 0)
        return -1;
    self->depth++;
    return 0;
}

// Tells those who watch the events file; they read the table.
static void announce(state *self) {
    cleanup_close int fd = open(self->events_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        futimens(fd, NULL);
}

// Commits go to the disk at once, or with those after them
// (https://www.sqlite.org/pragma.html#pragma_synchronous).
static int set_durable(state *self, bool durable, holm_error **error) {
    const char *sql = durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
    self->durable = durable;
    return execute(self, sql, "choose when state.db is written", error);
}

int state_begin_durable(state *self, holm_error **error) {
    if (set_durable(self, true, error) == 0 && state_begin(self, error) == 0)
        return 0;
    set_durable(self, false, NULL);
    return -1;
}

static int end_outermost(state *self, bool commit, holm_error **error) {
    if (!commit) {
        self->announce = false;
        // Some failures (a full disk) have rolled back already; rolling back twice is no error of ours.
        if (!sqlite3_get_autocommit(self->database))
            return execute(self, "ROLLBACK", "roll back", error);
        return 0;
    }
    if (execute(self, "COMMIT", "commit", error) < 0) {
        if (!sqlite3_get_autocommit(self->database))
            execute(self, "ROLLBACK", "roll back", NULL);
        self->announce = false;
        return -1;
    }
    if (self->announce)
        announce(self);
    self->announce = false;
    state_keep_spare(self);
    return 0;
}

int state_end(state *self, bool commit, holm_error **error) {
    self->depth--;
    if (self->depth > 0)
        return execute(self, commit ? "RELEASE inner_step" : "ROLLBACK TO inner_step; RELEASE inner_step",
                       "end a step", error);
    int result = end_outermost(self, commit, error);
    if (self->durable)
        set_durable(self, false, NULL);
    return result;
}

static int read_version(state *self, holm_error **error) {
    cleanup_statement sqlite3_stmt *statement = state_prepare(self, error, "PRAGMA user_version", "");
    if (!statement || state_step(self, statement, error) < 0)
        return -1;
    return sqlite3_column_int(statement, 0);
}

static int lock_schema(const char *directory, bool exclusive, holm_error **error) {
    cleanup_free char *path = path_join(directory, "schema.lock", NULL);
    return file_lock(path, exclusive, true, error);
}

// The switch to WAL waits for nobody: who reads meanwhile, and some PRAGMA do, makes it fail. So even the
// first look takes the lock.
static int look_at_version(state *self, const char *directory, holm_error **error) {
    cleanup_close int lock = lock_schema(directory, false, error);
    if (lock < 0 || execute(self, // no temporary files: a confined process can make none
                            "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL; "
                            "PRAGMA temp_store=MEMORY",
                            "set up state.db", error) < 0)
        return -1;
    return read_version(self, error);
}

// Whoever comes first makes the tables; the others wait here. Nobody passes with an older schema.
static int bring_up(state *self, const char *directory, holm_error **error) {
    cleanup_close int lock = lock_schema(directory, true, error);
    if (lock < 0)
        return -1;
    if (execute(self, "PRAGMA journal_mode=WAL", "switch state.db to WAL", error) < 0)
        return -1;
    int version = read_version(self, error);
    if (version < 0 || version >= STATE_VERSION)
        return version < 0 ? -1 : 0;
    if (state_begin(self, error) < 0)
        return -1;
    bool made = state_migrate(self, version, error) == 0;
    return state_end(self, made, made ? error : NULL) < 0 || !made ? -1 : 0;
}

// Cut to nothing, and not only copied as SQLite does by itself: what was copied is known as long as somebody
// has the database open. Where one command comes after the other, each reads all of the log to put it in
// order, and none begins it anew. Who reads or writes meanwhile is not waited for: the next one tries again.
static int fold_log(void *data, sqlite3 *database, const char *name, int pages) {
    (void)data;
    if (pages < LOG_PAGES)
        return SQLITE_OK;
    sqlite3_busy_timeout(database, 0);
    sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(database, BUSY_TIMEOUT_MS);
    return SQLITE_OK;
}

static int set_up(state *self, const char *directory, holm_error **error) {
    sqlite3_extended_result_codes(self->database, 1);
    sqlite3_busy_timeout(self->database, BUSY_TIMEOUT_MS);
    // A command that ends does not tidy up for all: the log is folded in by whoever writes, when it has
    // become long.
    sqlite3_wal_hook(self->database, fold_log, NULL);
    sqlite3_db_config(self->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(self->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int version = look_at_version(self, directory, error);
    if (version >= 0 && version < STATE_VERSION && bring_up(self, directory, error) < 0)
        return -1;
    if (version > STATE_VERSION) {
        holm_error_set(error, HOLM_ERROR_UNSUPPORTED,
                       "state.db has schema %d, and this holm (%s) knows schemas up to %d", version,
                       HOLM_VERSION, STATE_VERSION);
        holm_error_hint(error, "use the newer holm that wrote it");
        return -1;
    }
    return version < 0 ? -1 : 0;
}

// SQLite would make it readable for all, but for the umask; its -wal and -shm follow the file. One that is
// there is not opened: closing it would let go of the locks that SQLite holds in this process.
static void make_private(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
}

state *state_open(const char *data_directory, holm_error **error) {
    cleanup_free char *directory = path_join(data_directory, "state", NULL);
    cleanup_free char *path = path_join(directory, "state.db", NULL);
    if (path_make_directories(directory, error) < 0 || refuse_network(directory, error) < 0)
        return NULL;
    state *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->directory = strdup(directory);
    self->events_path = path_join(directory, "events", NULL);
    make_private(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    int result = sqlite3_open_v2(path, &self->database, flags, NULL);
    if (result != SQLITE_OK) {
        cleanup_free char *what = path_format("open %s", path);
        state_fail(self, result, what, error);
        state_close(self);
        return NULL;
    }
    if (set_up(self, directory, error) < 0) {
        state_close(self);
        return NULL;
    }
    return self;
}

void state_close(state *self) {
    if (!self)
        return;
    sqlite3_close(self->database);
    free(self->directory);
    free(self->events_path);
    free(self);
}
