// Framing, status texts and timeouts.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/rpc/frame.h"
#include "core/rpc/status.h"
#include "tests/unit/rpc/echo.h"

static void append_blob(buffer *out, size_t size, uint64_t number) {
    uint8_t data[5000];
    Holm__Test__V1__Blob blob = HOLM__TEST__V1__BLOB__INIT;
    echo_fill(data, size, number);
    blob.data = (ProtobufCBinaryData){size, data};
    blob.number = number;
    assert_true(rpc_frame_append(out, &blob.base));
}

static void check_blob(rpc_frame_span bytes, size_t size, uint64_t number) {
    uint8_t data[5000];
    Holm__Test__V1__Blob *blob =
        (Holm__Test__V1__Blob *)rpc_message_decode(&holm__test__v1__blob__descriptor, bytes);
    assert_non_null(blob);
    echo_fill(data, size, number);
    assert_int_equal(blob->data.len, size);
    assert_memory_equal(blob->data.data ? blob->data.data : data, data, size);
    assert_int_equal(blob->number, number);
    rpc_message_free(&blob->base);
}

// Cut anywhere, messages come out whole and in order.
static void test_chunks(void **state) {
    (void)state;
    for (size_t step = 1; step < 700; step = step * 3 / 2 + 1) {
        cleanup_buffer buffer bytes = BUFFER_INIT;
        rpc_frame_reader reader = {0};
        static const size_t sizes[] = {0, 1, 300, 4999, 0, 7};
        unsigned seen = 0;
        for (size_t i = 0; i < array_length(sizes); i++)
            append_blob(&bytes, sizes[i], i);
        for (size_t at = 0; at < bytes.length; at += step) {
            rpc_frame_span chunk = {bytes.data + at, step < bytes.length - at ? step : bytes.length - at};
            rpc_frame_span message;
            while (rpc_frame_reader_next(&reader, &chunk, &message) == RPC_FRAME_MESSAGE) {
                check_blob(message, sizes[seen], seen);
                seen++;
            }
            assert_int_equal(chunk.length, 0);
        }
        assert_int_equal(seen, array_length(sizes));
        assert_int_equal(rpc_frame_reader_held(&reader), 0);
        rpc_frame_reader_finish(&reader);
    }
}

static void test_refusals(void **state) {
    (void)state;
    rpc_frame_reader reader = {0};
    rpc_frame_span message;
    rpc_frame_span large = {(const uint8_t[]){0, 0, 0x40, 0, 1}, 5};
    assert_int_equal(rpc_frame_reader_next(&reader, &large, &message), RPC_FRAME_TOO_LARGE);
    rpc_frame_span compressed = {(const uint8_t[]){1, 0, 0, 0, 0}, 5};
    assert_int_equal(rpc_frame_reader_next(&reader, &compressed, &message), RPC_FRAME_COMPRESSED);
    rpc_frame_reader_keep(&reader, (rpc_frame_span){(const uint8_t[]){0, 0}, 2});
    rpc_frame_span rest = {(const uint8_t[]){0x40, 0, 1}, 3};
    assert_int_equal(rpc_frame_reader_next(&reader, &rest, &message), RPC_FRAME_TOO_LARGE);
    rpc_frame_reader_finish(&reader);
    rpc_frame_span nonsense = {(const uint8_t *)"\xff\xff", 2};
    assert_null(rpc_message_decode(&holm__test__v1__blob__descriptor, nonsense));
}

static void check_percent(const char *text, size_t most, const char *wanted) {
    cleanup_free char *encoded = rpc_percent_encode(text, most);
    assert_string_equal(encoded, wanted);
}

static void test_percent(void **state) {
    (void)state;
    check_percent("a b%\n", 100, "a b%25%0A");
    check_percent("a\xc3\xa4", 7, "a%C3%A4");
    check_percent("a\xc3\xa4", 6, "a");
    check_percent("", 0, "");
    cleanup_free char *decoded = rpc_percent_decode("a%C3%a4%zz%4", 12);
    assert_string_equal(decoded, "a\xc3\xa4%zz%4");
}

static void test_timeouts(void **state) {
    (void)state;
    char text[16];
    assert_int_equal(rpc_timeout_parse("2H"), 7200000);
    assert_int_equal(rpc_timeout_parse("1500u"), 2);
    assert_int_equal(rpc_timeout_parse("0m"), 1);
    assert_int_equal(rpc_timeout_parse("123456789m"), 0);
    assert_int_equal(rpc_timeout_parse("5"), 0);
    assert_int_equal(rpc_timeout_parse("m"), 0);
    assert_int_equal(rpc_timeout_parse("-1m"), 0);
    rpc_timeout_format(1500, text);
    assert_string_equal(text, "1500m");
    rpc_timeout_format(200000000, text);
    assert_string_equal(text, "200000S");
}

static void test_codes(void **state) {
    (void)state;
    assert_int_equal(rpc_code_parse("5"), RPC_NOT_FOUND);
    assert_int_equal(rpc_code_parse("17"), RPC_UNKNOWN);
    assert_int_equal(rpc_code_parse("5x"), RPC_UNKNOWN);
    assert_int_equal(rpc_code_parse(""), RPC_UNKNOWN);
    assert_int_equal(rpc_code_to_error(rpc_code_from_error(HOLM_ERROR_NOT_FOUND)), HOLM_ERROR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks),   cmocka_unit_test(test_refusals), cmocka_unit_test(test_percent),
        cmocka_unit_test(test_timeouts), cmocka_unit_test(test_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
