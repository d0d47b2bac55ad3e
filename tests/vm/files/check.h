// What a program may expect of a file system, asked of one folder: each check says what is not so, and the
// next one goes on.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PATH_SIZE 1024

/// Counts and tells what is not so, with errno.
void check_that(bool is_so, const char *what, const char *file, int line);
#define CHECK(is_so) check_that(is_so, #is_so, __FILE__, __LINE__)

/// The call must fail, with this errno.
#define CHECK_ERROR(call, number) check_error((errno = 0, (call) == -1), number, #call, __FILE__, __LINE__)
void check_error(bool failed, int number, const char *what, const char *file, int line);

/// A new file with this content.
void make_file(const char *path, const char *content);
/// Whether a file has this content, and no more.
bool has_content(const char *path, const char *content);
/// Runs it in a process of its own: whether it returned true.
bool in_child(bool (*run)(const void *data), const void *data);

// Each in a new folder that is the current one.
void check_rename(void);
void check_links(void);
void check_symbolic_links(void);
void check_unlinked(void);
void check_names(void);
void check_folders(void);
void check_special(void);
void check_modes(void);
void check_open(void);
void check_truncate(void);
void check_sparse(void);
void check_mapped(void);
void check_locks(void);
void check_attributes(void);
void check_times(void);
/// Another file system: rename and link to it, EXDEV.
void check_other(const char *elsewhere);
/// Many files in the current folder, with changes while they are listed.
void check_many(unsigned count);
/// A file system that is soon full.
void check_full(void);
