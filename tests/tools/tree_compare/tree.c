#include "tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tree_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("tree_compare: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

static void *grow(void *array, size_t count, size_t size) {
    void *grown = reallocarray(array, count, size);
    if (!grown)
        tree_fail("no memory");
    return grown;
}

tree_file *tree_add(tree *self, char *path) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? self->capacity * 2 : 256;
        self->files = grow(self->files, self->capacity, sizeof *self->files);
    }
    tree_file *file = &self->files[self->count++];
    *file = (tree_file){.path = path};
    if (!path)
        tree_fail("no memory");
    return file;
}

static int xattr_compare(const void *left, const void *right) {
    return strcmp(((const tree_xattr *)left)->name, ((const tree_xattr *)right)->name);
}

void tree_add_xattr(tree_file *file, const char *name, const void *value, size_t length) {
    if (strncmp(name, "trusted.overlay.", 16) == 0)
        return;
    file->xattrs = grow(file->xattrs, file->xattr_count + 1, sizeof *file->xattrs);
    tree_xattr *xattr = &file->xattrs[file->xattr_count++];
    *xattr = (tree_xattr){.name = strdup(name), .value = grow(NULL, length + 1, 1), .length = length};
    if (length)
        memcpy(xattr->value, value, length);
    qsort(file->xattrs, file->xattr_count, sizeof *file->xattrs, xattr_compare);
}

/// The slash counts less than every other byte, so that what is in a folder follows it at once.
static int path_compare(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    int left = *a == '/' ? 1 : *a ? (uint8_t)*a + 1 : 0, right = *b == '/' ? 1 : *b ? (uint8_t)*b + 1 : 0;
    return left - right;
}

int tree_file_order(const void *left, const void *right) {
    return path_compare(((const tree_file *)left)->path, ((const tree_file *)right)->path);
}

void tree_sort(tree *self) {
    qsort(self->files, self->count, sizeof *self->files, tree_file_order);
}

void tree_file_finish(tree_file *file) {
    for (size_t i = 0; i < file->xattr_count; i++) {
        free(file->xattrs[i].name);
        free(file->xattrs[i].value);
    }
    free(file->xattrs);
    free(file->target);
    free(file->path);
}

void tree_finish(tree *self) {
    for (size_t i = 0; i < self->count; i++)
        tree_file_finish(&self->files[i]);
    free(self->files);
    *self = (tree){0};
}

// ---- names of one file ----

typedef struct tree_name {
    uint64_t identity[2];
    size_t file;
} tree_name;

static int name_compare(const void *left, const void *right) {
    const tree_name *a = left, *b = right;
    for (size_t i = 0; i < 2; i++)
        if (a->identity[i] != b->identity[i])
            return a->identity[i] < b->identity[i] ? -1 : 1;
    return a->file < b->file ? -1 : a->file > b->file;
}

/// For each file the first one with the same identity. The caller frees it.
static size_t *names_join(const tree *self) {
    tree_name *names = grow(NULL, self->count + 1, sizeof *names);
    size_t *first = grow(NULL, self->count + 1, sizeof *first);
    for (size_t i = 0; i < self->count; i++)
        names[i] =
            (tree_name){.identity = {self->files[i].identity[0], self->files[i].identity[1]}, .file = i};
    qsort(names, self->count, sizeof *names, name_compare);
    for (size_t i = 0; i < self->count; i++) {
        bool same = i && names[i].identity[0] == names[i - 1].identity[0] &&
                    names[i].identity[1] == names[i - 1].identity[1];
        first[names[i].file] = same ? first[names[i - 1].file] : names[i].file;
    }
    free(names);
    return first;
}

// ---- lists ----

static void print_escaped(const void *bytes, size_t length) {
    for (const uint8_t *at = bytes; at < (const uint8_t *)bytes + length; at++)
        printf(*at <= ' ' || *at > '~' || *at == '\\' ? "\\x%02x" : "%c", *at);
}

void tree_print(const tree *self) {
    size_t *first = names_join(self);
    for (size_t i = 0; i < self->count; i++) {
        const tree_file *file = &self->files[i];
        putchar('/');
        print_escaped(file->path, strlen(file->path));
        printf(" %06o %u:%u %lld.%09ld", file->mode, file->owner, file->group,
               (long long)file->modified.tv_sec, file->modified.tv_nsec);
        if (S_ISREG(file->mode)) {
            printf(" size=%llu digest=", (unsigned long long)file->size);
            for (size_t x = 0; x < sizeof file->digest; x++)
                printf("%02x", file->digest[x]);
        }
        if (S_ISCHR(file->mode) || S_ISBLK(file->mode))
            printf(" device=%u:%u", file->device_major, file->device_minor);
        if (file->target) {
            printf(" target=");
            print_escaped(file->target, strlen(file->target));
        }
        if (first[i] != i) {
            printf(" same=/");
            print_escaped(self->files[first[i]].path, strlen(self->files[first[i]].path));
        }
        if (file->links > 1)
            printf(" links=%u", file->links);
        for (size_t x = 0; x < file->xattr_count; x++) {
            printf(" %s=", file->xattrs[x].name);
            print_escaped(file->xattrs[x].value, file->xattrs[x].length);
        }
        puts(file->opaque ? " opaque" : "");
    }
    free(first);
}

// ---- differences ----

static size_t differ(const tree_file *file, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static size_t differ(const tree_file *file, const char *what, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("/%s: %s: ", file->path, what);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    return 1;
}

static size_t compare_xattrs(const tree_file *a, const tree_file *b) {
    size_t i = 0, j = 0, count = 0;
    while (i < a->xattr_count || j < b->xattr_count) {
        const tree_xattr *left = i < a->xattr_count ? &a->xattrs[i] : NULL;
        const tree_xattr *right = j < b->xattr_count ? &b->xattrs[j] : NULL;
        int order = !left ? 1 : !right ? -1 : strcmp(left->name, right->name);
        i += order <= 0;
        j += order >= 0;
        if (order)
            count += differ(a, "xattr", "%s only %s", order < 0 ? left->name : right->name,
                            order < 0 ? "left" : "right");
        else if (left->length != right->length || memcmp(left->value, right->value, left->length))
            count += differ(a, "xattr", "%s has another value", left->name);
    }
    return count;
}

static size_t compare_attributes(const tree_file *a, const tree_file *b, const tree_ignore *ignore) {
    size_t count = 0;
    if ((a->mode ^ b->mode) & 07777)
        count += differ(a, "mode", "%04o, %04o", a->mode & 07777, b->mode & 07777);
    if (!ignore->owners && (a->owner != b->owner || a->group != b->group))
        count += differ(a, "owner", "%u:%u, %u:%u", a->owner, a->group, b->owner, b->group);
    if (!ignore->times &&
        (a->modified.tv_sec != b->modified.tv_sec || a->modified.tv_nsec != b->modified.tv_nsec))
        count += differ(a, "time", "%lld.%09ld, %lld.%09ld", (long long)a->modified.tv_sec,
                        a->modified.tv_nsec, (long long)b->modified.tv_sec, b->modified.tv_nsec);
    return count + (ignore->xattrs ? 0 : compare_xattrs(a, b));
}

static size_t compare_content(const tree_file *a, const tree_file *b) {
    if (S_ISLNK(a->mode))
        return strcmp(a->target, b->target) ? differ(a, "target", "%s, %s", a->target, b->target) : 0;
    if ((S_ISCHR(a->mode) || S_ISBLK(a->mode)) &&
        (a->device_major != b->device_major || a->device_minor != b->device_minor))
        return differ(a, "device", "%u:%u, %u:%u", a->device_major, a->device_minor, b->device_major,
                      b->device_minor);
    if (!S_ISREG(a->mode))
        return 0;
    if (a->size != b->size)
        return differ(a, "size", "%llu, %llu", (unsigned long long)a->size, (unsigned long long)b->size);
    return memcmp(a->digest, b->digest, sizeof a->digest) ? differ(a, "content", "not the same") : 0;
}

static size_t compare_file(const tree_file *a, const tree_file *b, const tree_ignore *ignore) {
    if ((a->mode ^ b->mode) & S_IFMT)
        return differ(a, "type", "%06o, %06o", a->mode & S_IFMT, b->mode & S_IFMT);
    return compare_attributes(a, b, ignore) + compare_content(a, b);
}

size_t tree_print_differences(const tree *left, const tree *right, const tree_ignore *ignore) {
    size_t *left_first = names_join(left), *right_first = names_join(right);
    size_t i = 0, j = 0, count = 0;
    while (i < left->count || j < right->count) {
        const tree_file *a = i < left->count ? &left->files[i] : NULL;
        const tree_file *b = j < right->count ? &right->files[j] : NULL;
        int order = !a ? 1 : !b ? -1 : path_compare(a->path, b->path);
        if (order) {
            count += differ(order < 0 ? a : b, "name", "only %s", order < 0 ? "left" : "right");
        } else {
            const char *x = left->files[left_first[i]].path, *y = right->files[right_first[j]].path;
            count += compare_file(a, b, ignore);
            if (!S_ISDIR(a->mode) && strcmp(x, y))
                count += differ(a, "link", "the same file as /%s, /%s", x, y);
        }
        i += order <= 0;
        j += order >= 0;
    }
    free(left_first);
    free(right_first);
    return count;
}
