#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/registry/registry_referrers_change.h"

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// The examples of the specification.
static void test_tag(void **state) {
    (void)state;
    static const char *const digests[][2] = {
        {"sha256:" HEX, "sha256-" HEX},
        {"sha512:" HEX HEX, "sha512-" HEX},
        {"test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+truncation:"
         "alsoSome="
         "InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharactersToExcerciseEncodedTruncation",
         "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLotsAndLot"},
    };
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        char tag[REGISTRY_REFERRERS_TAG_SIZE];
        registry_referrers_tag(digests[i][0], tag);
        assert_string_equal(tag, digests[i][1]);
    }
}

static void test_digest(void **state) {
    (void)state;
    assert_true(registry_digest_is_valid("sha256:" HEX));
    assert_true(registry_digest_is_valid("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"));
    static const char *const wrong[] = {"", ":", "sha256:", "sha256", "sha256:a/b", "Sha:aa", "sha256:../x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(registry_digest_is_valid(wrong[i]));
    assert_false(registry_digest_is_valid(NULL));
}

static int parse(const char *text, json_t *out, size_t most) {
    return registry_referrers_parse(text, strlen(text), out, most, NULL);
}

static void test_parse(void **state) {
    (void)state;
    json_t *list = json_array();
    assert_int_equal(
        parse("{\"manifests\":[{\"digest\":\"sha256:aa\",\"mediaType\":\"m\",\"size\":3,\"artifactType\":7,"
              "\"annotations\":{\"a\":\"b\",\"c\":1},\"data\":\"x\"},{\"digest\":\"x\"},4,"
              "{\"digest\":\"sha256:bb\",\"mediaType\":\"m\",\"size\":-1},"
              "{\"digest\":\"sha256:cc\",\"mediaType\":\"m\",\"size\":1,\"artifactType\":\"t\"},"
              "{\"digest\":\"sha256:dd\",\"mediaType\":\"m\",\"size\":1}]}",
              list, 2),
        0);
    char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text,
                        "[{\"annotations\":{\"a\":\"b\"},\"artifactType\":\"\",\"digest\":\"sha256:aa\","
                        "\"mediaType\":\"m\",\"size\":3},{\"annotations\":{},\"artifactType\":\"t\","
                        "\"digest\":\"sha256:cc\",\"mediaType\":\"m\",\"size\":1}]");
    free(text);
    assert_int_equal(parse("{\"manifests\":null}", list, 9), 0);
    static const char *const wrong[] = {"", "[]", "{}", "{\"manifests\":{}}", "{\"manifests\":["};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(parse(wrong[i], list, 9), -1);
    json_decref(list);
}

static void assert_edited(const char *text, const char *digest, bool remove, const char *expected) {
    json_t *descriptor = json_pack("{s:s}", "digest", digest);
    char *out = NULL;
    int result = registry_referrers_edit(text, text ? strlen(text) : 0, descriptor, remove, &out, NULL);
    assert_int_equal(result, 0);
    if (expected)
        assert_string_equal(out, expected);
    else
        assert_null(out);
    free(out);
    json_decref(descriptor);
}

static void test_edit(void **state) {
    (void)state;
    static const char one[] = "{\"schemaVersion\":2,\"mediaType\":\"" REGISTRY_INDEX_TYPE
                              "\",\"manifests\":[{\"digest\":\"sha256:aa\"}]}";
    assert_edited(NULL, "sha256:aa", false, one);
    assert_edited(one, "sha256:aa", false, NULL);
    assert_edited(one, "sha256:bb", true, NULL);
    assert_edited(
        "{\"x\":1,\"manifests\":[{\"digest\":\"sha256:aa\",\"y\":2},3]}", "sha256:bb", false,
        "{\"x\":1,\"manifests\":[{\"digest\":\"sha256:aa\",\"y\":2},3,{\"digest\":\"sha256:bb\"}]}");
    assert_edited("{\"x\":1,\"manifests\":[{\"digest\":\"sha256:aa\",\"y\":2}]}", "sha256:aa", true,
                  "{\"x\":1,\"manifests\":[]}");
    static const char *const wrong[] = {"", "{}", "{\"manifests\":[],\"mediaType\":\"x\"}",
                                        "{\"manifests\":{}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *descriptor = json_pack("{s:s}", "digest", "sha256:aa");
        char *out = NULL;
        assert_int_equal(registry_referrers_edit(wrong[i], strlen(wrong[i]), descriptor, false, &out, NULL),
                         -1);
        assert_null(out);
        json_decref(descriptor);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tag), cmocka_unit_test(test_digest),
                                       cmocka_unit_test(test_parse), cmocka_unit_test(test_edit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
