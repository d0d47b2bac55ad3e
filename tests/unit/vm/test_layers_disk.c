// The layers' disk: its layout by itself, and as qemu-img and sfdisk read it.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "vm/layers_disk.h"

#define SECTOR 512U

static uint64_t get(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static void check_header(const uint8_t *header, const uint8_t *entries) {
    uint8_t copy[92];
    assert_memory_equal(header, "EFI PART", 8);
    memcpy(copy, header, sizeof copy);
    memset(copy + 16, 0, 4);
    assert_int_equal(get(header + 16, 4), crc32(0, copy, sizeof copy));
    assert_int_equal(get(header + 88, 4), crc32(0, entries, 128 * 128));
}

static void test_layout(void **state) {
    (void)state;
    const layers_disk_layer layers[] = {
        {"/dev/fdset/3", 1 << 20}, {"/dev/fdset/4", 4097}, {"/dev/fdset/5", 512}};
    cleanup_buffer buffer table = BUFFER_INIT, descriptor = BUFFER_INIT;
    assert_int_equal(layers_disk_make(layers, 3, "/dev/fdset/2", &table, &descriptor, NULL), 0);
    const uint8_t *entries = table.data + (size_t)2 * SECTOR;
    check_header(table.data + SECTOR, entries);
    check_header(table.data + table.length - SECTOR, table.data + table.length - (size_t)33 * SECTOR);
    assert_int_equal(get(table.data + 510, 2), 0xaa55);
    uint64_t first[3], last[3];
    for (int i = 0; i < 3; i++) {
        first[i] = get(entries + (size_t)i * 128 + 32, 8);
        last[i] = get(entries + (size_t)i * 128 + 40, 8);
        assert_int_equal(first[i] % 8, 0);
    }
    assert_int_equal(first[0], 40);
    assert_int_equal(last[0] - first[0] + 1, 2048);
    assert_int_equal(last[1] - first[1] + 1, 9); // the last sector is not whole
    assert_int_equal(first[2], first[1] + 16);
    // The traps of QEMU 7.2: no empty line, no ZERO extent.
    assert_null(strstr(buffer_text(&descriptor), "\n\n"));
    assert_null(strstr(buffer_text(&descriptor), "ZERO"));
}

static void test_refusals(void **state) {
    (void)state;
    static layers_disk_layer many[LAYERS_DISK_MOST + 1];
    layers_disk_layer quoted = {"a\"b", 512}, line = {"a\nb", 512}, empty = {"a", 0},
                      huge = {"a", UINT64_MAX};
    for (size_t i = 0; i <= LAYERS_DISK_MOST; i++)
        many[i] = (layers_disk_layer){"layer", 4096};
    cleanup_buffer buffer table = BUFFER_INIT, descriptor = BUFFER_INIT;
    assert_int_equal(layers_disk_make(many, LAYERS_DISK_MOST + 1, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(many, 0, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(&quoted, 1, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(&line, 1, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(&empty, 1, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(&huge, 1, "t", &table, &descriptor, NULL), -1);
    assert_int_equal(layers_disk_make(many, LAYERS_DISK_MOST, "t", &table, &descriptor, NULL), 0);
}

// Whole files for qemu-img: what it makes of them must be what the layers were.
static void test_as_others_read_it(void **state) {
    (void)state;
    if (system("command -v qemu-img >/dev/null && command -v sfdisk >/dev/null") != 0)
        skip();
    char folder[] = "/tmp/holm-layers-XXXXXX", command[512];
    assert_non_null(mkdtemp(folder));
    cleanup_free char *one = path_join(folder, "one", NULL), *two = path_join(folder, "two", NULL),
                      *table_path = path_join(folder, "table", NULL),
                      *disk = path_join(folder, "disk.vmdk", NULL);
    cleanup_buffer buffer first = BUFFER_INIT, second = BUFFER_INIT, table = BUFFER_INIT,
                          descriptor = BUFFER_INIT, raw = BUFFER_INIT;
    for (int i = 0; i < 70000; i++)
        buffer_append_format(&first, "%d ", i);
    first.length = 400000 - 400000 % SECTOR;
    buffer_append_text(&second, "second");
    buffer_reserve(&second, 1 << 16);
    memset(second.data + second.length, 0, (1 << 16) - second.length);
    second.length = 1 << 16;
    assert_int_equal(file_write(one, first.data, first.length, NULL), 0);
    assert_int_equal(file_write(two, second.data, second.length, NULL), 0);
    const layers_disk_layer layers[] = {{one, first.length}, {two, second.length}};
    assert_int_equal(layers_disk_make(layers, 2, table_path, &table, &descriptor, NULL), 0);
    assert_int_equal(file_write(table_path, table.data, table.length, NULL), 0);
    uint64_t whole = layers_disk_bytes(layers, 2);
    assert_int_equal(whole, 1ULL << 36);
    assert_int_equal(truncate(table_path, (off_t)whole), 0);
    assert_int_equal(file_write(disk, descriptor.data, descriptor.length, NULL), 0);
    snprintf(command, sizeof command,
             "cd %s && qemu-img convert -f vmdk -O raw disk.vmdk raw && sfdisk --verify raw >verify 2>&1 && "
             "grep -q 'No errors' verify && [ $(sfdisk -d raw 2>/dev/null | grep -c start=) = 2 ]",
             folder);
    assert_int_equal(system(command), 0);
    cleanup_free char *raw_path = path_join(folder, "raw", NULL);
    struct stat status;
    assert_int_equal(stat(raw_path, &status), 0);
    assert_int_equal(status.st_size, whole);
    assert_int_equal(truncate(raw_path, 1 << 20),
                     0); // nothing but a hole and the other header is behind that
    assert_int_equal(file_read(raw_path, 1 << 24, &raw, NULL), 0);
    assert_memory_equal(raw.data + (size_t)40 * SECTOR, first.data, first.length);
    size_t at = 40 * SECTOR + (first.length + 4095) / 4096 * 4096;
    assert_memory_equal(raw.data + at, second.data, second.length);
    path_remove_tree(folder, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layout), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_as_others_read_it)};
    return cmocka_run_group_tests_name("layers_disk", tests, NULL, NULL);
}
