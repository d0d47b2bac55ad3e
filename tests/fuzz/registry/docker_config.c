// Docker's config.json and what credential helpers write: nothing gets out that could end a header.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text) {
    for (; text && *text; text++)
        if ((unsigned char)*text < ' ')
            abort();
}

static void check_all(credentials *found) {
    check(found->username);
    check(found->password);
    check(found->identity_token);
    credentials_finish(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    credentials found = {0};
    cleanup_free char *helper = NULL;
    if (credentials_parse((const char *)data, size, "docker.io", "library/debian", &found, &helper, NULL) <
            0 &&
        (found.username || helper))
        abort();
    if (helper && strchr(helper, '/'))
        abort();
    check_all(&found);
    if (credentials_parse_helper((const char *)data, size, &found, NULL) < 0 && found.username)
        abort();
    check_all(&found);
    json_t *list = credentials_parse_list((const char *)data, size, NULL);
    const char *server;
    json_t *username;
    json_object_foreach (list, server, username) {
        check(server);
        check(json_string_value(username));
    }
    if (json_object_size(list) > CREDENTIALS_LIST_MAX)
        abort();
    json_decref(list);
    return 0;
}
