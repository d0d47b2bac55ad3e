// The systemd user unit that starts what should run (systemd.unit(5), systemd.service(5), systemd.syntax(7)).
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/holm_internal.h"

#define UNIT_NAME "holm.service"

// A word as systemd reads it: quoted, with its specifiers and variables switched off.
static void append_word(buffer *out, const char *text, bool command) {
    buffer_append_text(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_append_text(out, "\\");
        else if (*text == '%' || (command && *text == '$'))
            buffer_append(out, text, 1);
        buffer_append(out, text, 1);
    }
    buffer_append_text(out, "\"");
}

// The services know nothing of the shell that the user was in: where his folders are goes along.
static void append_environment(buffer *out) {
    static const char *const names[] = {"XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOLM_CONFIG",
                                        "HOLM_KERNEL"};
    for (size_t i = 0; i < array_length(names); i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value || strchr(value, '\n'))
            continue;
        cleanup_free char *pair = path_format("%s=%s", names[i], value);
        buffer_append_text(out, "Environment=");
        append_word(out, pair, false);
        buffer_append_text(out, "\n");
    }
}

// The shims stay in the unit's control group after the command has ended. A stop of the unit asks each of
// them with SIGTERM to end its container in order, as long as the slowest of them may take.
static int make_unit(buffer *out, holm_error **error) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0 || strcspn(program, "\n") < (size_t)length) {
        holm_error_set_errno(error, length < 0 ? errno : EINVAL, "find the path of this program");
        return -1;
    }
    program[length] = 0;
    buffer_append_text(out, "[Unit]\nDescription=Containers of holm that should run\n\n"
                            "[Service]\nType=oneshot\nRemainAfterExit=yes\n");
    append_environment(out);
    buffer_append_text(out, "ExecStart=");
    append_word(out, program, true);
    buffer_append_text(out, " system start\nTimeoutStartSec=infinity\nTimeoutStopSec=5min\n\n"
                            "[Install]\nWantedBy=default.target\n");
    return 0;
}

static char *units_folder(void) {
    const char *home = getenv("HOME"), *chosen = getenv("XDG_CONFIG_HOME");
    if (chosen && *chosen == '/')
        return path_join(chosen, "systemd", "user", NULL);
    const struct passwd *user = home && *home == '/' ? NULL : getpwuid(getuid());
    return path_join(user ? user->pw_dir : home ? home : "/", ".config", "systemd", "user", NULL);
}

// As loginctl enable-linger leaves it.
static bool lingers(void) {
    const struct passwd *user = getpwuid(getuid());
    cleanup_free char *path = path_join("/var/lib/systemd/linger", user ? user->pw_name : "", NULL);
    return user && access(path, F_OK) == 0;
}

static int enable(const char *unit, const char *wants, const char *link, holm_error **error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (make_unit(&text, error) < 0 || path_make_directories(wants, error) < 0 ||
        file_write(unit, text.data, text.length, error) < 0)
        return -1;
    if (symlink("../" UNIT_NAME, link) == 0 || errno == EEXIST)
        return 0;
    holm_error_set_errno(error, errno, "make the link %s", link);
    return -1;
}

static int disable(const char *unit, const char *link, holm_error **error) {
    if ((unlink(link) < 0 && errno != ENOENT) || (unlink(unit) < 0 && errno != ENOENT)) {
        holm_error_set_errno(error, errno, "remove the unit %s", unit);
        return -1;
    }
    return 0;
}

static int change(holm_request *self, state *db, holm_error **error) {
    (void)db;
    cleanup_free char *folder = units_folder();
    cleanup_free char *unit = path_join(folder, UNIT_NAME, NULL);
    cleanup_free char *wants = path_join(folder, "default.target.wants", NULL);
    cleanup_free char *link = path_join(wants, UNIT_NAME, NULL);
    if (self->flag ? enable(unit, wants, link, error) < 0 : disable(unit, link, error) < 0)
        return -1;
    self->result = json_pack("{s:s, s:b}", "unit", unit, "lingers", lingers());
    return 0;
}

void holm_system_enable(holm_client *client, bool on, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->flag = on;
    holm_request_work(self, change, holm_request_finish);
}
