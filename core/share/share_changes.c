#include "core/share/share_changes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "guest/agent.pb-c.h"

#define LOOK_BACK    64 // changes, for one that can be put together with the next
#define PACKET_MOST  512
#define PACKET_BYTES 49152

struct share_change {
    share_change *next, *before;
    share_folder *folder;
    uint32_t mask, cookie;
    char name[];
};

typedef Holm__Agent__V1__Change change_message;

static bool is_inode(uint32_t mask) {
    return mask && (mask & ~(SHARE_INODE_EVENTS | IN_ISDIR)) == 0;
}

// Not over a mark, nor over a change of the name.
static bool join(const share_changes *self, const share_folder *folder, const char *name, uint32_t mask) {
    share_change *at = self->last;
    if (!is_inode(mask))
        return false;
    for (unsigned i = 0; at && at->mask && i < LOOK_BACK; i++, at = at->before)
        if (at->folder == folder && strcmp(at->name, name) == 0) {
            if (!is_inode(at->mask))
                return false;
            at->mask |= mask;
            return true;
        }
    return false;
}

void share_changes_add(share_changes *self, share_folder *folder, const char *name, uint32_t mask,
                       uint32_t cookie) {
    size_t size = strlen(name) + 1;
    if (join(self, folder, name, mask))
        return;
    share_change *made = malloc(sizeof *made + size);
    if (!made)
        abort();
    *made = (share_change){.before = self->last, .folder = folder, .mask = mask, .cookie = cookie};
    memcpy(made->name, name, size);
    if (self->last)
        self->last->next = made;
    else
        self->first = made;
    self->last = made;
    self->count++;
    folder->queued++;
}

static void drop(share_changes *self, share_change *change) {
    if (change->before)
        change->before->next = change->next;
    else
        self->first = change->next;
    if (change->next)
        change->next->before = change->before;
    else
        self->last = change->before;
    self->count--;
    change->folder->queued--;
    free(change);
}

void share_changes_forget(share_changes *self, share_folder *folder) {
    for (share_change *at = self->first, *next; at && folder->queued; at = next) {
        next = at->next;
        if (at->folder == folder)
            drop(self, at);
    }
}

void share_changes_clear(share_changes *self) {
    while (self->first)
        drop(self, self->first);
}

// The bytes of its folder are those of the one before where it is the same.
static bool describe(const share_change *change, const share_change *before, change_message *out,
                     const change_message *last) {
    char path[PATH_MAX];
    holm__agent__v1__change__init(out);
    out->mask = change->mask;
    out->cookie = change->cookie;
    out->name = (ProtobufCBinaryData){strlen(change->name), (uint8_t *)change->name};
    if (before && before->folder == change->folder) {
        out->folder = last->folder;
        return true;
    }
    if (!share_folder_path(change->folder, path, sizeof path))
        return false;
    out->folder = (ProtobufCBinaryData){strlen(path), (uint8_t *)strdup(path)};
    return out->folder.data;
}

static int send_packet(const Holm__Agent__V1__SeenChanges *message, int socket) {
    size_t size = holm__agent__v1__seen_changes__get_packed_size(message);
    if (size == 0)
        return 0;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        abort();
    holm__agent__v1__seen_changes__pack(message, bytes);
    ssize_t sent;
    do
        sent = send(socket, bytes, size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    free(bytes);
    return sent == (ssize_t)size ? 1 : -1;
}

int share_changes_send(share_changes *self, const share_news *news, int socket) {
    Holm__Agent__V1__SeenChanges message = HOLM__AGENT__V1__SEEN_CHANGES__INIT;
    change_message changes[PACKET_MOST], *list[PACKET_MOST];
    const share_change *before = NULL;
    share_change *at = self->first;
    size_t bytes = 0, taken = 0;
    message.no_instance = news->no_instance;
    message.ready = news->ready;
    message.unwatched = news->unwatched;
    message.changes = list;
    for (; at && message.n_changes < PACKET_MOST && bytes < PACKET_BYTES; at = at->next, taken++) {
        size_t n = message.n_changes;
        if (at->mask == 0) {
            message.marked = true;
            taken++;
            break;
        }
        if (!describe(at, before, &changes[n], n ? &changes[n - 1] : NULL))
            continue;
        list[n] = &changes[n];
        bytes += changes[n].folder.len + changes[n].name.len;
        before = at;
        message.n_changes++;
    }
    int sent = send_packet(&message, socket);
    for (size_t i = message.n_changes; i-- > 0;)
        if (i == 0 || changes[i].folder.data != changes[i - 1].folder.data)
            free(changes[i].folder.data);
    for (; taken > 0; taken--)
        drop(self, self->first);
    return sent;
}
