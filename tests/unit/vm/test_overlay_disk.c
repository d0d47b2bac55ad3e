// The empty qcow2 image that takes what is thrown away: its tables are where its header says, and cover the
// disk.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "vm/overlay_disk.h"

#define CLUSTER (1ULL << 16)

static uint64_t get(int fd, uint64_t at, unsigned bytes) {
    uint8_t raw[8];
    uint64_t value = 0;
    assert_int_equal(pread(fd, raw, bytes, (off_t)at), bytes);
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | raw[i];
    return value;
}

static void expect_whole(uint64_t bytes) {
    cleanup_close int fd = memfd_create("overlay", MFD_CLOEXEC);
    cleanup_error holm_error *error = NULL;
    struct stat status;
    assert_int_equal(overlay_disk_make(fd, bytes, &error), 0);
    assert_int_equal(fstat(fd, &status), 0);
    uint64_t clusters = (uint64_t)status.st_size / CLUSTER;
    assert_int_equal(status.st_size % CLUSTER, 0);
    assert_int_equal(get(fd, 0, 4), 0x514649fb);
    assert_int_equal(get(fd, 4, 4), 3);
    assert_int_equal(get(fd, 8, 8), 0); // what is beneath QEMU hears from holm
    assert_int_equal(get(fd, 24, 8), bytes);
    assert_int_equal(get(fd, 72, 8), 0);
    // The first table: each entry stands for 8192 clusters, all of them beneath.
    uint64_t entries = get(fd, 36, 4), table = get(fd, 40, 8);
    assert_true(entries * 8192 * CLUSTER >= bytes && (entries - 1) * 8192 * CLUSTER < bytes);
    assert_true(table % CLUSTER == 0 && table + entries * 8 <= (uint64_t)status.st_size);
    for (uint64_t i = 0; i < entries; i++)
        assert_int_equal(get(fd, table + 8 * i, 8), 0);
    // Every cluster of the file is counted once, and none behind it.
    uint64_t block = get(fd, get(fd, 48, 8), 8);
    for (uint64_t i = 0; i < CLUSTER / 2; i++)
        assert_int_equal(get(fd, block + 2 * i, 2), i < clusters);
}

static void test_sizes(void **state) {
    (void)state;
    static const uint64_t sizes[] = {512,          16 << 20,   (512ULL << 20) - 512, (512ULL << 20) + 512,
                                     512ULL << 30, 15ULL << 40};
    for (size_t i = 0; i < array_length(sizes); i++)
        expect_whole(sizes[i]);
}

static void test_no_disk(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, (1ULL << 50) + 1, UINT64_MAX};
    for (size_t i = 0; i < array_length(sizes); i++) {
        cleanup_error holm_error *error = NULL;
        assert_int_equal(overlay_disk_make(-1, sizes[i], &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    }
    cleanup_error holm_error *error = NULL;
    assert_int_equal(overlay_disk_make(-1, 512, &error), -1); // no file
    assert_non_null(error);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_no_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
