// Streams of layers into ext4 images: digests, sizes, compression, and e2fsck's opinion of what comes out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/image/layer.h"

static char folder[] = "/tmp/holm-layer-XXXXXX";

static int folder_make(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state) {
    (void)state;
    return path_remove_tree(folder, NULL);
}

static la_ssize_t buffer_write(struct archive *archive, void *data, const void *bytes, size_t length) {
    (void)archive;
    buffer_append(data, bytes, length);
    return (la_ssize_t)length;
}

/// A tar with one folder and three files, through libarchive's own filter.
static void tar_make(buffer *out, int filter) {
    struct archive *archive = archive_write_new();
    archive_write_set_format_pax_restricted(archive);
    archive_write_add_filter(archive, filter);
    archive_write_set_bytes_per_block(archive, 0); // or padding would make the tars differ
    assert_int_equal(archive_write_open(archive, out, NULL, buffer_write, NULL), ARCHIVE_OK);
    static const struct {
        const char *path;
        int type;
        size_t size;
    } entries[] = {
        {"./", AE_IFDIR, 0}, {"./a", AE_IFREG, 1}, {"./b", AE_IFREG, 5000}, {"./c", AE_IFREG, 3 << 20}};
    char *content = calloc(1, 3 << 20);
    assert_non_null(content);
    for (size_t i = 0; i < array_length(entries); i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, entries[i].path);
        archive_entry_set_filetype(entry, (unsigned)entries[i].type);
        archive_entry_set_perm(entry, 0755);
        archive_entry_set_size(entry, (la_int64_t)entries[i].size);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(archive, content, entries[i].size), entries[i].size);
        archive_entry_free(entry);
    }
    free(content);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static void digest_of(const buffer *bytes, char text[72]) {
    uint8_t digest[32];
    assert_int_equal(EVP_Digest(bytes->data, bytes->length, digest, NULL, EVP_sha256(), NULL), 1);
    strcpy(text, "sha256:");
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 7 + 2 * i, 3, "%02x", digest[i]);
}

static int write_layer(const layer_writer_options *options, const buffer *blob, size_t piece,
                       layer_result *result, holm_error **error) {
    cleanup_layer_writer layer_writer *writer = layer_writer_create(options, error);
    assert_non_null(writer);
    for (size_t at = 0; at < blob->length; at += piece) {
        size_t length = blob->length - at < piece ? blob->length - at : piece;
        if (layer_writer_push(writer, blob->data + at, length, error) < 0)
            return -1;
    }
    return layer_writer_finish(writer, result, error);
}

static void check_clean(const char *path) {
    cleanup_free char *command = path_format(E2FSCK " -fn %s >/dev/null 2>&1", path);
    assert_int_equal(system(command), 0);
}

static void test_compressions(void **state) {
    (void)state;
    cleanup_free char *path = path_join(folder, "image", NULL);
    cleanup_buffer buffer plain = BUFFER_INIT;
    char diff_id[72], digest[72];
    tar_make(&plain, ARCHIVE_FILTER_NONE);
    digest_of(&plain, diff_id);
    const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_ZSTD};
    const size_t pieces[] = {1 << 20, 16384, 777};
    for (size_t i = 0; i < array_length(filters) * array_length(pieces); i++) {
        cleanup_buffer buffer blob = BUFFER_INIT;
        cleanup_error holm_error *error = NULL;
        tar_make(&blob, filters[i / 3]);
        digest_of(&blob, digest);
        layer_writer_options options = {
            .path = path, .blob_digest = digest, .diff_id = diff_id, .blob_size = blob.length};
        layer_result result;
        int code = write_layer(&options, &blob, pieces[i % 3], &result, &error);
        assert_string_equal(error ? holm_error_message(error) : "", "");
        assert_int_equal(code, 0);
        assert_string_equal(result.diff_id, diff_id);
        assert_string_equal(result.blob_digest, digest);
        assert_int_equal(result.content_bytes, plain.length);
        assert_int_equal(result.entries, 4);
        assert_true(result.complete);
        check_clean(path);
        assert_int_equal(unlink(path), 0);
    }
}

static void check_refused(const layer_writer_options *options, const buffer *blob, holm_error_code code) {
    cleanup_error holm_error *error = NULL;
    layer_result result;
    assert_int_equal(write_layer(options, blob, 100000, &result, &error), -1);
    assert_int_equal(holm_error_code_of(error), code);
    assert_int_equal(access(options->path, F_OK), -1);
}

static void test_wrong_claims(void **state) {
    (void)state;
    static const char other[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    cleanup_free char *path = path_join(folder, "image", NULL);
    cleanup_buffer buffer blob = BUFFER_INIT;
    tar_make(&blob, ARCHIVE_FILTER_GZIP);
    check_refused(&(layer_writer_options){.path = path, .blob_digest = other}, &blob, HOLM_ERROR_INTEGRITY);
    check_refused(&(layer_writer_options){.path = path, .diff_id = other}, &blob, HOLM_ERROR_INTEGRITY);
    check_refused(&(layer_writer_options){.path = path, .blob_size = blob.length + 1}, &blob,
                  HOLM_ERROR_INTEGRITY);
    check_refused(&(layer_writer_options){.path = path, .blob_size = blob.length - 1}, &blob,
                  HOLM_ERROR_INTEGRITY);
    check_refused(&(layer_writer_options){.path = path, .limits.bytes = 1 << 20}, &blob, HOLM_ERROR_LIMIT);
    check_refused(&(layer_writer_options){.path = path, .limits.entries = 3}, &blob, HOLM_ERROR_LIMIT);
    check_refused(&(layer_writer_options){.path = path, .limits.name_bytes = 2}, &blob, HOLM_ERROR_LIMIT);
    check_refused(&(layer_writer_options){.path = path, .compression = LAYER_COMPRESSION_ZSTD}, &blob,
                  HOLM_ERROR_INTEGRITY);
    blob.length -= 9; // into the last deflate block
    check_refused(&(layer_writer_options){.path = path}, &blob, HOLM_ERROR_INTEGRITY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compressions),
        cmocka_unit_test(test_wrong_claims),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
