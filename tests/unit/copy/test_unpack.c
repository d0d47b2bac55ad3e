// Unpacking what a guest has sent: what is right lands, and nothing else does anything outside.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "core/copy/unpack.h"

typedef struct world {
    char top[32];
    int folder; ///< TOP/in
    buffer archive;
    size_t at;
    unpack_result result;
} world;

static ssize_t read_archive(void *data, void *out, size_t length) {
    world *self = data;
    size_t left = self->archive.length - self->at;
    length = length < left ? length : left;
    memcpy(out, self->archive.data + self->at, length);
    self->at += length;
    return (ssize_t)length;
}

static int set_up(void **state) {
    world *self = calloc(1, sizeof *self);
    strcpy(self->top, "/tmp/hu-XXXXXX");
    assert_non_null(mkdtemp(self->top));
    cleanup_free char *in = path_join(self->top, "in", NULL), *victim = path_join(self->top, "victim", NULL);
    assert_int_equal(mkdir(in, 0700), 0);
    close(open(victim, O_WRONLY | O_CREAT, 0600));
    self->folder = open(in, O_PATH | O_DIRECTORY);
    *state = self;
    return 0;
}

static int tear_down(void **state) {
    world *self = *state;
    close(self->folder);
    path_remove_tree(self->top, NULL);
    buffer_finish(&self->archive);
    free(self);
    return 0;
}

static void put(world *self, tar_type type, const char *path, const char *link, uint32_t mode,
                const char *content) {
    static const char zeros[TAR_BLOCK];
    size_t size = content ? strlen(content) : 0;
    tar_entry entry = {
        .type = type, .path = path, .link = link, .mode = mode, .size = size, .mtime_seconds = 1000};
    tar_write_header(&self->archive, &entry);
    buffer_append(&self->archive, content, size);
    buffer_append(&self->archive, zeros, tar_padding(size));
}

static holm_error_code run(world *self, const char *name) {
    cleanup_error holm_error *error = NULL;
    const unpack_options options = {.folder = self->folder, .name = name};
    tar_write_end(&self->archive);
    self->at = 0;
    self->result = (unpack_result){0};
    int code = unpack(read_archive, self, &options, &self->result, &error);
    assert_int_equal(code < 0, error != NULL);
    buffer_clear(&self->archive);
    return error ? holm_error_code_of(error) : 0;
}

static mode_t mode_of(const world *self, const char *path) {
    struct stat status;
    return fstatat(self->folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mode : 0;
}

static void expect_untouched(const world *self) {
    struct stat status;
    cleanup_free char *victim = path_join(self->top, "victim", NULL);
    assert_int_equal(stat(victim, &status), 0);
    assert_int_equal(status.st_size, 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(status.st_nlink, 1);
}

static void test_tree(void **state) {
    world *self = *state;
    struct stat status;
    put(self, TAR_FOLDER, "d", NULL, 0555, NULL);
    put(self, TAR_FILE, "d/f", NULL, 04755, "hello");
    put(self, TAR_HARD_LINK, "d/h", "d/f", 0, NULL);
    put(self, TAR_SYMBOLIC_LINK, "d/l", "../../victim", 0777, NULL);
    put(self, TAR_CHARACTER_DEVICE, "d/c", NULL, 0666, NULL);
    put(self, TAR_FIFO, "d/p", NULL, 0666, NULL);
    assert_int_equal(run(self, "copied"), 0);
    assert_int_equal(mode_of(self, "copied"), S_IFDIR | 0555);
    assert_int_equal(mode_of(self, "copied/f"), S_IFREG | 0755);
    assert_int_equal(mode_of(self, "copied/l") & S_IFMT, S_IFLNK);
    assert_int_equal(mode_of(self, "copied/c"), 0);
    assert_int_equal(mode_of(self, "copied/p"), 0);
    assert_int_equal(self->result.left_out, 2);
    assert_int_equal(self->result.bytes, 5);
    assert_int_equal(fstatat(self->folder, "copied/h", &status, 0), 0);
    assert_int_equal(status.st_nlink, 2);
    assert_int_equal(status.st_mtim.tv_sec, 1000);
    assert_int_equal(fchmodat(self->folder, "copied", 0700, 0), 0);
}

static void test_content(void **state) {
    world *self = *state;
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    put(self, TAR_FILE, "d/f", NULL, 0600, "");
    assert_int_equal(run(self, "."), 0);
    assert_int_equal(mode_of(self, "f"), S_IFREG | 0600);
}

// A link of the archive, or one that was there, is never gone through; a file that is written replaces a
// link.
static void test_links_on_the_way(void **state) {
    world *self = *state;
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    put(self, TAR_SYMBOLIC_LINK, "d/out", "../..", 0777, NULL);
    put(self, TAR_FILE, "d/out/victim", NULL, 0666, "gotcha");
    assert_int_equal(run(self, "a"), HOLM_ERROR_INVALID);
    expect_untouched(self);
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    put(self, TAR_SYMBOLIC_LINK, "d/v", "../../victim", 0777, NULL);
    put(self, TAR_FILE, "d/v", NULL, 0666, "gotcha");
    assert_int_equal(run(self, "b"), 0);
    assert_int_equal(mode_of(self, "b/v"), S_IFREG | 0666);
    expect_untouched(self);
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    put(self, TAR_SYMBOLIC_LINK, "d/out", "../..", 0777, NULL);
    put(self, TAR_HARD_LINK, "d/stolen", "d/out/victim", 0, NULL);
    assert_int_equal(run(self, "c"), HOLM_ERROR_INVALID);
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    put(self, TAR_SYMBOLIC_LINK, "d/x", "../..", 0777, NULL);
    put(self, TAR_FOLDER, "d/x", NULL, 0777, NULL);
    assert_int_equal(run(self, "e"), HOLM_ERROR_EXISTS);
    expect_untouched(self);
}

static void test_names(void **state) {
    static const char *const bad[] = {"d/../../victim", "../victim", "/etc/passwd", "..", "e/f", "d/..", ""};
    world *self = *state;
    for (size_t i = 0; i < array_length(bad); i++) {
        put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
        put(self, TAR_FILE, bad[i], NULL, 0666, "gotcha");
        assert_int_equal(run(self, "n"), HOLM_ERROR_INVALID);
        put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
        put(self, TAR_HARD_LINK, "d/h", bad[i], 0666, NULL);
        assert_int_equal(run(self, "n"), HOLM_ERROR_INVALID);
    }
    put(self, TAR_FILE, "..", NULL, 0666, "gotcha");
    assert_int_equal(run(self, "f"), HOLM_ERROR_INVALID);
    cleanup_buffer buffer deep = BUFFER_INIT;
    buffer_append_text(&deep, "d");
    for (int i = 0; i <= TAR_DEPTH_MAX; i++)
        buffer_append_text(&deep, "/d");
    put(self, TAR_FILE, buffer_text(&deep), NULL, 0666, "");
    assert_int_equal(run(self, "deep"), HOLM_ERROR_INVALID);
    expect_untouched(self);
}

static void test_kinds(void **state) {
    world *self = *state;
    put(self, TAR_FILE, "f", NULL, 0600, "one");
    assert_int_equal(run(self, "f"), 0);
    put(self, TAR_FILE, "f", NULL, 0640, "two");
    assert_int_equal(run(self, "f"), 0);
    assert_int_equal(mode_of(self, "f"), S_IFREG | 0640);
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    assert_int_equal(run(self, "f"), HOLM_ERROR_EXISTS);
    put(self, TAR_FOLDER, "d", NULL, 0700, NULL);
    assert_int_equal(run(self, "d"), 0);
    put(self, TAR_FILE, "f", NULL, 0600, "three");
    assert_int_equal(run(self, "d"), HOLM_ERROR_EXISTS);
    put(self, TAR_FILE, "f", NULL, 0600, "content of what is no folder");
    assert_int_equal(run(self, "."), HOLM_ERROR_INVALID);
    assert_int_equal(run(self, "nothing"), HOLM_ERROR_INTEGRITY);
}

static void test_holes(void **state) {
    world *self = *state;
    struct stat status;
    enum { SIZE = 4 << 20 };
    tar_entry entry = {.type = TAR_FILE, .path = "f", .mode = 0600, .size = SIZE};
    tar_write_header(&self->archive, &entry);
    cleanup_free char *zeros = calloc(1, SIZE);
    zeros[100000] = 'x';
    buffer_append(&self->archive, zeros, SIZE);
    assert_int_equal(run(self, "f"), 0);
    assert_int_equal(fstatat(self->folder, "f", &status, 0), 0);
    assert_int_equal(status.st_size, SIZE);
    assert_true(status.st_blocks * 512 < SIZE / 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_tree),  TEST(test_content), TEST(test_links_on_the_way),
        TEST(test_names), TEST(test_kinds),   TEST(test_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
