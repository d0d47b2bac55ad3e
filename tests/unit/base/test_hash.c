// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "core/base/hash.h"

// The vectors of RFC 9923, appendix C.
static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(hash_add(HASH_INIT, "", 0), 0x811c9dc5);
    assert_int_equal(hash_add(HASH_INIT, "a", 1), 0xe40c292c);
    assert_int_equal(hash_add(HASH_INIT, "foobar", 6), 0xbf9cf968);
    assert_int_equal(hash_add(hash_add(HASH_INIT, "foo", 3), "bar", 3), 0xbf9cf968);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
