#include "vm/layers_disk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define SECTOR        512U
#define ALIGNMENT     8U // sectors: the blocks of the layers' file systems
#define ENTRY_SIZE    128U
#define ENTRY_SECTORS (LAYERS_DISK_MOST * ENTRY_SIZE / SECTOR)
#define FIRST_SECTOR  40U // MBR, header, 32 sectors of entries, rounded up to the alignment
#define TAIL_SECTORS  (ENTRY_SECTORS + 1)
#define BYTES_MOST    (1ULL << 50)

// What the table file holds, one after the other.
#define TABLE_ZEROS   FIRST_SECTOR
#define TABLE_TAIL    (TABLE_ZEROS + ALIGNMENT)
#define TABLE_SECTORS (TABLE_TAIL + TAIL_SECTORS)

// A power of two, so that most images' disks are alike: the guest of a template has seen the size already.
#define SECTORS_LEAST (1ULL << 27)

static void put(uint8_t *at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t sectors_of(uint64_t bytes) {
    return (bytes + SECTOR - 1) / SECTOR;
}

static uint64_t padding_of(uint64_t sectors) {
    return (ALIGNMENT - sectors % ALIGNMENT) % ALIGNMENT;
}

// A GUID of ours: nobody looks for it, but it has to be there and to differ.
static void put_guid(uint8_t *at, uint8_t number) {
    static const uint8_t base[16] = {'h', 'o', 'l', 'm', 0, 0, 0, 0x40, 0x80, 'l', 'a', 'y', 'e', 'r', 0, 0};
    memcpy(at, base, sizeof base);
    at[15] = number;
}

static void put_entry(uint8_t *at, size_t index, uint64_t first, uint64_t last) {
    static const uint8_t linux_type[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
                                           0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4};
    memcpy(at, linux_type, sizeof linux_type);
    put_guid(at + 16, (uint8_t)(index + 1));
    put(at + 32, first, 8);
    put(at + 40, last, 8);
}

static void put_header(uint8_t *at, const uint8_t *entries, uint64_t own, uint64_t other,
                       uint64_t last_usable, uint64_t entries_at) {
    memcpy(at, "EFI PART", 8);
    put(at + 8, 0x00010000, 4);
    put(at + 12, 92, 4);
    put(at + 24, own, 8);
    put(at + 32, other, 8);
    put(at + 40, FIRST_SECTOR, 8);
    put(at + 48, last_usable, 8);
    put_guid(at + 56, 0);
    put(at + 72, entries_at, 8);
    put(at + 80, LAYERS_DISK_MOST, 4);
    put(at + 84, ENTRY_SIZE, 4);
    put(at + 88, crc32(0, entries, LAYERS_DISK_MOST * ENTRY_SIZE), 4);
    put(at + 16, crc32(0, at, 92), 4);
}

static void put_protective_mbr(uint8_t *at, uint64_t sectors) {
    at[446 + 2] = 2; // from cylinder 0, head 0, sector 2
    at[446 + 4] = 0xee;
    memset(at + 446 + 5, 0xff, 3);
    put(at + 446 + 8, 1, 4);
    put(at + 446 + 12, sectors - 1 > UINT32_MAX ? UINT32_MAX : sectors - 1, 4);
    at[510] = 0x55;
    at[511] = 0xaa;
}

uint64_t layers_disk_bytes(const layers_disk_layer *layers, size_t count) {
    uint64_t used = FIRST_SECTOR + TAIL_SECTORS, sectors = SECTORS_LEAST;
    for (size_t i = 0; i < count; i++)
        used += sectors_of(layers[i].bytes) + padding_of(sectors_of(layers[i].bytes));
    while (sectors < used)
        sectors *= 2;
    return sectors * SECTOR;
}

static int check_layers(const layers_disk_layer *layers, size_t count, holm_error **error) {
    if (count == 0 || count > LAYERS_DISK_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "a disk can have 1 to %d layers, not %zu", LAYERS_DISK_MOST,
                       count);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (layers[i].bytes == 0 || layers[i].bytes > BYTES_MOST) {
            holm_error_set(error, HOLM_ERROR_INVALID, "layer %s: its size cannot be", layers[i].name);
            return -1;
        }
        for (const char *at = layers[i].name; *at; at++)
            if (*at == '"' || (unsigned char)*at < ' ') {
                holm_error_set(error, HOLM_ERROR_INVALID, "layer %zu: its path cannot be written down",
                               i + 1);
                return -1;
            }
    }
    return 0;
}

uint64_t layers_disk_measure(const char *const *files, size_t count, holm_error **error) {
    cleanup_free layers_disk_layer *layers = calloc(count + 1, sizeof *layers);
    struct stat status;
    if (!layers)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (stat(files[i], &status) < 0) {
            holm_error_set_errno(error, errno, "find the layer %s", files[i]);
            return 0;
        }
        layers[i].bytes = (uint64_t)status.st_size;
    }
    return layers_disk_bytes(layers, count);
}

int layers_disk_make(const layers_disk_layer *layers, size_t count, const char *table_name, buffer *table,
                     buffer *descriptor, holm_error **error) {
    if (check_layers(layers, count, error) < 0)
        return -1;
    buffer_reserve(table, (size_t)TABLE_SECTORS * SECTOR);
    uint8_t *head = table->data + table->length;
    memset(head, 0, (size_t)TABLE_SECTORS * SECTOR);
    table->length += (size_t)TABLE_SECTORS * SECTOR;
    uint8_t *entries = head + (size_t)2 * SECTOR, *tail = head + (size_t)TABLE_TAIL * SECTOR;

    // QEMU 7.2 counts the first extent twice when an empty line stands before it: hence the comments. It
    // drops ZERO extents without a word: hence the zeros of the table file.
    buffer_append_text(descriptor, "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
                                   "createType=\"twoGbMaxExtentFlat\"\n# extents\n");
    buffer_append_format(descriptor, "RW %u FLAT \"%s\" 0\n", FIRST_SECTOR, table_name);
    uint64_t at = FIRST_SECTOR;
    for (size_t i = 0; i < count; i++) {
        uint64_t sectors = sectors_of(layers[i].bytes), padding = padding_of(sectors);
        put_entry(entries + i * ENTRY_SIZE, i, at, at + sectors - 1);
        buffer_append_format(descriptor, "RW %llu FLAT \"%s\" 0\n", (unsigned long long)sectors,
                             layers[i].name);
        if (padding > 0)
            buffer_append_format(descriptor, "RW %llu FLAT \"%s\" %u\n", (unsigned long long)padding,
                                 table_name, TABLE_ZEROS);
        at += sectors + padding;
    }
    uint64_t last = layers_disk_bytes(layers, count) / SECTOR - 1, rest = last + 1 - TAIL_SECTORS - at;
    if (rest > 0)
        buffer_append_format(descriptor, "RW %llu FLAT \"%s\" %u\n", (unsigned long long)rest, table_name,
                             TABLE_SECTORS);
    buffer_append_format(descriptor, "RW %u FLAT \"%s\" %u\n", TAIL_SECTORS, table_name, TABLE_TAIL);
    buffer_append_text(descriptor, "# The Disk Data Base\nddb.virtualHWVersion = \"4\"\n"
                                   "ddb.adapterType = \"ide\"\n");

    memcpy(tail, entries, LAYERS_DISK_MOST * ENTRY_SIZE);
    put_protective_mbr(head, last + 1);
    put_header(head + SECTOR, entries, 1, last, at - 1, 2);
    put_header(tail + (size_t)ENTRY_SECTORS * SECTOR, entries, last, 1, at - 1, last + 1 - TAIL_SECTORS);
    return 0;
}
