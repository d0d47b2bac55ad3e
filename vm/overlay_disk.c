#include "vm/overlay_disk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/file.h"

#define CLUSTER_BITS   16U
#define CLUSTER        (1ULL << CLUSTER_BITS)
#define L2_BYTES       (CLUSTER / 8 * CLUSTER) // of the disk, that one entry of the first table stands for
#define REFCOUNT_ORDER 4U                      // 16 bits each
#define HEADER_BYTES   104U
#define BYTES_MOST     (1ULL << 50)

// Where things are, in clusters: the header, the refcount table, its one block, the first table.
#define REFCOUNT_TABLE 1U
#define REFCOUNT_BLOCK 2U
#define L1_TABLE       3U

static void put(uint8_t *at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void put_header(uint8_t *at, uint64_t bytes, uint64_t entries) {
    memcpy(at, "QFI\xfb", 4);
    put(at + 4, 3, 4);
    put(at + 20, CLUSTER_BITS, 4);
    put(at + 24, bytes, 8);
    put(at + 36, entries, 4);
    put(at + 40, L1_TABLE * CLUSTER, 8);
    put(at + 48, REFCOUNT_TABLE * CLUSTER, 8);
    put(at + 56, 1, 4);
    put(at + 96, REFCOUNT_ORDER, 4);
    put(at + 100, HEADER_BYTES, 4);
}

int overlay_disk_make(int fd, uint64_t bytes, holm_error **error) {
    if (bytes == 0 || bytes > BYTES_MOST) {
        holm_error_set(error, HOLM_ERROR_INVALID, "no disk has %llu bytes", (unsigned long long)bytes);
        return -1;
    }
    uint64_t entries = (bytes + L2_BYTES - 1) / L2_BYTES;
    uint64_t clusters = L1_TABLE + (entries * 8 + CLUSTER - 1) / CLUSTER;
    cleanup_free uint8_t *head = calloc(L1_TABLE, CLUSTER);
    if (!head)
        abort();
    put_header(head, bytes, entries);
    put(head + REFCOUNT_TABLE * CLUSTER, REFCOUNT_BLOCK * CLUSTER, 8);
    for (uint64_t i = 0; i < clusters; i++)
        put(head + REFCOUNT_BLOCK * CLUSTER + 2 * i, 1, 2);
    if (file_write_all(fd, head, L1_TABLE * CLUSTER) == 0 && ftruncate(fd, (off_t)(clusters * CLUSTER)) == 0)
        return 0;
    holm_error_set_errno(error, errno, "make a disk that is thrown away");
    return -1;
}
