// The log of a container: what goes in comes out, over rotation, torn ends and hostile files.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/container/log.h"

typedef struct fixture {
    char folder[64];
    log_writer *writer;
    log_encoder encoder;
    int64_t clock;
} fixture;

static int setup(void **data) {
    fixture *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/holm-log-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    self->clock = 1000;
    *data = self;
    return 0;
}

static int teardown(void **data) {
    fixture *self = *data;
    log_writer_close(self->writer);
    log_encoder_finish(&self->encoder);
    path_remove_tree(self->folder, NULL);
    free(self);
    return 0;
}

static void open_writer(fixture *self, uint64_t max_bytes, unsigned max_files) {
    log_writer_close(self->writer);
    self->writer = log_writer_open(self->folder, max_bytes, max_files, NULL);
    assert_non_null(self->writer);
}

static void write_text(fixture *self, int stream, const char *text, size_t length) {
    cleanup_buffer buffer records = BUFFER_INIT;
    log_encoder_add(&self->encoder, stream, self->clock++, text, length, &records);
    assert_int_equal(log_writer_append(self->writer, records.data, records.length, NULL), 0);
}

static void expect_line(log_reader *reader, int stream, const char *text, bool partial) {
    log_record record;
    assert_int_equal(log_reader_next(reader, &record, NULL), 1);
    assert_int_equal(record.stream, stream);
    assert_int_equal(record.length, strlen(text));
    assert_memory_equal(record.bytes, text, record.length);
    assert_int_equal(record.partial, partial);
}

static void expect_end(log_reader *reader) {
    log_record record;
    assert_int_equal(log_reader_next(reader, &record, NULL), 0);
}

static void lines_come_back(void **data) {
    fixture *self = *data;
    open_writer(self, 1 << 20, 3);
    write_text(self, 1, "one\ntw", 6);
    write_text(self, 2, "oops\n\n", 6);
    write_text(self, 1, "o\nend", 5);
    cleanup_buffer buffer rest = BUFFER_INIT;
    log_encoder_flush(&self->encoder, self->clock, &rest);
    assert_int_equal(log_writer_append(self->writer, rest.data, rest.length, NULL), 0);
    log_reader *reader = log_reader_open(self->folder, -1, 0, NULL);
    expect_line(reader, 1, "one", false);
    expect_line(reader, 2, "oops", false);
    expect_line(reader, 2, "", false);
    expect_line(reader, 1, "two", false);
    expect_line(reader, 1, "end", true);
    expect_end(reader);
    log_reader_close(reader);
}

static void last_and_since_choose(void **data) {
    fixture *self = *data;
    open_writer(self, 1 << 20, 3);
    write_text(self, 1, "a\n", 2);
    write_text(self, 1, "b\n", 2);
    write_text(self, 1, "c\n", 2);
    log_reader *reader = log_reader_open(self->folder, 2, 0, NULL);
    expect_line(reader, 1, "b", false);
    expect_line(reader, 1, "c", false);
    expect_end(reader);
    log_reader_close(reader);
    reader = log_reader_open(self->folder, -1, 1002, NULL);
    expect_line(reader, 1, "c", false);
    expect_end(reader);
    log_reader_close(reader);
    reader = log_reader_open(self->folder, 0, 0, NULL);
    expect_end(reader);
    write_text(self, 1, "d\n", 2);
    expect_line(reader, 1, "d", false);
    log_reader_close(reader);
}

static void long_lines_are_cut(void **data) {
    fixture *self = *data;
    open_writer(self, 1 << 20, 3);
    cleanup_free char *text = malloc(LOG_RECORD_MAX * 3);
    memset(text, 'x', LOG_RECORD_MAX * 3);
    text[LOG_RECORD_MAX * 2 + 5] = '\n';
    write_text(self, 1, text, LOG_RECORD_MAX * 2 + 6);
    log_record record;
    log_reader *reader = log_reader_open(self->folder, 1, 0, NULL);
    size_t total = 0;
    while (log_reader_next(reader, &record, NULL) == 1) {
        total += record.length;
        assert_int_equal(record.partial, total < LOG_RECORD_MAX * 2 + 5);
    }
    assert_int_equal(total, LOG_RECORD_MAX * 2 + 5);
    log_reader_close(reader);
}

static void a_follower_survives_rotation(void **data) {
    fixture *self = *data;
    open_writer(self, 4096, 4);
    log_reader *reader = log_reader_open(self->folder, -1, 0, NULL);
    assert_true(log_reader_watch(reader, NULL) >= 0);
    char line[128], expected[128];
    unsigned seen = 0;
    for (unsigned i = 0; i < 2000; i++) {
        int length = snprintf(line, sizeof line, "line %06u of the container\n", i);
        write_text(self, 1, line, (size_t)length);
        for (log_record record; i % 7 == 0 && log_reader_next(reader, &record, NULL) == 1; seen++) {
            length = snprintf(expected, sizeof expected, "line %06u of the container", seen);
            assert_int_equal(record.length, length);
            assert_memory_equal(record.bytes, expected, record.length);
        }
    }
    for (log_record record; log_reader_next(reader, &record, NULL) == 1;)
        seen++;
    assert_int_equal(seen, 2000);
    log_reader_close(reader);
    cleanup_free char *beyond = path_format("%s/4.log", self->folder);
    assert_int_equal(access(beyond, F_OK), -1);
}

static void a_torn_end_is_mended(void **data) {
    fixture *self = *data;
    open_writer(self, 1 << 20, 3);
    write_text(self, 1, "whole\n", 6);
    log_writer_close(steal_pointer(&self->writer));
    cleanup_free char *path = path_format("%s/0.log", self->folder);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "torn", 4), 4);
    close(fd);
    log_reader *reader = log_reader_open(self->folder, -1, 0, NULL);
    expect_line(reader, 1, "whole", false);
    expect_end(reader);
    log_reader_close(reader);
    open_writer(self, 1 << 20, 3);
    write_text(self, 1, "after\n", 6);
    reader = log_reader_open(self->folder, -1, 0, NULL);
    expect_line(reader, 1, "whole", false);
    expect_line(reader, 1, "after", false);
    expect_end(reader);
    log_reader_close(reader);
}

static void foreign_bytes_end_the_file(void **data) {
    fixture *self = *data;
    cleanup_free char *path = path_format("%s/0.log", self->folder);
    uint8_t bytes[64];
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(file_write(path, bytes, sizeof bytes, NULL), 0);
    log_reader *reader = log_reader_open(self->folder, 5, 0, NULL);
    expect_end(reader);
    expect_end(reader);
    log_reader_close(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(last_and_since_choose, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(a_follower_survives_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_bytes_end_the_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
