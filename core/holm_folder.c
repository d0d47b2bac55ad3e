#include "core/holm_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/text.h"
#include "core/holm_helper.h"

#define TAB_COLUMNS 8

typedef Holm__Agent__V1__FolderEntry folder_entry;

static const char *kind_of(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "folder";
    case S_IFREG:
        return "file";
    case S_IFLNK:
        return "link";
    case S_IFIFO:
        return "pipe";
    case S_IFSOCK:
        return "socket";
    case S_IFCHR:
    case S_IFBLK:
        return "device";
    default:
        return NULL;
    }
}

// ---- the answer ----

static bool is_name(const ProtobufCBinaryData *name) {
    return name->len > 0 && name->len <= NAME_MAX && !memchr(name->data, '/', name->len) &&
           !memchr(name->data, 0, name->len) && !(name->len == 1 && name->data[0] == '.') &&
           !(name->len == 2 && memcmp(name->data, "..", 2) == 0);
}

static bool is_good(const folder_entry *entry) {
    return is_name(&entry->name) && kind_of(entry->mode) && entry->target.len < PATH_MAX &&
           (!entry->target.len || !memchr(entry->target.data, 0, entry->target.len));
}

// Bytes as text: what is no UTF-8 is escaped.
static json_t *bytes_text(const ProtobufCBinaryData *bytes) {
    json_t *text = json_stringn((const char *)bytes->data, bytes->len);
    if (text)
        return text;
    cleanup_free char *safe = text_escape((const char *)bytes->data, bytes->len);
    return json_string(safe);
}

static json_t *hex_text(const ProtobufCBinaryData *bytes) {
    cleanup_buffer buffer out = BUFFER_INIT;
    for (size_t i = 0; i < bytes->len; i++)
        buffer_append_format(&out, "%02x", bytes->data[i]);
    return json_string(buffer_text(&out));
}

static json_t *owner_text(const char *name) {
    json_t *text = json_string(name);
    return text ? text : json_string("");
}

static json_t *entry_document(const folder_entry *entry) {
    json_t *out = json_pack("{s:o, s:s, s:i, s:I, s:I, s:o, s:o, s:I, s:I}", "name", bytes_text(&entry->name),
                            "kind", kind_of(entry->mode), "mode", (int)(entry->mode & 07777), "uid",
                            (json_int_t)entry->uid, "gid", (json_int_t)entry->gid, "user",
                            owner_text(entry->user), "group", owner_text(entry->group), "sizeBytes",
                            (json_int_t)entry->size, "modifiedUnixNs", (json_int_t)entry->mtime_ns);
    json_t *plain = json_stringn((const char *)entry->name.data, entry->name.len);
    if (!plain)
        json_object_set_new(out, "nameHex", hex_text(&entry->name));
    json_decref(plain);
    if (!S_ISLNK(entry->mode))
        return out;
    const char *leads = kind_of(entry->target_mode);
    json_object_set_new(out, "target", bytes_text(&entry->target));
    if (leads)
        json_object_set_new(out, "leadsTo", json_string(leads));
    return out;
}

// Links to folders are among the folders.
static bool is_folder(const folder_entry *entry) {
    return S_ISDIR(entry->mode) || (S_ISLNK(entry->mode) && S_ISDIR(entry->target_mode));
}

static int compare(const void *left, const void *right) {
    const folder_entry *a = *(const folder_entry *const *)left, *b = *(const folder_entry *const *)right;
    if (is_folder(a) != is_folder(b))
        return is_folder(b) - is_folder(a);
    size_t shorter = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = memcmp(a->name.data, b->name.data, shorter);
    return order ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

json_t *holm_folder_document(const Holm__Agent__V1__FolderResponse *answer) {
    size_t most = answer->n_entries < HOLM_FOLDER_ENTRIES_MOST ? answer->n_entries : HOLM_FOLDER_ENTRIES_MOST;
    cleanup_free const folder_entry **good = calloc(most + 1, sizeof(*good));
    size_t count = 0;
    if (!good)
        abort();
    for (size_t i = 0; i < most; i++)
        if (is_good(answer->entries[i]))
            good[count++] = answer->entries[i];
    qsort(good, count, sizeof(*good), compare);
    json_t *entries = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(entries, entry_document(good[i]));
    uint64_t left_out = answer->left_out < INT32_MAX ? answer->left_out : INT32_MAX;
    left_out += answer->n_entries - count;
    return json_pack("{s:o, s:I, s:b}", "entries", entries, "leftOut", (json_int_t)left_out, "more",
                     (int)answer->more);
}

// ---- text of a file ----

static size_t columns_of(const char *text, size_t length) {
    size_t columns = 0;
    for (size_t i = 0; i < length; i++)
        columns += ((uint8_t)text[i] & 0xc0) != 0x80;
    return columns;
}

static void append_line(buffer *out, const char *line, size_t length) {
    size_t begin = out->length;
    if (length && line[length - 1] == '\r')
        length--;
    for (size_t at = 0; at <= length;) {
        const char *tab = memchr(line + at, '\t', length - at);
        size_t part = (tab ? (size_t)(tab - line) : length) - at;
        cleanup_free char *safe = text_escape(line + at, part);
        buffer_append_text(out, safe);
        at += part + 1;
        if (!tab)
            break;
        size_t column = columns_of((const char *)out->data + begin, out->length - begin);
        buffer_append(out, "        ", TAB_COLUMNS - column % TAB_COLUMNS);
    }
    buffer_append(out, "\n", 1);
}

json_t *holm_file_document(const Holm__Agent__V1__FileResponse *answer) {
    cleanup_buffer buffer out = BUFFER_INIT;
    const char *text = (const char *)answer->content.data;
    size_t length = answer->content.len < HOLM_FILE_MOST ? answer->content.len : HOLM_FILE_MOST;
    bool binary = length && memchr(text, 0, length);
    for (size_t at = 0; !binary && at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t part = (end ? (size_t)(end - text) : length) - at;
        append_line(&out, text + at, part);
        at += part + 1;
    }
    uint64_t size = answer->size < length ? length : answer->size < INT64_MAX ? answer->size : INT64_MAX;
    return json_pack("{s:s, s:b, s:I, s:I}", "text", buffer_text(&out), "binary", (int)binary, "sizeBytes",
                     (json_int_t)size, "shownBytes", (json_int_t)length);
}

static void take_folder(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_folder_document((const Holm__Agent__V1__FolderResponse *)answer);
    holm_request_finish(self);
}

static void take_file(holm_request *self, const ProtobufCMessage *answer) {
    self->result = holm_file_document((const Holm__Agent__V1__FileResponse *)answer);
    holm_request_finish(self);
}

// ---- at rest: holm-disk answers as the agent would ----

/// What it answers is what it made of a hostile disk.
static ProtobufCMessage *read_disk(holm_request *self, const char *mode,
                                   const ProtobufCMessageDescriptor *kind, holm_error **error) {
    cleanup(holm_helper_finish) holm_helper disk = HOLM_HELPER_INIT;
    cleanup_buffer buffer answer = BUFFER_INIT;
    cleanup_free char *path = path_format("L%s", self->text);
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe");
        return NULL;
    }
    cleanup_close int ours = pipes[0];
    int started = holm_disk_start(self, mode, path, pipes[1], &disk, error);
    close(pipes[1]);
    if (started < 0)
        return NULL;
    if (holm_helper_read(ours, RPC_MESSAGE_MAX, &answer) < 0)
        close(steal_fd(&ours)); // too much: it ends when nobody reads
    if (holm_helper_wait(&disk, error) < 0)
        return NULL;
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, NULL, answer.length, answer.data);
    if (!message)
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "what the container's disk says makes no sense");
    return message;
}

static int run_folder(holm_request *self, state *db, holm_error **error) {
    (void)db;
    ProtobufCMessage *answer = read_disk(self, "list", &holm__agent__v1__folder_response__descriptor, error);
    if (!answer)
        return -1;
    self->result = holm_folder_document((const Holm__Agent__V1__FolderResponse *)answer);
    protobuf_c_message_free_unpacked(answer, NULL);
    return 0;
}

static int run_file(holm_request *self, state *db, holm_error **error) {
    (void)db;
    ProtobufCMessage *answer = read_disk(self, "read", &holm__agent__v1__file_response__descriptor, error);
    if (!answer)
        return -1;
    self->result = holm_file_document((const Holm__Agent__V1__FileResponse *)answer);
    protobuf_c_message_free_unpacked(answer, NULL);
    return 0;
}

// ---- the requests ----

static ProtobufCBinaryData path_of(const holm_request *self) {
    return (ProtobufCBinaryData){.len = strlen(self->text), .data = (uint8_t *)self->text};
}

// Its end is written once its disk is clean; its shim may be there for a moment yet.
static bool runs(holm_request *self) {
    self->alive = self->alive && !container_document_at_rest(self->document);
    return self->alive;
}

static void ask_folder(holm_request *self) {
    Holm__Agent__V1__FolderRequest message = HOLM__AGENT__V1__FOLDER_REQUEST__INIT;
    message.path = path_of(self);
    if (runs(self))
        holm_request_call(self, "ListFolder", &message.base, take_folder, NULL);
    else
        holm_request_work(self, run_folder, holm_request_finish);
}

static void ask_file(holm_request *self) {
    Holm__Agent__V1__FileRequest message = HOLM__AGENT__V1__FILE_REQUEST__INIT;
    message.path = path_of(self);
    if (runs(self))
        holm_request_call(self, "ReadFile", &message.base, take_file, NULL);
    else
        holm_request_work(self, run_file, holm_request_finish);
}

static void begin(holm_client *client, const char *reference, const char *path, holm_request_next next,
                  holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->text = strdup(path);
    holm_request_work(self, holm_request_look_up, next);
}

void holm_container_folder(holm_client *client, const char *reference, const char *path, holm_done done,
                           void *data) {
    begin(client, reference, path, ask_folder, done, data);
}

void holm_container_file(holm_client *client, const char *reference, const char *path, holm_done done,
                         void *data) {
    begin(client, reference, path, ask_file, done, data);
}
