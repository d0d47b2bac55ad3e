#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/image/manifest.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOB   "\"digest\":\"sha256:" HEX "\",\"size\":12"
#define CONFIG "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\"," BLOB "}"
#define LAYER  "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+zstd\"," BLOB "}"

static holm_error_code refusal(const char *text, const char *type) {
    manifest parsed;
    cleanup_error holm_error *error = NULL;
    if (manifest_parse(text, strlen(text), type, &parsed, &error) == 0) {
        manifest_finish(&parsed);
        fail_msg("accepted: %s", text);
    }
    return holm_error_code_of(error);
}

static void test_image(void **state) {
    (void)state;
    const char *text = "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "," LAYER "]}";
    cleanup_manifest manifest parsed = {0};
    assert_int_equal(manifest_parse(text, strlen(text), MANIFEST_TYPE_OCI, &parsed, NULL), 0);
    assert_false(parsed.index);
    assert_int_equal(parsed.layer_count, 2);
    assert_int_equal(parsed.layers[1].size, 12);
    assert_string_equal(parsed.config.digest, "sha256:" HEX);
    manifest_compression compression;
    assert_int_equal(manifest_layer_compression(parsed.layers[0].media_type, &compression, NULL), 0);
    assert_int_equal(compression, MANIFEST_COMPRESSION_ZSTD);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *type;
        holm_error_code code;
    } cases[] = {
        {"", NULL, HOLM_ERROR_INTEGRITY},
        {"[]", NULL, HOLM_ERROR_INTEGRITY},
        {"{}", NULL, HOLM_ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":1}", NULL, HOLM_ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":2}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG ",\"layers\":[]}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", MANIFEST_TYPE_OCI_INDEX, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "json", HOLM_ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":2,\"layers\":[]}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{}]}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\"," BLOB "}]}", NULL,
         HOLM_ERROR_UNSUPPORTED},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\x1b\"," BLOB "}]}", NULL,
         HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:../../x\","
         "\"size\":1}]}",
         NULL, HOLM_ERROR_INTEGRITY},
        {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX
         "\",\"size\":-1}]}",
         NULL, HOLM_ERROR_INTEGRITY},
    };
    for (size_t i = 0; i < array_length(cases); i++)
        assert_int_equal(refusal(cases[i].text, cases[i].type), cases[i].code);
}

static void test_too_many_layers(void **state) {
    (void)state;
    cleanup_buffer buffer text = BUFFER_INIT;
    buffer_append_text(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER);
    for (size_t i = 0; i < MANIFEST_LAYERS_MAX; i++)
        buffer_append_text(&text, "," LAYER);
    buffer_append_text(&text, "]}");
    assert_int_equal(refusal(buffer_text(&text), NULL), HOLM_ERROR_LIMIT);
}

// What is no image is kept as it is, but for layers that are elsewhere.
static void test_contents(void **state) {
    (void)state;
    static const char attestation[] =
        "{\"schemaVersion\":2,\"mediaType\":\"a/b\"," CONFIG ",\"layers\":[" LAYER
        ",{\"mediaType\":\"application/vnd.in-toto+json\"," BLOB "},"
        "{\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar\"," BLOB "}]}";
    cleanup_manifest manifest it = {0}, bare = {0}, none = {0};
    assert_int_equal(manifest_parse_contents(attestation, strlen(attestation), &it, NULL), 0);
    assert_string_equal(it.media_type, "a/b");
    assert_int_equal(it.layer_count, 2);
    assert_string_equal(it.layers[1].media_type, "application/vnd.in-toto+json");
    assert_int_equal(manifest_parse_contents("{}", 2, &bare, NULL), 0);
    assert_null(bare.config.media_type);
    static const char wrong[] = "{\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:x\",\"size\":1}]}";
    assert_int_equal(manifest_parse_contents(wrong, strlen(wrong), &none, NULL), -1);
}

static void test_index(void **state) {
    (void)state;
#define ENTRY(size, platform) \
    "{\"mediaType\":\"" MANIFEST_TYPE_OCI "\",\"digest\":\"sha256:" HEX "\",\"size\":" size platform "}"
#define PLATFORM(architecture, variant) \
    ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" architecture "\",\"variant\":\"" variant "\"}"
    const char *text = "{\"schemaVersion\":2,\"manifests\":[" ENTRY(
        "1",
        PLATFORM(
            "amd64",
            "") ",\"annotations\":{\"vnd."
                "docker.reference.type\":"
                "\"attestation\"}") "," ENTRY("2",
                                              PLATFORM(
                                                  "amd64",
                                                  "v3")) "," ENTRY("3",
                                                                   PLATFORM(
                                                                       "amd64",
                                                                       "")) "," ENTRY("4",
                                                                                      PLATFORM(
                                                                                          "arm64",
                                                                                          "v8")) "," ENTRY("5",
                                                                                                           PLATFORM(
                                                                                                               "arm",
                                                                                                               "v7")) "," ENTRY("6",
                                                                                                                                PLATFORM(
                                                                                                                                    "arm",
                                                                                                                                    "v6")) "]}";
    static const struct {
        const char *platform;
        unsigned size; // 0: none
    } cases[] = {
        {"linux/amd64", 3},  {"amd64", 3},          {"linux/amd64/v3", 2},
        {"linux/arm64", 4},  {"linux/arm64/v8", 4}, {"linux/arm", 5},
        {"linux/arm/v6", 6}, {"linux/arm64/v9", 0}, {"linux/riscv64", 0},
    };
    cleanup_manifest manifest parsed = {0};
    assert_int_equal(manifest_parse(text, strlen(text), MANIFEST_TYPE_OCI_INDEX, &parsed, NULL), 0);
    for (size_t i = 0; i < array_length(cases); i++) {
        cleanup_manifest_platform manifest_platform wanted = {0};
        assert_int_equal(manifest_platform_parse(cases[i].platform, &wanted, NULL), 0);
        const manifest_index_entry *entry = manifest_index_choose(&parsed, &wanted, NULL);
        assert_int_equal(entry ? entry->descriptor.size : 0, cases[i].size);
    }
    manifest_platform none;
    assert_int_equal(manifest_platform_parse("windows/amd64", &none, NULL), -1);
    assert_int_equal(manifest_platform_parse("a/b/c/d", &none, NULL), -1);
    assert_int_equal(manifest_platform_parse("arm/7", &none, NULL), -1);
    cleanup_manifest_platform manifest_platform brief = {0};
    assert_int_equal(manifest_platform_parse("arm/v7", &brief, NULL), 0);
    cleanup_free char *whole = manifest_platform_text(&brief);
    assert_string_equal(whole, "linux/arm/v7");
}

static void test_document(void **state) {
    (void)state;
    const char *image_text = "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER "]}";
    const char *text =
        "{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\",\"created\":\"2026-01-01T00:00:"
        "00Z\","
        "\"config\":{\"Entrypoint\":[\"/init\",7],\"Env\":[\"A=b\"],\"User\":\"web\",\"Labels\":{\"a\":\"b\","
        "\"c\":1},\"ExposedPorts\":{\"80/tcp\":{}},\"Volumes\":null,\"StopSignal\":\"SIGQUIT\"},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}}";
    cleanup_manifest manifest image = {0};
    cleanup_manifest_config manifest_config config = {0};
    assert_int_equal(manifest_parse(image_text, strlen(image_text), NULL, &image, NULL), 0);
    assert_int_equal(manifest_config_parse(text, strlen(text), &config, NULL), 0);
    const manifest_layer_result unpacked[] = {{.file = "x.ext4", .unpacked_bytes = 99}};
    json_t *document = manifest_document("sha256:" HEX, &image, &config, image.config.digest, unpacked);
    json_t *expected = json_pack("{s:[], s:s, s:{s:[s], s:[], s:[s], s:s}, s:s, s:{s:s}, s:[s], s:[]}",
                                 "references", "platform", "linux/arm64/v8", "process", "entrypoint", "/init",
                                 "command", "environment", "A=b", "user", "web", "stopSignal", "SIGQUIT",
                                 "labels", "a", "b", "exposedPorts", "80/tcp", "volumes");
    assert_non_null(expected);
    assert_true(json_equal(json_object_get(document, "configuration"), expected));
    const json_t *status = json_object_get(document, "status");
    assert_int_equal(json_integer_value(json_object_get(status, "sizeBytes")), 99);
    const json_t *layer = json_array_get(json_object_get(status, "layers"), 0);
    assert_string_equal(json_string_value(json_object_get(layer, "file")), "x.ext4");
    json_decref(expected);
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_too_many_layers), cmocka_unit_test(test_contents),
        cmocka_unit_test(test_index),           cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
