// Between the files that fill a disk from a tar.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <ext2fs/ext2fs.h>
#include <stdbool.h>

#include "core/image/disk_import.h"

enum {
    IMPORT_ENTRIES_MOST = 4000000,
    IMPORT_DEPTH_MOST = 512,
    IMPORT_LINKS_MOST = 65000, ///< ext4's own bound on the names of a file
    IMPORT_NAME_MOST = 255,
    IMPORT_PATH_MOST = 4096,
};

typedef struct disk_importer {
    ext2_filsys fs;
    struct archive *tar;
    struct archive_entry *entry;
    char folder[IMPORT_PATH_MOST + 1]; ///< of the entry before, as the tar has it
    ext2_ino_t folder_inode;           ///< 0: none
} disk_importer;

int import_fail(errcode_t code, const char *step, holm_error **error);
/// The last part of a path, in `name`, and the folder that it is in; with `make` missing folders are made. An
/// empty name is the root itself.
int import_place(disk_importer *self, const char *path, bool make, ext2_ino_t *folder,
                 char name[IMPORT_NAME_MOST + 1], holm_error **error);
/// What has this name in the folder; 0: nothing.
int import_find(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t *found,
                holm_error **error);
int import_link(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t inode, int type,
                holm_error **error);
int import_make_folder(disk_importer *self, ext2_ino_t parent, const char *name, ext2_ino_t *made,
                       holm_error **error);
/// Takes the name away, and the file where it was the last one. A folder is refused.
int import_remove(disk_importer *self, ext2_ino_t folder, const char *name, ext2_ino_t inode,
                  holm_error **error);
