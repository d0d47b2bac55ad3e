// Making a container: the image, an empty disk for its writable layer, a name, and the row.
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/trace.h"
#include "core/holm_image.h"
#include "core/holm_names.h"
#include "core/image/image_client.h"
#include "core/volume/volume.h"

#define NAME_TRIES 20

static uint64_t disk_size(const holm_client *client, const json_t *request) {
    json_int_t wanted = json_integer_value(json_object_get(request, "diskBytes"));
    return wanted > 0 ? (uint64_t)wanted : config_get_size(client->config, "container.disk");
}

// The image's document, and its canonical name in the request.
static int find_image(holm_request *self, state *db, holm_error **error) {
    const char *image = json_string_value(json_object_get(self->json, "image"));
    const char *platform = json_string_value(json_object_get(self->json, "platform"));
    if (!image) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a container needs an image");
        return -1;
    }
    cleanup_free char *canonical = NULL;
    self->document = holm_image_find(self->handle.client, db, image, platform, &canonical, error);
    return self->document ? json_object_set_new(self->json, "image", json_string(canonical)) : -1;
}

// The worker's descriptor, where the empty disk has yet to be made.
static int prepare(holm_request *self, holm_error **error) {
    holm_client *client = self->handle.client;
    uint64_t size = disk_size(client, self->json);
    json_object_set_new(self->json, "diskBytes", json_integer((json_int_t)size));
    self->text = image_client_disk(&client->where, size);
    if (access(self->text, R_OK) == 0)
        return 0;
    self->lifeline = image_client_connect(&client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

// Pointers into the configuration.
static const char **environment_of(const holm_client *client) {
    const json_t *list = config_get(client->config, "container.environment");
    const char **lines = calloc(json_array_size(list) + 1, sizeof *lines);
    for (size_t i = 0; lines && i < json_array_size(list); i++)
        lines[i] = json_string_value(json_array_get(list, i));
    return lines;
}

static json_t *create_once(holm_request *self, state *db, const json_t *request, holm_error **error) {
    holm_client *client = self->handle.client;
    cleanup_free const char **environment = environment_of(client);
    configuration_defaults defaults = {
        .cpus = json_number_value(config_get(client->config, "container.cpus")),
        .memory_bytes = config_get_size(client->config, "container.memory"),
        .log_max_bytes = config_get_size(client->config, "container.log-size"),
        .log_max_files = (unsigned)json_integer_value(config_get(client->config, "container.log-files")),
        .disk_bytes = config_get_size(client->config, "container.disk"),
        .publish_address = json_string_value(config_get(client->config, "network.publish-address")),
        .host_loopback = json_is_true(config_get(client->config, "network.host-loopback")),
        .environment = environment,
    };
    trace_step("image and disk");
    return container_create(&client->where, db, request, self->document, self->text, &defaults, error);
}

// A name nobody chose: the database decides whether it is free, and another one is tried.
static int create_named(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *request = json_copy(self->json);
    for (int try = 0; !self->result; try++) {
        char name[NAMES_LENGTH_MAX];
        names_choose(name, try > NAME_TRIES / 2);
        json_object_set_new(request, "name", json_string(name));
        cleanup_error holm_error *cause = NULL;
        self->result = create_once(self, db, request, &cause);
        if (self->result)
            break;
        if (holm_error_code_of(cause) != HOLM_ERROR_EXISTS || try >= NAME_TRIES) {
            holm_error_propagate(error, steal_pointer(&cause));
            return -1;
        }
    }
    return 0;
}

// Volumes without a name that were made for it are of no use to anyone else.
static void drop_volumes(holm_request *self, state *db) {
    size_t index;
    json_t *volume;
    json_array_foreach (self->own, index, volume)
        volume_remove(&self->handle.client->where, db, volume, NULL);
}

static int create(holm_request *self, state *db, holm_error **error) {
    int result = 0;
    const char *mode = json_string_value(config_get(self->handle.client->config, "network.mode"));
    if (!json_object_get(self->json, "networks") && mode && strcmp(mode, "none") == 0)
        json_object_set_new(self->json, "networks", json_array());
    if (!json_object_get(self->json, "name"))
        result = create_named(self, db, error);
    else if (!(self->result = create_once(self, db, self->json, error)))
        result = -1;
    if (result < 0)
        drop_volumes(self, db);
    return result;
}

static void disk_made(holm_request *self, const ProtobufCMessage *answer) {
    const Holm__Image__V1__MakeDiskResponse *response = (const Holm__Image__V1__MakeDiskResponse *)answer;
    free(self->text);
    self->text = strdup(response->path);
    holm_request_work(self, create, holm_request_finish);
}

static void make_disk(holm_request *self) {
    if (self->lifeline < 0) {
        holm_request_work(self, create, holm_request_finish);
        return;
    }
    Holm__Image__V1__MakeDiskRequest message = HOLM__IMAGE__V1__MAKE_DISK_REQUEST__INIT;
    message.size_bytes = disk_size(self->handle.client, self->json);
    holm_request_call_worker(self, "MakeDisk", &message.base, disk_made);
}

// ---- the volumes that are not there yet ----

static bool is_missing(state *db, const json_t *mount) {
    if (configuration_mount_is_bind(mount))
        return false;
    const char *source = json_string_value(json_object_get(mount, "source"));
    cleanup_json json_t *volume = source ? state_volume_get(db, source, NULL) : NULL;
    return !volume;
}

static bool is_mounted(const json_t *request, const char *list, const char *place) {
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(request, list), index, item) {
        const char *destination = json_string_value(json_object_get(item, "destination"));
        if (destination && configuration_place_is_in(destination, place) &&
            configuration_place_is_in(place, destination))
            return true;
    }
    return false;
}

// Where the image wants a volume and nothing else is mounted, there is one without a name.
static void add_image_volumes(holm_request *self) {
    const json_t *configuration = json_object_get(self->document, "configuration");
    size_t index;
    json_t *item;
    json_array_foreach (json_object_get(configuration, "volumes"), index, item) {
        const char *place = json_string_value(item);
        if (!place || place[0] != '/' || strspn(place, "/") == strlen(place) ||
            is_mounted(self->json, "mounts", place) || is_mounted(self->json, "tmpfs", place))
            continue;
        json_t *mounts = json_object_get(self->json, "mounts");
        if (!mounts)
            json_object_set_new(self->json, "mounts", mounts = json_array());
        json_array_append_new(
            mounts, json_pack("{s:s, s:s, s:b}", "type", "volume", "destination", place, "readOnly", false));
    }
}

static int create_volume(holm_request *self, state *db, json_t *mount, holm_error **error) {
    const paths *where = &self->handle.client->where;
    cleanup_free char *empty = image_client_disk(where, VOLUME_SIZE_DEFAULT);
    cleanup_json json_t *configuration = json_object();
    cleanup_error holm_error *cause = NULL;
    json_t *name = json_object_get(mount, "source");
    if (name)
        json_object_set(configuration, "name", name);
    if (volume_complete(configuration, error) < 0)
        return -1;
    cleanup_json json_t *volume = volume_create(where, db, configuration, empty, &cause);
    if (!volume && holm_error_code_of(cause) != HOLM_ERROR_EXISTS) { // someone was faster: good
        holm_error_propagate(error, steal_pointer(&cause));
        return -1;
    }
    if (!name)
        json_array_append(self->own, volume);
    return json_object_set(mount, "source", json_object_get(configuration, "name"));
}

static int create_volumes(holm_request *self, state *db, holm_error **error) {
    size_t index;
    json_t *mount;
    json_array_foreach (json_object_get(self->json, "mounts"), index, mount)
        if (json_is_object(mount) && is_missing(db, mount) && create_volume(self, db, mount, error) < 0) {
            drop_volumes(self, db);
            return -1;
        }
    return prepare(self, error);
}

// The volumes that are missing; the worker's descriptor, where their empty disk has yet to be made.
static int begin_volumes(holm_request *self, state *db, holm_error **error) {
    const paths *where = &self->handle.client->where;
    size_t index;
    json_t *mount;
    add_image_volumes(self);
    json_t *mounts = json_object_get(self->json, "mounts");
    if (holm_mount_find_sources(self->json, error) < 0 ||
        (mounts && configuration_check(self->json, error) < 0))
        return -1;
    cleanup_free char *empty = image_client_disk(where, VOLUME_SIZE_DEFAULT);
    json_array_foreach (mounts, index, mount)
        self->flag = self->flag || is_missing(db, mount);
    self->flag = self->flag && access(empty, R_OK) != 0;
    if (!self->flag)
        return create_volumes(self, db, error);
    self->lifeline = image_client_connect(where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static void volume_disk_made(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer; // the path is the one that was looked at
    holm_request_work(self, create_volumes, make_disk);
}

static void make_volume_disk(holm_request *self) {
    if (!self->flag) {
        make_disk(self);
        return;
    }
    Holm__Image__V1__MakeDiskRequest message = HOLM__IMAGE__V1__MAKE_DISK_REQUEST__INIT;
    message.size_bytes = VOLUME_SIZE_DEFAULT;
    holm_request_call_worker(self, "MakeDisk", &message.base, volume_disk_made);
}

// ---- an image that was only kept until now ----

static bool is_unpacked(const json_t *document) {
    return !json_is_false(json_object_get(json_object_get(document, "status"), "unpacked"));
}

static int begin(holm_request *self, state *db, holm_error **error) {
    if (find_image(self, db, error) < 0)
        return -1;
    if (is_unpacked(self->document))
        return begin_volumes(self, db, error);
    self->lifeline = image_client_connect(&self->handle.client->where, true, error);
    return self->lifeline < 0 ? -1 : 0;
}

static int begin_again(holm_request *self, state *db, holm_error **error) {
    cleanup_json json_t *packed = self->document;
    self->document = state_image_get(db, holm_document_id(packed), error);
    return self->document ? begin_volumes(self, db, error) : -1;
}

static void unpacked(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    holm_request_work(self, begin_again, make_volume_disk);
}

static void begun(holm_request *self) {
    if (is_unpacked(self->document)) {
        make_volume_disk(self);
        return;
    }
    Holm__Image__V1__UnpackRequest message = HOLM__IMAGE__V1__UNPACK_REQUEST__INIT;
    message.id = (char *)holm_document_id(self->document);
    holm_request_call_worker(self, "Unpack", &message.base, unpacked);
}

static void release_made(void *own) {
    json_decref(own);
}

void holm_container_create(holm_client *client, json_t *configuration, holm_done done, void *data) {
    holm_request *self = holm_request_create(client, done, data);
    self->json = configuration;
    self->own = json_array(); // of the volumes without a name that were made
    self->release = release_made;
    holm_request_work(self, begin, begun);
}
