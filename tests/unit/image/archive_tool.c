// Archives as a program, for tests that hold them against other tools:
//   archive_tool DATA load REFERENCE|- < archive        archive_tool DATA load-folder REFERENCE|- PATH
//   archive_tool DATA import REFERENCE|- CHANGE… < tar   archive_tool DATA save FORMAT REFERENCE… > archive
//   archive_tool DATA image REFERENCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/image/archive.h"
#include "core/store/state.h"

static const char *name_of(const char *argument) {
    return strcmp(argument, "-") ? argument : NULL;
}

static int print_image(const char *data, const char *reference, holm_error **error) {
    cleanup_state state *database = state_open(data, error);
    json_t *document = database ? state_image_get(database, reference, error) : NULL;
    if (!document)
        return -1;
    char *text = json_dumps(document, JSON_COMPACT);
    puts(text);
    free(text);
    json_decref(document);
    return 0;
}

static int run(int argc, char **argv, holm_error **error) {
    cleanup_blob_store blob_store *blobs = blob_store_open(argv[1], error);
    cleanup_archive_result archive_result result = {0};
    archive_options options = {.blobs = blobs, .data_directory = argv[1]};
    const char *const *rest = (const char *const *)argv + 4;
    int code = -1;
    if (!blobs)
        return -1;
    if (strcmp(argv[2], "image") == 0)
        return print_image(argv[1], argv[3], error);
    if (strcmp(argv[2], "save") == 0)
        return archive_save(
            &options, rest, (size_t)argc - 4,
            &(archive_save_options){.format = argv[3], .all_platforms = getenv("ALL_PLATFORMS")},
            STDOUT_FILENO, error);
    if (strcmp(argv[2], "load") == 0)
        code = archive_load(&options, STDIN_FILENO, name_of(argv[3]), &result, error);
    else if (strcmp(argv[2], "load-folder") == 0 && argc == 5)
        code = archive_load_folder(&options, argv[4], name_of(argv[3]), &result, error);
    else if (strcmp(argv[2], "import") == 0)
        code =
            archive_import(&options, STDIN_FILENO, name_of(argv[3]), rest, (size_t)argc - 4, &result, error);
    if (code == 0)
        printf("%s\n", result.digest);
    for (size_t i = 0; code == 0 && i < result.reference_count; i++)
        printf("%s\n", result.references[i]);
    return code;
}

int main(int argc, char **argv) {
    cleanup_error holm_error *error = NULL;
    if (argc < 4)
        return 2;
    if (run(argc, argv, &error) == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", error ? holm_error_code_name(holm_error_code_of(error)) : "usage",
            error ? holm_error_message(error) : "");
    return 1;
}
