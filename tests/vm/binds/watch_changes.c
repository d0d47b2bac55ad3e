// watch_changes PATH…: tells the inotify events of these, a line each, with what is to be found there at that
// moment. Runs in the container, where there may be no other program for this.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS \
    (IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF)

static const struct {
    unsigned bit;
    const char *name;
} names[] = {{IN_CREATE, "create"},      {IN_DELETE, "delete"},    {IN_MOVED_FROM, "from"},
             {IN_MOVED_TO, "to"},        {IN_MODIFY, "modify"},    {IN_ATTRIB, "attrib"},
             {IN_CLOSE_WRITE, "close"},  {IN_DELETE_SELF, "gone"}, {IN_MOVE_SELF, "moved"},
             {IN_Q_OVERFLOW, "overflow"}};

static void tell_content(const char *path) {
    char text[64];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got >= 0) {
        text[got] = 0;
        text[strcspn(text, "\n")] = 0;
        printf(" '%s'", text);
    } else {
        printf(" %s", errno == ENOENT ? "none" : errno == EISDIR ? "folder" : strerror(errno));
    }
    if (fd >= 0)
        close(fd);
}

static void tell(const struct inotify_event *event, const char *watched) {
    char path[2 * PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(event->mask & names[i].bit))
            continue;
        snprintf(path, sizeof path, "%s%s%s", watched, event->len ? "/" : "", event->len ? event->name : "");
        printf("%s %s", names[i].name, path);
        if (event->mask & (IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE))
            tell_content(path);
        putchar('\n');
    }
}

int main(int count, char **paths) {
    int fd = inotify_init();
    _Alignas(struct inotify_event) char space[65536];
    for (int i = 1; i < count; i++)
        if (inotify_add_watch(fd, paths[i], EVENTS) != i) {
            perror(paths[i]);
            return 1;
        }
    printf("ready\n");
    for (ssize_t got; fflush(stdout) == 0 && (got = read(fd, space, sizeof space)) > 0;)
        for (const char *at = space; at < space + got;) {
            const struct inotify_event *event = (const void *)at;
            if (event->wd > 0 && event->wd < count)
                tell(event, paths[event->wd]);
            at += sizeof *event + event->len;
        }
    return 0;
}
