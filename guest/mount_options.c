#include <linux/mount.h>
#include <string.h>

#include "guest/mount.h"

// From linux/mount.h's older half, which cannot be included beside sys/mount.h everywhere.
enum { UNBINDABLE = 1 << 17, PRIVATE = 1 << 18, SLAVE = 1 << 19, SHARED = 1 << 20 };

typedef struct named_option {
    const char *name;
    uint64_t set;
    uint64_t clear;
} named_option;

static const named_option attributes[] = {
    {"defaults", 0, 0},
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"readonly", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
};

static const struct {
    const char *name;
    uint64_t propagation;
} propagations[] = {{"shared", SHARED}, {"private", PRIVATE}, {"slave", SLAVE}, {"unbindable", UNBINDABLE}};

static bool take_attribute(const char *text, mount_options *options) {
    for (size_t i = 0; i < array_length(attributes); i++) {
        if (strcmp(attributes[i].name, text) != 0)
            continue;
        options->set = (options->set & ~attributes[i].clear) | attributes[i].set;
        options->clear = (options->clear & ~attributes[i].set) | attributes[i].clear;
        return true;
    }
    return false;
}

static bool take_propagation(const char *text, mount_options *options) {
    bool recursive = *text == 'r';
    for (size_t i = 0; i < array_length(propagations); i++) {
        if (strcmp(propagations[i].name, text + recursive) != 0)
            continue;
        options->propagation = propagations[i].propagation;
        options->propagation_recursive = recursive;
        return true;
    }
    return false;
}

static bool take_bind(const char *text, mount_options *options) {
    if (strcmp(text, "bind") != 0 && strcmp(text, "rbind") != 0)
        return false;
    options->bind = true;
    options->recursive = *text == 'r';
    return true;
}

int mount_options_parse(char *const *texts, size_t count, mount_options *options, holm_error **error) {
    *options = (mount_options){0};
    if (count > MOUNT_OPTIONS_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d mount options", MOUNT_OPTIONS_MAX);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[i];
        if (!*text || strlen(text) > MOUNT_OPTION_SIZE || strchr(text, ',')) {
            holm_error_set(error, HOLM_ERROR_INVALID, "\"%.40s\" is not a mount option", text);
            return -1;
        }
        if (take_attribute(text, options) || take_propagation(text, options) || take_bind(text, options))
            continue;
        if (options->data_count == MOUNT_DATA_MAX) {
            holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d options for a file system", MOUNT_DATA_MAX);
            return -1;
        }
        options->data[options->data_count++] = text;
    }
    return 0;
}
