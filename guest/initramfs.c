// Makes the initramfs at build time, without root: a "newc" archive (the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst) with /init and the node /dev/console.
//
//     initramfs AGENT OUTPUT
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "guest/cpio.h"

#define AGENT_MAX (16u << 20)

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s AGENT OUTPUT\n", argv[0]);
        return EXIT_FAILURE;
    }
    holm_error *error = NULL;
    cleanup_buffer buffer program = BUFFER_INIT, archive = BUFFER_INIT;
    if (file_read(argv[1], AGENT_MAX, &program, &error) < 0)
        goto failed;
    cpio_add(&archive, &(cpio_entry){.name = "dev", .mode = S_IFDIR | 0755});
    cpio_add(&archive, &(cpio_entry){.name = "dev/console", .mode = S_IFCHR | 0600, .major = 5, .minor = 1});
    cpio_add(&archive, &(cpio_entry){.name = "newroot", .mode = S_IFDIR | 0755});
    cpio_add(&archive,
             &(cpio_entry){
                 .name = "init", .mode = S_IFREG | 0755, .data = program.data, .length = program.length});
    cpio_end(&archive);
    if (file_write(argv[2], archive.data, archive.length, &error) == 0 && chmod(argv[2], 0644) == 0)
        return EXIT_SUCCESS;
failed:
    fprintf(stderr, "%s\n", holm_error_message(error));
    holm_error_free(error);
    return EXIT_FAILURE;
}
