// The initramfs of the test's guest: /dev/console and /init in a cpio archive (newc, cpio(5)).
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "tests/vm/machine/guest.h"

static void add_entry(buffer *out, const char *name, unsigned mode, unsigned major, unsigned minor,
                      const buffer *content) {
    static unsigned inode = 1;
    size_t length = content ? content->length : 0;
    buffer_append_format(out, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", inode++, mode,
                         0U, 0U, 1U, 0U, length, 0U, 0U, major, minor, strlen(name) + 1, 0U);
    buffer_append(out, name, strlen(name) + 1);
    while (out->length % 4)
        buffer_append(out, "", 1);
    if (content)
        buffer_append(out, content->data, length);
    while (out->length % 4)
        buffer_append(out, "", 1);
}

void initramfs_write(const char *path) {
    cleanup_buffer buffer out = BUFFER_INIT, init = BUFFER_INIT;
    if (file_read(TEST_INIT, 1U << 24, &init, NULL) < 0)
        abort();
    add_entry(&out, "dev", S_IFDIR | 0755, 0, 0, NULL);
    add_entry(&out, "dev/console", S_IFCHR | 0600, 5, 1, NULL);
    add_entry(&out, "init", S_IFREG | 0755, 0, 0, &init);
    add_entry(&out, "TRAILER!!!", 0, 0, 0, NULL);
    if (file_write(path, out.data, out.length, NULL) < 0)
        abort();
}
