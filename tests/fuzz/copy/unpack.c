// What a guest sends as the archive of a copy. Whatever it is: nothing comes into being beside the folder,
// and nothing in it but files, folders and links, without special bits.
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/copy/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct source {
    const uint8_t *at;
    size_t left;
} source;

static char top[] = "/tmp/holm-fuzz-unpack-XXXXXX";
static char inside[sizeof top + 8];

static ssize_t read_source(void *data, void *out, size_t length) {
    source *self = data;
    length = length < self->left ? length : self->left;
    memcpy(out, self->at, length);
    self->at += length;
    self->left -= length;
    return (ssize_t)length;
}

static int check(const char *path, const struct stat *status, int kind, struct FTW *where) {
    (void)kind;
    if (where->level == 1 && strcmp(path, inside) != 0)
        abort();
    if (where->level >= 2 &&
        (status->st_mode & 07000 ||
         !(S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode))))
        abort();
    return 0;
}

static void remove_all(void) {
    path_remove_tree(top, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!inside[0]) {
        if (!mkdtemp(top))
            abort();
        snprintf(inside, sizeof inside, "%s/in", top);
        atexit(remove_all);
    }
    if (size == 0 || mkdir(inside, 0700) < 0)
        return 0;
    source from = {data + 1, size - 1};
    unpack_result result = {0};
    const unpack_options options = {.folder = open(inside, O_PATH | O_DIRECTORY),
                                    .name = data[0] & 1 ? "." : "copied",
                                    .only_file = data[0] & 2,
                                    .only_folder = data[0] & 4,
                                    .owner = data[0] & 8};
    unpack(read_source, &from, &options, &result, NULL);
    close(options.folder);
    nftw(top, check, 16, FTW_PHYS);
    path_remove_tree(inside, NULL);
    return 0;
}
