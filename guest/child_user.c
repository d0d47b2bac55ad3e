#include "guest/child_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/base/path.h"
#include "guest/capability.h"
#include "guest/inside.h"
#include "guest/rlimit.h"
#include "guest/seccomp.h"
#include "guest/text.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int resolve_account(child_user *self, const Holm__Agent__V1__Process *process, holm_error **error) {
    cleanup_free char *passwd = text_read(AT_FDCWD, "/etc/passwd", ACCOUNT_FILE_MAX, NULL);
    cleanup_free char *group = text_read(AT_FDCWD, "/etc/group", ACCOUNT_FILE_MAX, NULL);
    return account_resolve(passwd ? passwd : "", group ? group : "", process->user,
                           process->additional_groups, process->n_additional_groups, &self->account, error);
}

static int enter_folder(const char *path, holm_error **error) {
    if (!*path)
        path = "/";
    if (*path != '/') {
        holm_error_set(error, HOLM_ERROR_INVALID, "the working folder %s is not an absolute path", path);
        return -1;
    }
    if (chdir(path) == 0)
        return 0;
    cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int folder = inside_make_directories(root, path, 0755, error);
    if (folder >= 0 && fchdir(folder) == 0)
        return 0;
    if (folder >= 0)
        holm_error_set_errno(error, errno, "enter %s", path);
    holm_error_wrap(error, "the working folder");
    return -1;
}

static const char *find_variable(char *const *list, size_t count, const char *name, size_t length) {
    for (size_t i = 0; i < count; i++)
        if (strncmp(list[i], name, length) == 0 && list[i][length] == '=')
            return list[i];
    return NULL;
}

static void add_missing(char **list, size_t *count, const char *variable) {
    if (!find_variable(list, *count, variable, strcspn(variable, "=")))
        list[(*count)++] = (char *)variable;
}

static void build_environment(child_user *self, const Holm__Agent__V1__Process *process,
                              char *const *defaults, size_t default_count) {
    size_t count = 0;
    self->environment = calloc(process->n_environment + default_count + 4, sizeof *self->environment);
    if (!self->environment)
        abort();
    // the last of two with the same name counts
    for (size_t i = process->n_environment; i > 0; i--)
        add_missing(self->environment, &count, process->environment[i - 1]);
    for (size_t i = default_count; i > 0; i--)
        add_missing(self->environment, &count, defaults[i - 1]);
    add_missing(self->environment, &count, DEFAULT_PATH);
    add_missing(self->environment, &count, path_format("HOME=%s", self->account.home));
    if (process->terminal)
        add_missing(self->environment, &count, "TERM=xterm");
}

static int set_limits(const Holm__Agent__V1__Process *process, holm_error **error) {
    // what a login gives: enough files for anyone who asks, few enough for those who close all of them
    if (rlimit_apply("nofile", 1024, 1048576, error) < 0 ||
        rlimit_apply("nproc", UINT64_MAX, UINT64_MAX, error) < 0)
        return -1;
    for (size_t i = 0; i < process->n_rlimits; i++)
        if (rlimit_apply(process->rlimits[i]->name, process->rlimits[i]->soft, process->rlimits[i]->hard,
                         error) < 0)
            return -1;
    return 0;
}

int child_user_prepare(child_user *self, const Holm__Agent__V1__Process *process, char *const *defaults,
                       size_t default_count, holm_error **error) {
    *self = (child_user){0};
    if (process->n_arguments == 0 || !*process->arguments[0]) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no program to run");
        return -1;
    }
    if (process->privileged)
        self->capabilities = capability_all();
    else if (capability_choose(process->capabilities_add, process->n_capabilities_add,
                               process->capabilities_drop, process->n_capabilities_drop, &self->capabilities,
                               error) < 0)
        return -1;
    if (resolve_account(self, process, error) < 0 || enter_folder(process->directory, error) < 0 ||
        set_limits(process, error) < 0)
        return -1;
    build_environment(self, process, defaults, default_count);
    return 0;
}

int child_user_own_stdio(const child_user *self, bool terminal, holm_error **error) {
    for (int fd = 0; fd < 3; fd++) {
        struct stat status;
        // /dev/null stays root's; a terminal keeps the group of its file system
        if (fstat(fd, &status) < 0 || (!terminal && !S_ISFIFO(status.st_mode)))
            continue;
        if (fchown(fd, self->account.uid, terminal ? (gid_t)-1 : self->account.gid) < 0) {
            holm_error_set_errno(error, errno, "give the standard streams to the user");
            return -1;
        }
    }
    return 0;
}

// The filter first: afterwards there is no right left to load it. Raw calls, as this is the only thread there
// is.
static int drop_privileges(const child_user *self, const Holm__Agent__V1__Process *process,
                           holm_error **error) {
    if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        goto failed;
    if (!process->privileged && seccomp_load(self->capabilities, error) < 0)
        return -1;
    if (capability_bound(self->capabilities, error) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_setgroups, self->account.group_count, self->account.groups) < 0 ||
        syscall(SYS_setresgid, self->account.gid, self->account.gid, self->account.gid) < 0 ||
        syscall(SYS_setresuid, self->account.uid, self->account.uid, self->account.uid) < 0)
        goto failed;
    // kept by KEEPCAPS up to here; exec takes them from anyone but root
    if (capability_apply(self->capabilities, error) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        goto failed;
    return 0;
failed:
    holm_error_set_errno(error, errno, "become user %u", (unsigned)self->account.uid);
    return -1;
}

static void set_exec_error(const char *program, int number, holm_error **error) {
    if (number == ENOENT || number == ENOTDIR)
        holm_error_set(error, HOLM_ERROR_PROGRAM_NOT_FOUND, "there is no program %.200s in the container",
                       program);
    else if (number == EACCES || number == EPERM)
        holm_error_set(error, HOLM_ERROR_NOT_EXECUTABLE, "%.200s cannot be executed: permission denied",
                       program);
    else
        holm_error_set(error, HOLM_ERROR_NOT_EXECUTABLE, "%.200s cannot be executed: %s", program,
                       strerror(number));
}

// Like execvpe(3), but with the PATH of the process, and without a shell for files that are no programs.
static int search_and_exec(const char *program, char *const *arguments, char *const *environment) {
    if (strchr(program, '/')) {
        execve(program, arguments, environment);
        return errno;
    }
    size_t count = 0;
    while (environment[count])
        count++;
    const char *path = find_variable(environment, count, "PATH", 4), *part;
    int result = ENOENT;
    path = path ? path + strlen("PATH=") : "";
    for (size_t length; (part = text_next(&path, ':', &length));) {
        char full[PATH_MAX];
        int size =
            snprintf(full, sizeof full, "%.*s/%s", length ? (int)length : 1, length ? part : ".", program);
        if (size < 0 || (size_t)size >= sizeof full)
            continue;
        execve(full, arguments, environment);
        if (errno != ENOENT && errno != ENOTDIR)
            result = errno;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            return result;
    }
    return result;
}

int child_user_exec(const child_user *self, const Holm__Agent__V1__Process *process, holm_error **error) {
    char **arguments = calloc(process->n_arguments + 1, sizeof *arguments);
    if (!arguments)
        abort();
    memcpy(arguments, process->arguments, process->n_arguments * sizeof *arguments);
    if (drop_privileges(self, process, error) < 0)
        return -1;
    // what the agent had open is closed by exec; on failure the report still needs its own
    syscall(SYS_close_range, 3, UINT_MAX, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    set_exec_error(arguments[0], search_and_exec(arguments[0], arguments, self->environment), error);
    return -1;
}
