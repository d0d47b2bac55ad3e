// passwd and group of an image: the input is the user asked for, then passwd, then group, each up to a NUL.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_free char *text = malloc(size + 3);
    memcpy(text, data, size);
    memset(text + size, 0, 3);
    char *user = text, *passwd = user + strlen(user) + 1;
    if (passwd > text + size)
        passwd = text + size;
    char *group = passwd + strlen(passwd) + 1;
    account out;
    if (account_resolve(passwd, group > text + size ? "" : group, user, &user, 1, &out, NULL) == 0) {
        free(account_name(passwd, out.uid));
        free(account_group_name(passwd, out.gid));
        account_finish(&out);
    }
    return 0;
}
