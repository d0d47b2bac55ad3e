// An archive of images: the input is cut at lines of "====NAME" into files of a tar, so that mutations reach
// the documents and not only the tar around them; without such a line it is the archive itself.
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/path.h"
#include "core/image/archive.h"

static char data[64];
static blob_store *blobs;

static void files_write(int fd, const char *text, size_t size) {
    struct archive *out = archive_write_new();
    const char *end = text + size;
    archive_write_set_format_pax_restricted(out);
    archive_write_open_fd(out, fd);
    while (end - text > 4 && memcmp(text, "====", 4) == 0) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        if (!line)
            break;
        const char *next = memmem(line, (size_t)(end - line), "\n====", 5);
        size_t length = next == line ? 0 : (size_t)((next ? next : end) - line - 1);
        cleanup_free char *name = strndup(text + 4, (size_t)(line - text - 4));
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, *name ? name : "x");
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)length);
        if (archive_write_header(out, entry) == ARCHIVE_OK)
            archive_write_data(out, line + 1, length);
        archive_entry_free(entry);
        text = next ? next + 1 : end;
    }
    archive_write_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static unsigned runs;
    if (runs++ % 1000 == 0) { // blobs of old inputs must not fill the memory
        blob_store_close(blobs);
        snprintf(data, sizeof data, "/dev/shm/fuzz-archive-%d", getpid());
        path_remove_tree(data, NULL);
        blobs = blob_store_open(data, NULL);
        if (!blobs)
            abort();
    }
    cleanup_archive_result archive_result result = {0};
    cleanup_close int fd = memfd_create("archive", MFD_CLOEXEC);
    archive_options options = {.blobs = blobs, .data_directory = data};
    if (size > 4 && memcmp(bytes, "====", 4) == 0)
        files_write(fd, (const char *)bytes, size);
    else if (write(fd, bytes, size) != (ssize_t)size)
        abort();
    lseek(fd, 0, SEEK_SET);
    archive_load(&options, fd, NULL, &result, NULL);
    return 0;
}
