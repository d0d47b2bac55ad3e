// holm-template: makes a template in the background, when told to by one byte on standard input
// (qemu_maker.c).
//
//   holm-template DIRECTORY KERNEL INITRAMFS CPUS MEMORY kvm|emulation confined|open DEVICES
//      [KERNEL-ARGUMENTS]
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "vm/qemu_internal.h"
#define LOG_MODULE "template"
#include "core/base/log.h"
#include "core/base/path.h"

#define LOG_MOST   65536
#define BACKGROUND 5 // behind what the user runs, but not starved: the guest checks its clocks

// Beside the templates; begun anew when it has grown.
static void open_log(const char *directory) {
    cleanup_free char *path = path_join(directory, "log", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && lseek(fd, 0, SEEK_END) > LOG_MOST && ftruncate(fd, 0) < 0)
        close(steal_fd(&fd));
    log_init(fd, LOG_LEVEL_INFO);
}

int main(int argc, char **argv) {
    char word;
    if (argc < 9 || argc > 10) {
        fputs("holm-template is started by holm\n", stderr);
        return 125;
    }
    if (read(STDIN_FILENO, &word, 1) != 1)
        return 0; // the machine that would have asked is gone
    signal(SIGPIPE, SIG_IGN);
    setpriority(PRIO_PROCESS, 0, BACKGROUND);
    cleanup_error holm_error *error = NULL;
    if (path_make_directories(argv[1], &error) < 0)
        return 1;
    open_log(argv[1]);
    machine_configuration shape = {.template_directory = argv[1],
                                   .kernel = argv[2],
                                   .initramfs = argv[3],
                                   .cpus = (unsigned)strtoul(argv[4], NULL, 10),
                                   .memory_bytes = strtoull(argv[5], NULL, 10),
                                   .accelerator =
                                       strcmp(argv[6], "kvm") == 0 ? MACHINE_KVM : MACHINE_EMULATION,
                                   .confine = strcmp(argv[7], "confined") == 0,
                                   .kernel_arguments = argv[9]};
    if (qemu_template_make(&shape, argv[8], &error) == 0) {
        log_info("made a template for %s processors and %s bytes", argv[4], argv[5]);
        return 0;
    }
    // That another one makes it already is how it should be.
    log_write(holm_error_code_of(error) == HOLM_ERROR_IN_USE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, LOG_MODULE,
              "%s", holm_error_message(error));
    return 1;
}
