// Archives from anywhere, put into a disk that was just made. Where that goes well the disk can be opened and
// read.
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/image/disk.h"
#include "core/image/disk_import.h"
#include "core/image/guest_disk.h"

enum { SIZE = 16 << 20, PAGE = 4096 };

static int disk, archive, output;
static uint8_t *sound;
static size_t used[SIZE / PAGE], used_count;

static void check(bool good) {
    if (!good)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const uint8_t zeros[PAGE];
    char path[] = "/tmp/holm-fuzz-XXXXXX";
    (void)argc, (void)argv;
    int made = mkstemp(path);
    check(made >= 0 && unlink(path) == 0 && close(made) == 0 && disk_make(path, SIZE, NULL, NULL) == 0);
    made = open(path, O_RDONLY);
    sound = malloc(SIZE);
    check(made >= 0 && sound && unlink(path) == 0 && read(made, sound, SIZE) == SIZE);
    close(made);
    for (size_t page = 0; page < SIZE / PAGE; page++)
        if (memcmp(sound + page * PAGE, zeros, PAGE) != 0)
            used[used_count++] = page;
    disk = memfd_create("disk", 0);
    archive = memfd_create("archive", 0);
    output = open("/dev/null", O_WRONLY);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check(ftruncate(disk, 0) == 0 && ftruncate(disk, SIZE) == 0 && ftruncate(archive, 0) == 0);
    for (size_t i = 0; i < used_count; i++)
        check(pwrite(disk, sound + used[i] * PAGE, PAGE, (off_t)(used[i] * PAGE)) == PAGE);
    check(pwrite(archive, data, size, 0) == (ssize_t)size && lseek(archive, 0, SEEK_SET) == 0);
    cleanup_error holm_error *error = NULL;
    if (disk_import(disk, archive, &error) < 0) {
        check(error != NULL);
        return 0;
    }
    layer_lower *lower = layer_lower_open(NULL, 0, NULL);
    check(guest_disk_add(lower, disk, true, &error) == 0 &&
          guest_disk_write(lower, GUEST_DISK_VOLUME, NULL, output, &error) == 0);
    layer_lower_close(lower);
    return 0;
}
