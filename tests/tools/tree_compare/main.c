// Compares two file trees: names, types, modes, owners, times to the nanosecond, extended attributes, which
// names are one file, sizes, contents, devices and targets of links. A tree is a folder, or ext4 images of
// layers.
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tree.h"

static const char usage[] = "usage: tree_compare [--without times|owners|xattrs]… LEFT RIGHT [LAYER…]\n"
                            "       tree_compare --list IMAGE\n"
                            "LEFT is a folder or an image; RIGHT too, and images above it may follow.\n"
                            "Exit status: 0 the same, 1 not the same, 2 trouble.\n";

static void ignore_parse(tree_ignore *ignore, const char *what) {
    if (strcmp(what, "times") == 0)
        ignore->times = true;
    else if (strcmp(what, "owners") == 0)
        ignore->owners = true;
    else if (strcmp(what, "xattrs") == 0)
        ignore->xattrs = true;
    else
        tree_fail("no such thing to leave out: %s", what);
}

static void read_tree(tree *self, char *const *paths, size_t count) {
    struct stat status;
    if (stat(paths[0], &status) < 0)
        tree_fail("there is no %s", paths[0]);
    if (S_ISDIR(status.st_mode) && count == 1)
        tree_read_folder(self, paths[0]);
    else
        tree_read_images(self, paths, count);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"without", required_argument, NULL, 'w'}, {"list", required_argument, NULL, 'l'}, {0}};
    tree_ignore ignore = {0};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'l') {
            tree image = {0};
            tree_read_image(&image, optarg, 0);
            tree_print(&image);
            tree_finish(&image);
            return 0;
        }
        if (option != 'w') {
            fputs(usage, stderr);
            return 2;
        }
        ignore_parse(&ignore, optarg);
    }
    if (argc - optind < 2) {
        fputs(usage, stderr);
        return 2;
    }
    tree left = {0}, right = {0};
    read_tree(&left, argv + optind, 1);
    read_tree(&right, argv + optind + 1, (size_t)(argc - optind - 1));
    size_t count = tree_print_differences(&left, &right, &ignore);
    tree_finish(&left);
    tree_finish(&right);
    return count ? 1 : 0;
}
