// A page of a registry's list. Tags: what is taken is a tag by its letters. Referrers: every one has all its
// fields, and an index that one was put into has it, once. No more is taken than was asked for.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry/registry_referrers_change.h"
#include "core/registry/registry_tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool sound) {
    if (!sound)
        abort();
}

static void read_tags(const char *text, size_t size) {
    json_t *tags = json_array(), *tag;
    size_t index;
    registry_tags_parse(text, size, tags, 3, NULL);
    check(json_array_size(tags) <= 3);
    json_array_foreach (tags, index, tag)
        check(json_is_string(tag) && !strpbrk(json_string_value(tag), "/: \n\x1b") &&
              *json_string_value(tag));
    json_decref(tags);
}

static void read_referrers(const char *text, size_t size) {
    static const char *const texts[] = {"digest", "mediaType", "artifactType"};
    json_t *list = json_array(), *one, *value;
    const char *name;
    size_t index;
    registry_referrers_parse(text, size, list, 3, NULL);
    check(json_array_size(list) <= 3);
    json_array_foreach (list, index, one) {
        char tag[REGISTRY_REFERRERS_TAG_SIZE];
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            check(json_is_string(json_object_get(one, texts[i])));
        check(json_integer_value(json_object_get(one, "size")) >= 0);
        json_object_foreach (json_object_get(one, "annotations"), name, value)
            check(json_is_string(value));
        registry_referrers_tag(json_string_value(json_object_get(one, "digest")), tag);
        check(!strpbrk(tag, "/: \n\x1b%?"));
    }
    json_decref(list);
}

static void change_referrers(const char *text, size_t size) {
    json_t *mine = json_pack("{s:s}", "digest", "sha256:0");
    char *with = NULL, *again = NULL, *without = NULL;
    if (registry_referrers_edit(text, size, mine, false, &with, NULL) == 0 && with) {
        check(registry_referrers_edit(with, strlen(with), mine, false, &again, NULL) == 0 && !again);
        check(registry_referrers_edit(with, strlen(with), mine, true, &without, NULL) == 0 && without);
    }
    free(with);
    free(without);
    json_decref(mine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_tags((const char *)data, size);
    read_referrers((const char *)data, size);
    change_referrers((const char *)data, size);
    return 0;
}
