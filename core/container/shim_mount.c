// One mount more, or one less, while the container runs. One more is written into state.db first, since the
// helper opens only what is there; then the machine gets a device for it, and the guest mounts that. Where
// that fails all of it is taken back. One less goes the other way: out of the guest, out of the machine, and
// then out of state.db.
#define LOG_MODULE "mount"
#include <string.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/container/shim_devices.h"

#define AGENT_MS 60000
#define FILL_MS  3600000 // where a new volume may be filled from the image

typedef struct mount_change mount_change;
typedef void (*change_step)(mount_change *self);

struct mount_change {
    shim_change base; // first
    bool adds, force;
    bool waits;     // it does not run right now
    bool served;    // by a daemon of the helper's
    char *place;    // in the container
    json_t *asked;  // of one that is added: {"mounts": [ONE]} or {"tmpfs": [ONE]}
    json_t *before; // what its configuration had
    shim_mount *mount;
    change_step then; // when the step under way is done
    uv_work_t work;
    helper_answer answer;
};

static json_t *asked_one(const mount_change *self) {
    json_t *mounts = json_object_get(self->asked, "mounts");
    return json_array_get(mounts ? mounts : json_object_get(self->asked, "tmpfs"), 0);
}

static void close_answer(mount_change *self) {
    if (self->answer.fd >= 0)
        close(steal_fd(&self->answer.fd));
    if (self->answer.card >= 0)
        close(steal_fd(&self->answer.card));
    if (self->answer.third >= 0)
        close(steal_fd(&self->answer.third));
}

static void destroy(shim_change *base) {
    mount_change *self = (mount_change *)base;
    close_answer(self);
    free(self->answer.text);
    free(self->place);
    json_decref(self->asked);
    json_decref(self->before);
    free(self);
}

static void finish(mount_change *self) {
    shim_change_finish(&self->base);
}

static void row_done(shim *owner, const holm_error *error, void *data) {
    mount_change *self = data;
    (void)owner;
    shim_change_note(&self->base, error);
    finish(self);
}

static void step_done(mount_change *self, const holm_error *error) {
    shim_change_note(&self->base, error);
    self->then(self);
}

static void machine_done_step(const holm_error *error, void *data) {
    step_done(data, error);
}

static void agent_answered(const ProtobufCMessage *answer, const holm_error *error, void *data) {
    (void)answer;
    step_done(data, error);
}

static void ask_agent(mount_change *self, const char *method, const ProtobufCMessage *request, unsigned ms,
                      change_step then) {
    shim *owner = self->base.shim;
    self->then = then;
    if (owner->agent) {
        rpc_call_unary(owner->agent, shim_agent_protocol(), method, request, agent_answered, self, ms);
        return;
    }
    cleanup_error holm_error *error = NULL;
    holm_error_set(&error, HOLM_ERROR_STATE, "the container %s has ended meanwhile", owner->name);
    step_done(self, error);
}

static void ask_unmount(mount_change *self, bool force, change_step then) {
    Holm__Agent__V1__MountRemoveRequest request = HOLM__AGENT__V1__MOUNT_REMOVE_REQUEST__INIT;
    const json_t *entry = self->mount->entry;
    request.destination = (char *)json_string_value(json_object_get(entry, "destination"));
    request.type = (char *)(configuration_mount_is_tmpfs(entry)  ? "tmpfs"
                            : configuration_mount_is_bind(entry) ? "virtiofs"
                                                                 : "ext4");
    request.source = self->mount->source;
    request.part = self->mount->part;
    request.force = force;
    ask_agent(self, "MountRemove", &request.base, AGENT_MS, then);
}

// ---- out of the machine: of one less, and of one more that is taken back ----

static int restore_work(shim *owner, state *db, void *data, holm_error **error) {
    mount_change *self = data;
    return container_mount_restore(db, owner->id, self->before, error);
}

static void removed(shim *owner, const holm_error *error, void *data) {
    fault_point("unmount.removed");
    row_done(owner, error, data);
}

static int remove_work(shim *owner, state *db, void *data, holm_error **error) {
    mount_change *self = data;
    return container_mount_remove(db, owner->id, self->place, error);
}

static void write_row(mount_change *self) {
    if (self->adds)
        shim_store_post(self->base.shim, restore_work, row_done, self);
    else
        shim_store_post(self->base.shim, remove_work, removed, self);
}

static void release_work(uv_work_t *work) {
    mount_change *self = work->data;
    shim_helper_ask(self->base.shim, HELPER_UNMOUNT, self->place, NULL, NULL);
}

static void released(uv_work_t *work, int status) {
    (void)status;
    write_row(work->data);
}

// Nothing of it is in the machine any more.
static void let_go(mount_change *self) {
    if (self->mount) {
        self->served = self->served || self->mount->process >= 0;
        shim_mount_destroy(steal_pointer(&self->mount));
    }
    close_answer(self);
    if (!self->served) {
        write_row(self);
        return;
    }
    self->work.data = self;
    uv_queue_work(self->base.shim->loop, &self->work, release_work, released);
}

// QEMU closes the file of a disk after it has said that the disk is gone.
static void settled_out(const holm_error *error, void *data) {
    (void)error;
    let_go(data);
}

static void ejected(const holm_error *error, void *data) {
    mount_change *self = data;
    shim *owner = self->base.shim;
    bool stays = error && owner->machine && owner->agent;
    if (stays) {
        self->mount->leaving = false;
        shim_change_note(&self->base, error);
        if (self->adds) {
            shim_mount_forget(steal_pointer(&self->mount));
            write_row(self);
        } else {
            finish(self); // and can be tried again
        }
    } else if (owner->machine) {
        owner->driver->settle(owner->machine, settled_out, self);
    } else {
        let_go(self);
    }
}

static void eject(mount_change *self) {
    self->mount->leaving = true;
    shim_eject(self->base.shim, self->mount->device, ejected, self);
}

// ---- one less ----

static void unmounted(mount_change *self) {
    if (self->base.error) {
        shim_mount_use(self->mount, true); // it stays
        finish(self);
        return;
    }
    fault_point("unmount.unmounted");
    eject(self);
}

static int find_work(shim *owner, state *db, void *data, holm_error **error) {
    mount_change *self = data;
    json_t *mount = NULL;
    int result = container_mount_find(db, owner->id, self->place, &mount, error);
    json_decref(mount);
    return result;
}

static void found(shim *owner, const holm_error *error, void *data) {
    mount_change *self = data;
    shim_change_note(&self->base, error);
    self->mount = error ? NULL : shim_mount_find(owner, self->place);
    if (error) {
        finish(self);
    } else if (!self->mount) {
        write_row(self);
    } else {
        shim_mount_use(self->mount, false);
        ask_unmount(self, self->force, unmounted);
    }
}

// ---- one more ----

static int added_work(shim *owner, state *db, void *data, holm_error **error) {
    mount_change *self = data;
    return container_mount_added(db, owner->id, self->asked, error);
}

static void mounted(mount_change *self) {
    if (self->base.error) {
        ask_unmount(self, true, eject); // it may have come after its time
        return;
    }
    fault_point("mount.mounted");
    shim_mount_use(steal_pointer(&self->mount), true);
    shim_store_post(self->base.shim, added_work, row_done, self);
}

static void mount_it(mount_change *self) {
    if (self->base.error) {
        eject(self);
        return;
    }
    const json_t *entry = self->mount->entry;
    Holm__Agent__V1__MountRequest *request = configuration_mount_live(entry, self->mount->source);
    ask_agent(self, "MountAdd", &request->base, request->fill ? FILL_MS : AGENT_MS, mounted);
    holm__agent__v1__mount_request__free_unpacked(request, NULL);
}

static void plugged(mount_change *self) {
    static const Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    if (self->base.error)
        eject(self);
    else
        ask_agent(self, "Rescan", &empty.base, AGENT_MS, mount_it);
}

static void plug(mount_change *self) {
    shim *owner = self->base.shim;
    cleanup_error holm_error *error = NULL;
    self->mount = shim_mount_create(owner, asked_one(self));
    if (!*self->mount->device) {
        mount_it(self);
        return;
    }
    self->then = plugged;
    if (shim_mount_plug(self->mount, &self->answer, &error) < 0)
        step_done(self, error);
    else
        owner->driver->settle(owner->machine, machine_done_step, self);
}

static void fetched(uv_work_t *work, int status) {
    mount_change *self = work->data;
    shim *owner = self->base.shim;
    cleanup_error holm_error *error = NULL;
    (void)status;
    self->served = !self->base.error && configuration_mount_is_bind(asked_one(self));
    if (!self->base.error && (!owner->machine || !owner->agent)) {
        holm_error_set(&error, HOLM_ERROR_STATE, "the container %s has ended meanwhile", owner->name);
        shim_change_note(&self->base, error);
    }
    if (self->base.error) {
        let_go(self);
        return;
    }
    fault_point("mount.fetched");
    plug(self);
}

static void fetch_work(uv_work_t *work) {
    mount_change *self = work->data;
    shim_helper_ask(self->base.shim, HELPER_MOUNT, self->place, &self->answer, &self->base.error);
}

static void written(shim *owner, const holm_error *error, void *data) {
    mount_change *self = data;
    shim_change_note(&self->base, error);
    if (error || self->waits) {
        finish(self);
        return;
    }
    fault_point("mount.written");
    if (configuration_mount_is_tmpfs(asked_one(self))) {
        plug(self);
        return;
    }
    self->work.data = self;
    uv_queue_work(owner->loop, &self->work, fetch_work, fetched);
}

static int add_work(shim *owner, state *db, void *data, holm_error **error) {
    mount_change *self = data;
    return container_mount_add(db, owner->id, self->asked, self->waits, &self->before, error);
}

// ---- the calls ----

// The file systems of the container's own are in its own mounts only, which the agent does not reach.
static bool can(mount_change *self) {
    cleanup_error holm_error *error = NULL;
    if (!shim_change_can(&self->base))
        return false;
    if (!configuration_place_is_standard(self->place))
        return true;
    holm_error_set(&error, HOLM_ERROR_STATE,
                   "what is mounted in /proc, /sys and /dev cannot change while "
                   "the container %s runs",
                   self->base.shim->name);
    holm_error_hint(&error, "stop it first");
    shim_change_note(&self->base, error);
    return false;
}

static void begin(shim_change *base) {
    mount_change *self = (mount_change *)base;
    self->waits = shim_change_waits(base);
    if (!self->waits && !can(self))
        finish(self);
    else if (self->adds)
        shim_store_post(base->shim, add_work, written, self);
    else if (self->waits)
        shim_store_post(base->shim, remove_work, row_done, self);
    else
        shim_store_post(base->shim, find_work, found, self);
}

static mount_change *change_create(const char *place, bool adds) {
    mount_change *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (mount_change){.base = {.begin = begin, .destroy = destroy},
                           .adds = adds,
                           .place = strdup(place),
                           .answer = {.fd = -1, .card = -1, .third = -1}};
    return self;
}

static json_t *texts(char **list, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static void handle_mount(waiter *call, const ProtobufCMessage *message) {
    const Holm__Shim__V1__MountRequest *request = (const Holm__Shim__V1__MountRequest *)message;
    mount_change *self = change_create(request->destination, true);
    if (!*request->type) {
        self->asked = json_pack("{s:[{s:s, s:o}]}", "tmpfs", "destination", request->destination, "options",
                                texts(request->options, request->n_options));
    } else {
        json_t *mount = json_pack("{s:s, s:s, s:s, s:b}", "type", request->type, "source", request->source,
                                  "destination", request->destination, "readOnly", request->read_only);
        if (request->no_copy)
            json_object_set_new(mount, "noCopy", json_true());
        self->asked = json_pack("{s:[o]}", "mounts", mount);
    }
    shim_change_post(&self->base, call);
}

static void handle_unmount(waiter *call, const ProtobufCMessage *message) {
    const Holm__Shim__V1__UnmountRequest *request = (const Holm__Shim__V1__UnmountRequest *)message;
    mount_change *self = change_create(request->destination, false);
    self->force = request->force;
    shim_change_post(&self->base, call);
}

void mount_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_mount);
}

void unmount_open(rpc_stream *stream, void *data) {
    shim_open_call(stream, data, handle_unmount);
}
