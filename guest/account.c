#include "guest/account.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "guest/text.h"

#define FIELDS_MAX 7

typedef struct field {
    const char *text;
    size_t length;
} field;

// Splits one line at its colons; returns how many parts there are.
static size_t split_line(const char *line, size_t length, field *fields, size_t most) {
    size_t count = 0;
    const char *begin = line, *end = line + length;
    for (const char *at = line; count < most; at++) {
        if (at < end && *at != ':')
            continue;
        fields[count++] = (field){begin, (size_t)(at - begin)};
        if (at == end)
            break;
        begin = at + 1;
    }
    return count;
}

static bool field_is(field part, const char *text, size_t length) {
    return part.length == length && memcmp(part.text, text, length) == 0;
}

static bool field_number(field part, uint32_t *number) {
    char digits[16];
    uint64_t value;
    if (part.length == 0 || part.length >= sizeof digits)
        return false;
    memcpy(digits, part.text, part.length);
    digits[part.length] = 0;
    // the highest number means "leave it" to setuid(2) and its kin
    if (!text_to_u64(digits, &value) || value >= UINT32_MAX)
        return false;
    *number = (uint32_t)value;
    return true;
}

typedef struct passwd_entry {
    field name, home;
    uint32_t uid, gid;
} passwd_entry;

// The entry of that name, or without a name of that number.
static bool find_user(const char *passwd, const field *name, uint32_t uid, passwd_entry *entry) {
    const char *line;
    for (size_t length; (line = text_next(&passwd, '\n', &length));) {
        field parts[FIELDS_MAX];
        if (split_line(line, length, parts, FIELDS_MAX) < 6 || !field_number(parts[2], &entry->uid) ||
            !field_number(parts[3], &entry->gid))
            continue;
        if (name ? !field_is(parts[0], name->text, name->length) : entry->uid != uid)
            continue;
        entry->name = parts[0];
        entry->home = parts[5];
        return true;
    }
    return false;
}

static bool find_group(const char *group, field name, gid_t *gid) {
    const char *line;
    for (size_t length; (line = text_next(&group, '\n', &length));) {
        field parts[FIELDS_MAX];
        if (split_line(line, length, parts, FIELDS_MAX) >= 3 && field_is(parts[0], name.text, name.length) &&
            field_number(parts[2], gid))
            return true;
    }
    return false;
}

static int resolve_group(const char *group, field name, gid_t *gid, holm_error **error) {
    if (find_group(group, name, gid) || field_number(name, gid))
        return 0;
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no group %.*s in the image", (int)name.length,
                   name.text);
    return -1;
}

static int add_group(account *self, gid_t gid, holm_error **error) {
    for (size_t i = 0; i < self->group_count; i++)
        if (self->groups[i] == gid)
            return 0;
    if (self->group_count == ACCOUNT_GROUPS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d groups", ACCOUNT_GROUPS_MAX);
        return -1;
    }
    self->groups[self->group_count++] = gid;
    return 0;
}

static bool list_has(field members, field name) {
    const char *begin = members.text, *end = members.text + members.length;
    for (const char *at = begin; at <= end; at++) {
        if (at < end && *at != ',')
            continue;
        if (field_is((field){begin, (size_t)(at - begin)}, name.text, name.length))
            return true;
        begin = at + 1;
    }
    return false;
}

// Every group that has the name among its members.
static int add_memberships(account *self, const char *group, field name, holm_error **error) {
    const char *line;
    for (size_t length; (line = text_next(&group, '\n', &length));) {
        field parts[FIELDS_MAX];
        gid_t gid;
        if (split_line(line, length, parts, FIELDS_MAX) >= 4 && field_number(parts[2], &gid) &&
            list_has(parts[3], name) && add_group(self, gid, error) < 0)
            return -1;
    }
    return 0;
}

static int resolve_user(const char *passwd, field user, account *out, bool *known, holm_error **error) {
    passwd_entry entry;
    uint32_t number = 0;
    bool numeric = user.length == 0 || field_number(user, &number);
    *known = (user.length && find_user(passwd, &user, 0, &entry)) ||
             (numeric && find_user(passwd, NULL, number, &entry));
    if (!*known && !numeric) {
        holm_error_set(error, HOLM_ERROR_NOT_FOUND, "there is no user %.*s in the image", (int)user.length,
                       user.text);
        return -1;
    }
    out->uid = *known ? entry.uid : number;
    out->gid = *known ? entry.gid : 0;
    out->home = *known && entry.home.length ? strndup(entry.home.text, entry.home.length) : strdup("/");
    out->name = *known ? strndup(entry.name.text, entry.name.length) : strdup("");
    return 0;
}

int account_resolve(const char *passwd, const char *group, const char *user, char *const *additional,
                    size_t additional_count, account *out, holm_error **error) {
    *out = (account){0};
    const char *colon = strchr(user, ':');
    bool known;
    if (resolve_user(passwd, (field){user, colon ? (size_t)(colon - user) : strlen(user)}, out, &known,
                     error) < 0)
        return -1;
    if (colon && resolve_group(group, (field){colon + 1, strlen(colon + 1)}, &out->gid, error) < 0)
        goto failed;
    // the group itself among them: else dropping it would be a way around a rule that denies it
    // (CVE-2022-36109)
    if (add_group(out, out->gid, error) < 0)
        goto failed;
    if (!colon && known && add_memberships(out, group, (field){out->name, strlen(out->name)}, error) < 0)
        goto failed;
    for (size_t i = 0; i < additional_count; i++) {
        gid_t gid;
        if (resolve_group(group, (field){additional[i], strlen(additional[i])}, &gid, error) < 0 ||
            add_group(out, gid, error) < 0)
            goto failed;
    }
    return 0;
failed:
    account_finish(out);
    return -1;
}

void account_finish(account *self) {
    free(self->home);
    free(self->name);
    *self = (account){0};
}

char *account_name(const char *passwd, uid_t uid) {
    passwd_entry entry;
    return find_user(passwd, NULL, uid, &entry) ? strndup(entry.name.text, entry.name.length) : NULL;
}

char *account_group_name(const char *group, gid_t gid) {
    const char *line;
    for (size_t length; (line = text_next(&group, '\n', &length));) {
        field parts[FIELDS_MAX];
        uint32_t number;
        if (split_line(line, length, parts, FIELDS_MAX) >= 3 && field_number(parts[2], &number) &&
            number == gid)
            return strndup(parts[0].text, parts[0].length);
    }
    return NULL;
}
