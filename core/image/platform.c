// Platforms: which of an index's images is meant.
#include <string.h>
#include <sys/utsname.h>

#include "core/base/buffer.h"
#include "core/base/path.h"
#include "core/image/manifest.h"

#define WORD_MAX 32

static const char *host_architecture(void) {
    static const char *const names[][2] = {
        {"x86_64", "amd64"},    {"aarch64", "arm64"}, {"riscv64", "riscv64"},
        {"ppc64le", "ppc64le"}, {"s390x", "s390x"},
    };
    struct utsname name;
    uname(&name);
    for (size_t i = 0; i < array_length(names); i++)
        if (strcmp(name.machine, names[i][0]) == 0)
            return names[i][1];
    return "unknown";
}

// What people write for what Go calls it.
static const char *normal_architecture(const char *text) {
    static const char *const names[][2] = {
        {"x86_64", "amd64"},
        {"x86-64", "amd64"},
        {"aarch64", "arm64"},
        {"i386", "386"},
    };
    for (size_t i = 0; i < array_length(names); i++)
        if (strcmp(text, names[i][0]) == 0)
            return names[i][1];
    return text;
}

static bool is_word(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length <= WORD_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

int manifest_platform_parse(const char *text, manifest_platform *out, holm_error **error) {
    *out = (manifest_platform){0};
    if (!text || !*text) {
        out->os = strdup("linux");
        out->architecture = strdup(host_architecture());
        out->variant = strdup("");
        return 0;
    }
    cleanup_free char *copy = strndup(text, 4 * WORD_MAX);
    char *parts[4] = {0}, *rest = copy;
    size_t count = 0;
    while (rest && count < array_length(parts))
        parts[count++] = strsep(&rest, "/");
    bool valid = !rest && count <= 3;
    for (size_t i = 0; valid && i < count; i++)
        valid = is_word(parts[i]);
    // "arm/v7": the system is left out.
    bool short_form = valid && count == 2 && parts[1][0] == 'v' && strcmp(parts[0], "linux") != 0;
    if (!valid || (count >= 2 && !short_form && strcmp(parts[0], "linux") != 0)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "there is no such platform");
        holm_error_hint(error, "platforms are written like linux/amd64 or linux/arm64/v8");
        return -1;
    }
    const char *architecture = count == 1 || short_form ? parts[0] : parts[1];
    out->os = strdup("linux");
    out->architecture = strdup(normal_architecture(architecture));
    out->variant = strdup(count == 3 ? parts[2] : short_form ? parts[1] : "");
    return 0;
}

void manifest_platform_finish(manifest_platform *self) {
    free(self->os);
    free(self->architecture);
    free(self->variant);
    *self = (manifest_platform){0};
}

char *manifest_platform_text(const manifest_platform *self) {
    bool variant = self->variant && self->variant[0];
    return path_format("%s/%s%s%s", self->os && self->os[0] ? self->os : "unknown",
                       self->architecture && self->architecture[0] ? self->architecture : "unknown",
                       variant ? "/" : "", variant ? self->variant : "");
}

// The variant every machine of that architecture has: naming it or not is the same.
static const char *base_variant(const char *architecture) {
    if (strcmp(architecture, "arm64") == 0)
        return "v8";
    return strcmp(architecture, "amd64") == 0 ? "v1" : "";
}

// 0: not what was asked for; higher is better.
static int match(const manifest_platform *wanted, const manifest_platform *have) {
    if (!have->os || !have->architecture || strcmp(have->architecture, wanted->architecture) != 0 ||
        strcmp(have->os, wanted->os) != 0)
        return 0;
    const char *base = base_variant(wanted->architecture);
    const char *asked = wanted->variant[0] ? wanted->variant : base;
    const char *offered = have->variant && have->variant[0] ? have->variant : base;
    if (strcmp(asked, offered) == 0)
        return 2;
    // 32-bit ARM has no base variant: without one asked for, any is better than none.
    return !base[0] && !wanted->variant[0] ? 1 : 0;
}

bool manifest_platform_matches(const manifest_platform *wanted, const manifest_platform *have) {
    return match(wanted, have) > 0;
}

static char *list_platforms(const manifest *index) {
    cleanup_buffer buffer text = BUFFER_INIT;
    size_t shown = 0;
    for (size_t i = 0; i < index->entry_count && shown < 12; i++) {
        const manifest_index_entry *entry = &index->entries[i];
        if (!entry->platform.os || entry->attestation)
            continue;
        cleanup_free char *name = manifest_platform_text(&entry->platform);
        buffer_append_format(&text, "%s%s", shown++ ? ", " : "", name);
    }
    if (shown == 0)
        buffer_append_text(&text, "none");
    return buffer_steal_text(&text);
}

const manifest_index_entry *manifest_index_choose(const manifest *index, const manifest_platform *wanted,
                                                  holm_error **error) {
    const manifest_index_entry *best = NULL;
    int best_match = 0;
    for (size_t i = 0; i < index->entry_count; i++) {
        const manifest_index_entry *entry = &index->entries[i];
        int quality = entry->attestation ? 0 : match(wanted, &entry->platform);
        if (quality > best_match) {
            best = entry;
            best_match = quality;
        }
    }
    // An index of one that names no platform: the configuration says what it is.
    if (!best && index->entry_count == 1 && !index->entries[0].platform.os)
        best = &index->entries[0];
    if (best)
        return best;
    cleanup_free char *asked = manifest_platform_text(wanted);
    cleanup_free char *there = list_platforms(index);
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no image for %s (there are: %s)", asked, there);
    holm_error_hint(error, "choose one with --platform");
    return NULL;
}

// ---- of several images of one name ----

bool manifest_document_matches(const json_t *document, const manifest_platform *wanted) {
    const char *text =
        json_string_value(json_object_get(json_object_get(document, "configuration"), "platform"));
    cleanup_manifest_platform manifest_platform have = {0};
    return text && manifest_platform_parse(text, &have, NULL) == 0 &&
           manifest_platform_matches(wanted, &have);
}

const json_t *manifest_document_choose(const json_t *images, const char *platform, const char *name,
                                       holm_error **error) {
    cleanup_manifest_platform manifest_platform wanted = {0};
    size_t index;
    json_t *image;
    if (manifest_platform_parse(platform, &wanted, error) < 0)
        return NULL;
    json_array_foreach (images, index, image)
        if (manifest_document_matches(image, &wanted))
            return image;
    if (!platform || !*platform)
        return json_array_get(images, 0);
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "%s is not here for %s", name, platform);
    holm_error_hint(error, "holm pull --platform %s %s brings it", platform, name);
    return NULL;
}
