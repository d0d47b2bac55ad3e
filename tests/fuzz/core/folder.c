// What a container answers when it is asked for a folder (first byte even) or a file of it, as it comes over
// the wire: whatever it is, what is made of it keeps its bounds and is safe for a screen.
#include <stdlib.h>
#include <string.h>

#include "core/holm_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(json_t *entry) {
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *kind = json_string_value(json_object_get(entry, "kind"));
    const char *hex = json_string_value(json_object_get(entry, "nameHex"));
    if (!name || !kind || !*name || strchr(name, '/') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        abort();
    if (hex ? strlen(hex) > 510 : strlen(name) > 255)
        abort();
}

static void list_folder(const uint8_t *data, size_t size) {
    Holm__Agent__V1__FolderResponse *answer = holm__agent__v1__folder_response__unpack(NULL, size, data);
    if (!answer)
        return;
    json_t *out = holm_folder_document(answer), *entry;
    size_t i, count = json_array_size(json_object_get(out, "entries"));
    if (!out || count > HOLM_FOLDER_ENTRIES_MOST || count > answer->n_entries ||
        (size_t)json_integer_value(json_object_get(out, "leftOut")) < answer->n_entries - count)
        abort();
    json_array_foreach (json_object_get(out, "entries"), i, entry)
        check_entry(entry);
    json_decref(out);
    holm__agent__v1__folder_response__free_unpacked(answer, NULL);
}

static void read_file(const uint8_t *data, size_t size) {
    Holm__Agent__V1__FileResponse *answer = holm__agent__v1__file_response__unpack(NULL, size, data);
    if (!answer)
        return;
    json_t *out = holm_file_document(answer);
    const char *text = json_string_value(json_object_get(out, "text"));
    if (!text)
        abort();
    for (const char *at = text; *at; at++)
        if ((uint8_t)*at < 0x20 && *at != '\n')
            abort();
    json_decref(out);
    holm__agent__v1__file_response__free_unpacked(answer, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        list_folder(data + 1, size - 1);
    else
        read_file(data + 1, size - 1);
    return 0;
}
