// What a container mounts: one more, or one less.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/holm_volume.h"
#include "core/volume/volume.h"

// -v makes a folder that is not there, --mount does not. A file cannot be guessed.
static int find_source(json_t *mount, holm_error **error) {
    const char *source = json_string_value(json_object_get(mount, "source"));
    bool make = json_is_true(json_object_get(mount, "createSource"));
    if (!source || source[0] != '/') {
        holm_error_set(error, HOLM_ERROR_INVALID,
                       "a bind mount needs the absolute path of a folder or file of the host");
        return -1;
    }
    if (access(source, F_OK) == 0)
        return 0;
    if (errno == ENOENT && make)
        return path_make_directories(source, error);
    holm_error_set_errno(error, errno, "mount %s of the host", source);
    return -1;
}

int holm_mount_find_sources(json_t *request, holm_error **error) {
    size_t index;
    json_t *mount;
    json_array_foreach (json_object_get(request, "mounts"), index, mount) {
        if (configuration_mount_is_bind(mount) && find_source(mount, error) < 0)
            return -1;
        json_object_del(mount, "createSource");
    }
    return 0;
}

// ---- one more ----

static json_t *asked_one(const holm_request *self) {
    json_t *mounts = json_object_get(self->json, "mounts");
    return json_array_get(mounts ? mounts : json_object_get(self->json, "tmpfs"), 0);
}

// A shim that was asked and is gone may have written it before.
static bool is_written(const holm_request *self) {
    return self->asked_again && container_mount_is_there(self->document, asked_one(self));
}

static int add_at_rest(holm_request *self, state *db, const char *id, holm_error **error) {
    const paths *where = &self->handle.client->where;
    return is_written(self) ? 0 : container_mount_add_at_rest(where, db, id, self->json, error);
}

static char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return (char *)(text ? text : "");
}

static void ask_for_mount(holm_request *self, holm_request_next lost) {
    if (is_written(self)) {
        self->result = json_incref(self->document);
        holm_request_finish(self);
        return;
    }
    const json_t *mount = asked_one(self), *options = json_object_get(mount, "options");
    Holm__Shim__V1__MountRequest message = HOLM__SHIM__V1__MOUNT_REQUEST__INIT;
    message.type = text_of(mount, "type");
    message.source = text_of(mount, "source");
    message.destination = text_of(mount, "destination");
    message.read_only = json_is_true(json_object_get(mount, "readOnly"));
    message.no_copy = json_is_true(json_object_get(mount, "noCopy"));
    cleanup_free char **texts = calloc(json_array_size(options) + 1, sizeof *texts);
    if (!texts)
        abort();
    message.options = texts;
    for (; message.n_options < json_array_size(options); message.n_options++)
        texts[message.n_options] = (char *)json_string_value(json_array_get(options, message.n_options));
    holm_request_call(self, "Mount", &message.base, holm_change_done, lost);
}

static void add(holm_request *self) {
    static const holm_change mount_add = {add_at_rest, ask_for_mount};
    holm_request_change(self, &mount_add);
}

// ---- before that: a volume that is named here first ----

static int make_volume(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    cleanup_free char *empty = image_client_disk(where, VOLUME_SIZE_DEFAULT);
    cleanup_json json_t *wanted = json_pack("{s:O}", "name", json_object_get(asked_one(self), "source"));
    cleanup_error holm_error *cause = NULL;
    if (volume_complete(wanted, error) < 0)
        return -1;
    cleanup_json json_t *volume = volume_create(where, db, wanted, empty, &cause);
    if (volume || holm_error_code_of(cause) == HOLM_ERROR_EXISTS) // someone was faster: good
        return 0;
    holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

static void volume_made(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection)); // to the image worker
    add(self);
}

static void disk_made(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer; // the path is the one that was looked at
    holm_request_work(self, make_volume, volume_made);
}

static bool is_missing(const holm_request *self, state *db) {
    const json_t *mount = asked_one(self);
    if (configuration_mount_is_tmpfs(mount) || configuration_mount_is_bind(mount))
        return false;
    cleanup_json json_t *volume =
        state_volume_get(db, json_string_value(json_object_get(mount, "source")), NULL);
    return !volume;
}

// self->flag: a volume is made first, and self->lifeline is there where an empty disk for it is, too.
static int prepare(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    cleanup_free char *empty = image_client_disk(where, VOLUME_SIZE_DEFAULT);
    self->flag = is_missing(self, db);
    if (!self->flag)
        return 0;
    if (holm_request_look_up(self, db, error) < 0)
        return -1;
    if (access(empty, R_OK) != 0)
        self->lifeline = image_client_connect(where, true, error);
    return access(empty, R_OK) == 0 || self->lifeline >= 0 ? 0 : -1;
}

static void prepared(holm_request *self) {
    Holm__Image__V1__MakeDiskRequest message = HOLM__IMAGE__V1__MAKE_DISK_REQUEST__INIT;
    message.size_bytes = VOLUME_SIZE_DEFAULT;
    if (self->lifeline >= 0)
        holm_request_call_worker(self, "MakeDisk", &message.base, disk_made);
    else if (self->flag)
        holm_request_work(self, make_volume, volume_made);
    else
        add(self);
}

// All keys, so that what is written is what is asked for.
static int complete(holm_request *self, state *db, holm_error **error) {
    size_t index;
    json_t *mount;
    if (holm_mount_find_sources(self->json, error) < 0 || configuration_check_mount(self->json, error) < 0)
        return -1;
    json_array_foreach (json_object_get(self->json, "mounts"), index, mount) {
        if (!json_object_get(mount, "readOnly"))
            json_object_set_new(mount, "readOnly", json_false());
        if (!json_is_true(json_object_get(mount, "noCopy")))
            json_object_del(mount, "noCopy");
    }
    json_array_foreach (json_object_get(self->json, "tmpfs"), index, mount)
        if (!json_object_get(mount, "options"))
            json_object_set_new(mount, "options", json_array());
    return prepare(self, db, error);
}

void holm_container_mount(holm_client *client, const char *reference, json_t *mount, holm_done done,
                          void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->json = mount;
    holm_request_work(self, complete, prepared);
}

// ---- one less ----

static int remove_at_rest(holm_request *self, state *db, const char *id, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    const paths *where = &self->handle.client->where;
    if (container_mount_remove_at_rest(where, db, id, self->text, &cause) == 0 ||
        (self->asked_again && holm_error_code_of(cause) == HOLM_ERROR_NOT_FOUND))
        return 0;
    holm_error_propagate(error, steal_pointer(&cause));
    return -1;
}

static void ask_for_unmount(holm_request *self, holm_request_next lost) {
    Holm__Shim__V1__UnmountRequest message = HOLM__SHIM__V1__UNMOUNT_REQUEST__INIT;
    message.destination = self->text;
    message.force = self->flag;
    holm_request_call(self, "Unmount", &message.base, holm_change_done, lost);
}

void holm_container_unmount(holm_client *client, const char *reference, const char *destination, bool force,
                            holm_done done, void *data) {
    static const holm_change mount_remove = {remove_at_rest, ask_for_unmount};
    holm_request *self = holm_request_create(client, done, data);
    self->reference = strdup(reference);
    self->text = strdup(destination);
    self->flag = force;
    holm_request_change(self, &mount_remove);
}
