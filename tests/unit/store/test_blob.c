#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/store/blob.h"

static const char text[] = "what a blob is made of";

typedef struct fixture {
    char folder[64];
    blob_store *store;
    char digest[DIGEST_SIZE];
} fixture;

static int set_up(void **state) {
    fixture *it = calloc(1, sizeof *it);
    strcpy(it->folder, "/tmp/holm-blob-XXXXXX");
    assert_non_null(mkdtemp(it->folder));
    it->store = blob_store_open(it->folder, NULL);
    assert_non_null(it->store);
    digest_of(text, strlen(text), it->digest);
    *state = it;
    return 0;
}

static int tear_down(void **state) {
    fixture *it = *state;
    blob_store_close(it->store);
    assert_int_equal(path_remove_tree(it->folder, NULL), 0);
    free(it);
    return 0;
}

static void test_put_and_read(void **state) {
    fixture *it = *state;
    char digest[DIGEST_SIZE];
    assert_int_equal(blob_put(it->store, text, strlen(text), digest, NULL), 0);
    assert_string_equal(digest, it->digest);
    cleanup_buffer buffer out = BUFFER_INIT;
    assert_int_equal(blob_read(it->store, digest, 100, &out, NULL), 0);
    assert_string_equal(buffer_text(&out), text);
    assert_int_equal(blob_verify(it->store, digest, NULL, NULL), 0);
    json_t *list = blob_list(it->store, NULL);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
}

static void test_damage_is_found(void **state) {
    fixture *it = *state;
    assert_int_equal(blob_put(it->store, text, strlen(text), NULL, NULL), 0);
    cleanup_free char *path = blob_path(it->store, it->digest);
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "W", 1, 0), 1);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(blob_verify(it->store, it->digest, NULL, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INTEGRITY);
    cleanup_buffer buffer out = BUFFER_INIT;
    assert_int_equal(blob_read(it->store, it->digest, 100, &out, NULL), -1);
}

static void test_resumed(void **state) {
    fixture *it = *state;
    blob_writer *first = blob_writer_create(it->store, it->digest, strlen(text), NULL);
    assert_int_equal(blob_writer_offset(first), 0);
    assert_int_equal(blob_writer_write(first, text, 7, NULL), 0);
    blob_writer_destroy(first);
    assert_false(blob_exists(it->store, it->digest, NULL));

    cleanup_blob_writer blob_writer *second = blob_writer_create(it->store, it->digest, strlen(text), NULL);
    assert_int_equal(blob_writer_offset(second), 7);
    char recalled[32];
    assert_int_equal(blob_writer_recall(second, recalled, sizeof recalled, NULL), 7);
    assert_memory_equal(recalled, text, 7);
    assert_int_equal(blob_writer_recall(second, recalled, sizeof recalled, NULL), 0);
    assert_int_equal(blob_writer_write(second, text + 7, strlen(text) - 7, NULL), 0);
    assert_false(blob_exists(it->store, it->digest, NULL));
    assert_int_equal(blob_writer_commit(second, NULL), 0);
    uint64_t size = 0;
    assert_true(blob_exists(it->store, it->digest, &size));
    assert_int_equal(size, strlen(text));
}

static void test_one_writer_at_a_time(void **state) {
    fixture *it = *state;
    cleanup_blob_writer blob_writer *first = blob_writer_create(it->store, it->digest, strlen(text), NULL);
    assert_non_null(first);
    cleanup_error holm_error *error = NULL;
    assert_null(blob_writer_create(it->store, it->digest, strlen(text), &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
}

static void test_wrong_bytes_are_thrown_away(void **state) {
    fixture *it = *state;
    for (int shorter = 0; shorter < 2; shorter++) {
        cleanup_blob_writer blob_writer *it_writer =
            blob_writer_create(it->store, it->digest, strlen(text), NULL);
        assert_int_equal(blob_writer_offset(it_writer), 0);
        assert_int_equal(
            blob_writer_write(it_writer, "something else entirely", strlen(text) - (size_t)shorter, NULL), 0);
        cleanup_error holm_error *error = NULL;
        assert_int_equal(blob_writer_commit(it_writer, &error), -1);
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INTEGRITY);
        assert_false(blob_exists(it->store, it->digest, NULL));
    }
    cleanup_blob_writer blob_writer *longer = blob_writer_create(it->store, it->digest, 3, NULL);
    assert_int_equal(blob_writer_write(longer, "four", 4, NULL), -1);
}

static void test_too_large_for_the_disk(void **state) {
    fixture *it = *state;
    cleanup_error holm_error *error = NULL;
    assert_null(blob_writer_create(it->store, it->digest, UINT64_C(1) << 46, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NO_SPACE);
    cleanup_free char *path = path_join(it->folder, "images/partial", digest_hex(it->digest), NULL);
    assert_int_equal(access(path, F_OK), -1);
}

static void test_sweeping_waits_for_holders(void **state) {
    fixture *it = *state;
    cleanup_close int held = blob_store_hold(it->store, NULL);
    assert_true(held >= 0);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(blob_store_hold_alone(it->store, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
    close(steal_fd(&held));
    cleanup_close int alone = blob_store_hold_alone(it->store, NULL);
    assert_true(alone >= 0);
}

static void *put_same(void *data) {
    fixture *it = data;
    char bytes[4096] = "the same";
    for (int round = 0; round < 200; round++) {
        char digest[DIGEST_SIZE];
        snprintf(bytes, sizeof bytes, "the same, %d", round);
        if (blob_put(it->store, bytes, sizeof bytes, digest, NULL) < 0 ||
            blob_verify(it->store, digest, NULL, NULL) < 0)
            return it;
    }
    return NULL;
}

// Two pulls of one process may store the same manifest at the same time.
static void test_put_by_many(void **state) {
    fixture *it = *state;
    pthread_t threads[3];
    for (size_t i = 0; i < array_length(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_same, it), 0);
    void *failed = NULL;
    for (size_t i = 0; i < array_length(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        failed = failed ? failed : result;
    }
    assert_null(failed);
    assert_int_equal(blob_sweep_partial(it->store, 3600, NULL), 0);
}

// What a killed process was about to store is of no use to anyone.
static void test_intakes_are_swept(void **state) {
    fixture *it = *state;
    cleanup_free char *left = path_join(it->folder, "images/partial/intake-abcdef", NULL);
    cleanup_free char *resumable = path_join(it->folder, "images/partial", digest_hex(it->digest), NULL);
    assert_int_equal(file_write(left, "x", 1, NULL), 0);
    assert_int_equal(file_write(resumable, "x", 1, NULL), 0);
    cleanup_blob_intake blob_intake *used = blob_intake_create(it->store, NULL);
    assert_int_equal(blob_sweep_partial(it->store, 3600, NULL), 0);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(resumable, F_OK), 0);
    char digest[DIGEST_SIZE];
    assert_int_equal(blob_intake_commit(used, digest, NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_writer_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_bytes_are_thrown_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_large_for_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sweeping_waits_for_holders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_put_by_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_intakes_are_swept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
