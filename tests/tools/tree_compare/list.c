// tree_list [--alone] FOLDER: a line for each file of a folder, as tree_compare --list prints them.
//
// --alone is for the root of a container, from inside (with all rights): the file system by itself, without
// what is mounted in it, so that what lies below /proc and /dev is seen too.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tree.h"

int main(int argc, char **argv) {
    bool alone = argc == 3 && strcmp(argv[1], "--alone") == 0;
    tree files = {0};
    if (argc < 2 || argc > 3 || (argc == 3 && !alone))
        tree_fail("usage: tree_list [--alone] FOLDER");
    if (alone) {
        int copy = (int)syscall(SYS_open_tree, AT_FDCWD, argv[2], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (copy < 0 || fchdir(copy) < 0)
            tree_fail("a second view of %s: %s", argv[2], strerror(errno));
    } else if (chdir(argv[1]) < 0) {
        tree_fail("enter %s: %s", argv[1], strerror(errno));
    }
    tree_read_folder(&files, ".");
    tree_print(&files);
    tree_finish(&files);
    return fflush(stdout) ? 2 : 0;
}
