// Extended attributes: in the inode while they fit, else in one block.
#include <errno.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/ext4_private.h"

enum {
    INDEX_USER = 1,
    INDEX_ACL_ACCESS = 2,
    INDEX_ACL_DEFAULT = 3,
    INDEX_TRUSTED = 4,
    INDEX_SECURITY = 6,
    NAME_MOST = 255,
    VALUE_MOST =
        EXT4_BLOCK_SIZE - sizeof(struct ext2_ext_attr_header) - sizeof(struct ext2_ext_attr_entry) - 4,
    ACL_XATTR_VERSION = 2, // acl(5) as xattr(7) carries it
    ACL_DISK_VERSION = 1,
    ACL_ENTRIES_MOST = 512,
};

static uint16_t get16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/// From the form of xattr(7), where every entry has an id, to that of the disk, where only named users and
/// groups have one. NULL when it is malformed.
static uint8_t *acl_encode(const uint8_t *value, size_t length, size_t *encoded) {
    enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };
    if (length < 4 || (length - 4) % 8 || (length - 4) / 8 > ACL_ENTRIES_MOST ||
        value[0] != ACL_XATTR_VERSION || value[1] || value[2] || value[3])
        return NULL;
    uint8_t *disk = malloc(length);
    if (!disk)
        return NULL;
    memcpy(disk, (const uint8_t[]){ACL_DISK_VERSION, 0, 0, 0}, 4);
    size_t at = 4;
    for (size_t from = 4; from < length; from += 8) {
        uint16_t tag = get16(value + from);
        size_t size;
        switch (tag) {
        case USER:
        case GROUP:
            size = 8;
            break;
        case USER_OBJ:
        case GROUP_OBJ:
        case MASK:
        case OTHER:
            size = 4;
            break;
        default:
            free(disk);
            return NULL;
        }
        memcpy(disk + at, value + from, size);
        at += size;
    }
    *encoded = at;
    return disk;
}

/// Splits a full name into its namespace and the rest. 0 when ext4 has no such namespace.
static uint8_t name_split(const char *name, const char **rest) {
    static const struct {
        const char *prefix;
        uint8_t index;
    } namespaces[] = {
        {XATTR_USER_PREFIX, INDEX_USER},
        {XATTR_TRUSTED_PREFIX, INDEX_TRUSTED},
        {XATTR_SECURITY_PREFIX, INDEX_SECURITY},
    };
    *rest = "";
    if (strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) == 0)
        return INDEX_ACL_ACCESS;
    if (strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT) == 0)
        return INDEX_ACL_DEFAULT;
    for (size_t i = 0; i < array_length(namespaces); i++) {
        size_t length = strlen(namespaces[i].prefix);
        if (strncmp(name, namespaces[i].prefix, length))
            continue;
        *rest = name + length;
        return **rest && strlen(*rest) <= NAME_MOST ? namespaces[i].index : 0;
    }
    return 0;
}

static void *copy_bytes(const void *value, size_t length) {
    void *copy = malloc(length ? length : 1);
    if (copy && length)
        memcpy(copy, value, length);
    return copy;
}

bool ext4_xattr_list_add(ext4_xattr_list *self, const char *name, const void *value, size_t length) {
    const char *rest;
    uint8_t index = name_split(name, &rest);
    if (!index || length > VALUE_MOST)
        return false;
    ext4_xattr xattr = {.index = index, .length = length};
    if (index == INDEX_ACL_ACCESS || index == INDEX_ACL_DEFAULT)
        xattr.value = acl_encode(value, length, &xattr.length);
    else
        xattr.value = copy_bytes(value, length);
    xattr.name = strdup(rest);
    ext4_xattr *place = NULL;
    for (size_t i = 0; xattr.name && i < self->count && !place; i++)
        if (self->items[i].index == index && strcmp(self->items[i].name, xattr.name) == 0)
            place = &self->items[i];
    if (place) {
        free(place->name);
        free(place->value);
    } else if (xattr.name && xattr.value) {
        ext4_xattr *grown = reallocarray(self->items, self->count + 1, sizeof *self->items);
        if (grown) {
            self->items = grown;
            place = &grown[self->count++];
        }
    }
    if (!place || !xattr.name || !xattr.value) {
        free(xattr.name);
        free(xattr.value);
        if (place) // it was there and its successor is refused
            *place = self->items[--self->count];
        return false;
    }
    *place = xattr;
    return true;
}

void ext4_xattr_list_finish(ext4_xattr_list *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].name);
        free(self->items[i].value);
    }
    free(self->items);
    *self = (ext4_xattr_list){0};
}

// ---- how they lie on the disk: entries from the front, values from the back, a zero word between ----

static size_t entry_size(const ext4_xattr *xattr) {
    return EXT2_EXT_ATTR_LEN(strlen(xattr->name));
}

static size_t value_size(const ext4_xattr *xattr) {
    return EXT2_EXT_ATTR_SIZE(xattr->length);
}

static void entry_encode(struct ext2_ext_attr_entry *entry, const ext4_xattr *xattr, uint8_t *value,
                         size_t value_offset) {
    *entry = (struct ext2_ext_attr_entry){
        .e_name_len = (uint8_t)strlen(xattr->name),
        .e_name_index = xattr->index,
        .e_value_offs = (uint16_t)(xattr->length ? value_offset : 0),
        .e_value_size = (uint32_t)xattr->length,
    };
    memcpy(EXT2_EXT_ATTR_NAME(entry), xattr->name, entry->e_name_len);
    memcpy(value, xattr->value, xattr->length);
}

bool ext4_xattr_put_inline(ext4_inode_body *body, const ext4_xattr *xattr, size_t spare) {
    uint8_t *region = body->bytes + EXT2_GOOD_OLD_INODE_SIZE + body->large.i_extra_isize;
    uint8_t *first = region + sizeof(uint32_t), *end = body->bytes + sizeof body->bytes;
    static const uint32_t magic = EXT2_EXT_ATTR_MAGIC;
    uint8_t *free_end = end;
    struct ext2_ext_attr_entry *entry = (struct ext2_ext_attr_entry *)first;
    while (!EXT2_EXT_IS_LAST_ENTRY(entry)) {
        if (entry->e_value_size && first + entry->e_value_offs < free_end)
            free_end = first + entry->e_value_offs;
        entry = EXT2_EXT_ATTR_NEXT(entry);
    }
    size_t room = (size_t)(free_end - (uint8_t *)entry);
    if (entry_size(xattr) + value_size(xattr) + sizeof(uint32_t) + spare > room)
        return false;
    memcpy(region, &magic, sizeof magic);
    uint8_t *value = free_end - value_size(xattr);
    entry_encode(entry, xattr, value, (size_t)(value - first));
    return true;
}

/// The order a block is searched in.
static int xattr_compare(const void *left, const void *right) {
    const ext4_xattr *a = *(const ext4_xattr *const *)left, *b = *(const ext4_xattr *const *)right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    size_t a_length = strlen(a->name), b_length = strlen(b->name);
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return memcmp(a->name, b->name, a_length);
}

bool ext4_xattr_encode_block(const ext4_xattr *const *xattrs, size_t count, uint8_t block[EXT4_BLOCK_SIZE]) {
    size_t size = sizeof(struct ext2_ext_attr_header) + sizeof(uint32_t);
    for (size_t i = 0; i < count; i++)
        size += entry_size(xattrs[i]) + value_size(xattrs[i]);
    if (size > EXT4_BLOCK_SIZE)
        return false;
    qsort((void *)xattrs, count, sizeof *xattrs, xattr_compare);
    memset(block, 0, EXT4_BLOCK_SIZE);
    struct ext2_ext_attr_header *header = (struct ext2_ext_attr_header *)block;
    *header = (struct ext2_ext_attr_header){.h_magic = EXT2_EXT_ATTR_MAGIC, .h_refcount = 1, .h_blocks = 1};
    struct ext2_ext_attr_entry *entry = (struct ext2_ext_attr_entry *)(header + 1), *last = entry;
    size_t end = EXT4_BLOCK_SIZE;
    for (size_t i = 0; i < count; i++) {
        end -= value_size(xattrs[i]);
        entry_encode(entry, xattrs[i], block + end, end);
        entry->e_hash = ext2fs_ext_attr_hash_entry(entry, block + end);
        last = entry;
        entry = EXT2_EXT_ATTR_NEXT(entry);
    }
    ext2fs_ext_attr_block_rehash(header, last);
    return true;
}
