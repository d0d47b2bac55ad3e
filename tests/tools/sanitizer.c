/// Linked into the programs of the sanitized tree, so that nothing that a sanitizer says of a daemon is lost.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define HIGH_FD 900 // out of the way of those that programs are started with

static int reports = -1;

#pragma GCC visibility push(default)
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
int __lsan_is_turned_off(void);
void __sanitizer_on_print(const char *text);

/// Defaults, as helpers are started without an environment.
const char *__asan_default_options(void) {
    return "detect_stack_use_after_return=1";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1";
}

/// Whether leaks are not looked for at the end: that takes a ptrace(2), which a confined process does not
/// have.
int __lsan_is_turned_off(void) {
    return prctl(PR_GET_SECCOMP) != 0;
}

/// Each piece of a report. The runtimes' own log files are opened at a report, which a confined process
/// cannot, and after a fork(2) they know a given descriptor no more.
void __sanitizer_on_print(const char *text) {
    if (reports >= 0 && write(reports, text, strlen(text)) < 0)
        abort();
}
#pragma GCC visibility pop

/// For the tests: their file of reports, opened at the start.
__attribute__((constructor)) static void open_reports(void) {
    const char *path = getenv("SANITIZER_REPORTS");
    if (!path)
        return;
    int low = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    reports = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, HIGH_FD);
    if (reports < 0)
        abort(); // no test passes because its reports are lost
    close(low);
}
