// Tar archives: what is written is read again, and what is no archive is refused. (The VM tests hold both
// against Python's tarfile.)
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/tar_header.h"

typedef struct source {
    const buffer *from;
    size_t at;
    size_t step; ///< bytes given at once, at most
} source;

static ssize_t read_source(void *data, void *out, size_t length) {
    source *self = data;
    size_t left = self->from->length - self->at;
    length = length < left ? length : left;
    length = length < self->step ? length : self->step;
    memcpy(out, self->from->data + self->at, length);
    self->at += length;
    return (ssize_t)length;
}

static void assert_same(const tar_entry *a, const tar_entry *b) {
    assert_int_equal(a->type, b->type);
    assert_string_equal(a->path, b->path);
    assert_string_equal(a->link ? a->link : "", b->link ? b->link : "");
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->mtime_seconds, b->mtime_seconds);
    assert_int_equal(a->mtime_ns, b->mtime_ns);
    assert_int_equal(a->major, b->major);
    assert_int_equal(a->minor, b->minor);
}

static void round_trip(void **state) {
    char longer[TAR_NAME_MAX + 1], hundred[101];
    (void)state;
    memset(longer, 'n', TAR_NAME_MAX), longer[TAR_NAME_MAX] = 0;
    memset(hundred, 'h', 100), hundred[100] = 0;
    const tar_entry entries[] = {
        {.type = TAR_FOLDER, .path = "dir", .mode = 0755, .mtime_seconds = 5},
        {.type = TAR_FILE,
         .path = "dir/file",
         .mode = 06711,
         .uid = 1,
         .gid = 2,
         .size = 700,
         .mtime_seconds = 1800000000,
         .mtime_ns = 123456789},
        {.type = TAR_FILE, .path = longer, .size = 512, .uid = 4000000000, .gid = 4000000001},
        {.type = TAR_SYMBOLIC_LINK, .path = hundred, .link = longer, .mode = 0777},
        {.type = TAR_HARD_LINK, .path = "link", .link = "dir/file"},
        {.type = TAR_BLOCK_DEVICE, .path = "disk", .major = 254, .minor = 16},
        {.type = TAR_FIFO, .path = "gr\xc3\xbc\xff", .mode = 0600},
    };
    cleanup_buffer buffer archive = BUFFER_INIT;
    for (size_t i = 0; i < array_length(entries); i++) {
        tar_write_header(&archive, &entries[i]);
        for (uint64_t k = 0; k < entries[i].size + tar_padding(entries[i].size); k++)
            buffer_append(&archive, k < entries[i].size ? "c" : "", 1);
    }
    tar_write_end(&archive);
    assert_int_equal(archive.length % TAR_BLOCK, 0);
    for (size_t step = 1; step < 2000; step += 333) {
        source from = {.from = &archive, .step = step};
        tar_reader reader = {.read = read_source, .data = &from};
        tar_entry entry;
        for (size_t i = 0; i < array_length(entries); i++) {
            char content[300];
            assert_int_equal(tar_reader_next(&reader, &entry, NULL), 1);
            assert_same(&entry, &entries[i]);
            if (i == 1) // the rest of it is skipped
                assert_int_equal(tar_reader_content(&reader, content, sizeof content, NULL), sizeof content);
        }
        assert_int_equal(tar_reader_next(&reader, &entry, NULL), 0);
        tar_reader_finish(&reader);
    }
}

static holm_error_code refusal(const buffer *archive) {
    source from = {.from = archive, .step = 4096};
    tar_reader reader = {.read = read_source, .data = &from};
    tar_entry entry;
    cleanup_error holm_error *error = NULL;
    int more;
    while ((more = tar_reader_next(&reader, &entry, &error)) > 0)
        continue;
    tar_reader_finish(&reader);
    return more == 0 ? 0 : holm_error_code_of(error);
}

static void set_sum(tar_header *header) {
    snprintf(header->checksum, sizeof header->checksum, "%06o", tar_header_sum(header));
    header->checksum[7] = ' ';
}

static void damaged_archives(void **state) {
    cleanup_buffer buffer archive = BUFFER_INIT;
    (void)state;
    tar_write_header(&archive, &(tar_entry){.type = TAR_FILE, .path = "x", .size = 1000});
    assert_int_equal(refusal(&archive), HOLM_ERROR_INTEGRITY); // the content is missing
    archive.data[0] ^= 1;
    assert_int_equal(refusal(&archive), HOLM_ERROR_INTEGRITY); // the sum is wrong
    archive.length = 100;
    assert_int_equal(refusal(&archive), HOLM_ERROR_INTEGRITY);
    archive.length = 0;
    assert_int_equal(refusal(&archive), 0); // nothing is an empty archive
}

static void bounded_headers(void **state) {
    (void)state;
    cleanup_buffer buffer archive = BUFFER_INIT;
    tar_header header = {.type = 'x', .magic = "ustar", .size = "77777777"};
    set_sum(&header);
    buffer_append(&archive, &header, sizeof header);
    assert_int_equal(refusal(&archive), HOLM_ERROR_LIMIT);
    static const char *const records[] = {"8 path=\n",  "99 path=x\n",  "x", "10 path=x", "3 x",
                                          "9 size=x\n", "12 size=1 2\n"};
    for (size_t i = 0; i < array_length(records); i++) {
        buffer_clear(&archive);
        header = (tar_header){.type = 'x', .magic = "ustar"};
        snprintf(header.size, sizeof header.size, "%o", (unsigned)strlen(records[i]));
        set_sum(&header);
        buffer_append(&archive, &header, sizeof header);
        buffer_append(&archive, records[i], strlen(records[i]));
        while (archive.length % TAR_BLOCK)
            buffer_append(&archive, "", 1);
        assert_int_equal(refusal(&archive), HOLM_ERROR_INTEGRITY);
    }
}

static void append_padded(buffer *archive, const char *bytes, size_t length) {
    buffer_append(archive, bytes, length);
    while (archive->length % TAR_BLOCK)
        buffer_append(archive, "", 1);
}

// GNU's pax form 1.0, with this map in front of what is there of the file.
static void make_sparse(buffer *archive, const char *map, const char *content) {
    static const char records[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                                  "22 GNU.sparse.name=sp\n28 GNU.sparse.realsize=2000\n";
    tar_header header = {.type = 'x', .magic = "ustar"};
    buffer_clear(archive);
    snprintf(header.size, sizeof header.size, "%o", (unsigned)strlen(records));
    set_sum(&header);
    buffer_append(archive, &header, sizeof header);
    append_padded(archive, records, strlen(records));
    header = (tar_header){.type = TAR_FILE, .magic = "ustar", .name = "GNUSparseFile.1/sp"};
    snprintf(header.size, sizeof header.size, "%o", (unsigned)(TAR_BLOCK + strlen(content)));
    set_sum(&header);
    buffer_append(archive, &header, sizeof header);
    append_padded(archive, map, strlen(map));
    append_padded(archive, content, strlen(content));
    tar_write_end(archive);
}

static void holes(void **state) {
    (void)state;
    cleanup_buffer buffer archive = BUFFER_INIT;
    static const char *const damaged[] = {"1\n0\n4\n",
                                          "2\n5\n3\n4\n4\n",
                                          "1\n1999\n7\n",
                                          "1\n0\n",
                                          "x\n",
                                          "\n",
                                          "1\n0\n99999999999999999999\n"};
    make_sparse(&archive, "3\n1\n3\n1000\n4\n2000\n0\n", "abcdefg");
    assert_int_equal(refusal(&archive), HOLM_ERROR_UNSUPPORTED); // only who wants them gets them
    char wanted[2000] = {0};
    memcpy(wanted + 1, "abc", 3);
    memcpy(wanted + 1000, "defg", 4);
    for (size_t step = 1; step < 2000; step += 333) {
        source from = {.from = &archive, .step = step};
        tar_reader reader = {.read = read_source, .data = &from, .sparse = true};
        tar_entry entry;
        char content[2000];
        size_t length = 0;
        assert_int_equal(tar_reader_next(&reader, &entry, NULL), 1);
        assert_string_equal(entry.path, "sp");
        assert_int_equal(entry.size, sizeof content);
        for (ssize_t got; (got = tar_reader_content(&reader, content + length, 300, NULL)) != 0;) {
            assert_true(got > 0 && length + (size_t)got <= sizeof content);
            length += (size_t)got;
        }
        assert_int_equal(length, sizeof content);
        assert_memory_equal(content, wanted, sizeof content);
        assert_int_equal(tar_reader_next(&reader, &entry, NULL), 0);
        tar_reader_finish(&reader);
    }
    for (size_t i = 0; i < array_length(damaged); i++) {
        make_sparse(&archive, damaged[i], "abcdefg");
        source from = {.from = &archive, .step = 1000};
        tar_reader reader = {.read = read_source, .data = &from, .sparse = true};
        cleanup_error holm_error *error = NULL;
        tar_entry entry;
        assert_int_equal(tar_reader_next(&reader, &entry, &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INTEGRITY);
        tar_reader_finish(&reader);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(damaged_archives),
        cmocka_unit_test(bounded_headers),
        cmocka_unit_test(holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
