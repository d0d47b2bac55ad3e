// Users and groups as the image's own passwd and group files name them (passwd(5), group(5)).
//
// The C library's getpwnam would load modules that a static program does not have, and would read the wrong
// files.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "core/base/error.h"

#define ACCOUNT_FILE_MAX   (4u << 20) ///< bytes of passwd or group
#define ACCOUNT_GROUPS_MAX 1024       ///< supplementary groups

typedef struct account {
    uid_t uid;
    gid_t gid;
    char *home; ///< owned; "/" where nothing is known
    char *name; ///< owned; "" where nothing is known
    gid_t groups[ACCOUNT_GROUPS_MAX];
    size_t group_count;
} account;

/// Resolves `user` ("", "name", "uid", "name:group", "uid:gid") by the texts of the two files ("" where there
/// is none). `additional` are names or numbers of groups. NOT_FOUND for a name that is not there; a number
/// needs no entry. The supplementary groups are the group
/// itself and, where none was given, those of the name (as with login(1)).
int account_resolve(const char *passwd, const char *group, const char *user, char *const *additional,
                    size_t additional_count, account *out, holm_error **error);
void account_finish(account *self);
/// The name of `uid`; NULL when it has none. The caller frees it.
char *account_name(const char *passwd, uid_t uid);
/// The name of the group `gid`; NULL when it has none. The caller frees it.
char *account_group_name(const char *group, gid_t gid);
