// What is behind the container's mounts while it runs: devices of the machine, daemons, locks.
#define LOG_MODULE "mount"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/container/shim_devices.h"

#define LIVE_DEVICE "mount%u" // device, tag or serial of one that was added

static shim_mount *append(shim *self, json_t *entry) {
    shim_mount **at = &self->mounts, *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    *made = (shim_mount){.shim = self, .entry = json_incref(entry), .connection = -1, .process = -1};
    while (*at)
        at = &(*at)->next;
    *at = made;
    return made;
}

// Those it was started with: all shares are one device, each volume is one.
static void list_given(shim *self) {
    size_t index, shares = 0;
    json_t *entry;
    self->mounts_listed = true;
    json_array_foreach (json_object_get(self->configuration, "mounts"), index, entry) {
        shim_mount *made = append(self, entry);
        if (configuration_mount_is_bind(entry)) {
            snprintf(made->source, sizeof made->source, CONFIGURATION_SHARES);
            snprintf(made->part, sizeof made->part, "%zu", shares++);
        } else {
            snprintf(made->device, sizeof made->device, SHIM_DISK_VOLUME, index);
            snprintf(made->source, sizeof made->source, SHIM_DISK_VOLUME, index);
            made->lock = &self->volumes[index];
        }
    }
    json_array_foreach (json_object_get(self->configuration, "tmpfs"), index, entry)
        append(self, entry);
}

shim_mount *shim_mount_find(shim *self, const char *place) {
    if (!self->mounts_listed)
        list_given(self);
    for (shim_mount *one = self->mounts; one; one = one->next) {
        const char *own = json_string_value(json_object_get(one->entry, "destination"));
        if (own && configuration_place_is_in(own, place) && configuration_place_is_in(place, own))
            return one;
    }
    return NULL;
}

static bool is_taken(const shim *self, const char *device) {
    for (const shim_mount *one = self->mounts; one; one = one->next)
        if (strcmp(one->device, device) == 0)
            return true;
    return false;
}

shim_mount *shim_mount_create(shim *self, json_t *entry) {
    char device[sizeof((shim_mount *)0)->device];
    if (!self->mounts_listed)
        list_given(self);
    unsigned number = 0;
    do
        snprintf(device, sizeof device, LIVE_DEVICE, number++);
    while (is_taken(self, device));
    shim_mount *made = append(self, entry);
    if (configuration_mount_is_tmpfs(entry))
        return made;
    memcpy(made->device, device, sizeof device);
    memcpy(made->source, device, sizeof device);
    snprintf(made->part, sizeof made->part, "0");
    return made;
}

void shim_mount_forget(shim_mount *self) {
    json_decref(steal_pointer(&self->entry));
}

// ---- into the machine ----

static void daemon_ended(uv_poll_t *poll, int status, int events) {
    shim_mount *self = poll->data;
    (void)status, (void)events;
    uv_poll_stop(poll);
    if (!self->leaving)
        shim_share_lost(self->shim);
}

static int give_connection(void *data, holm_error **error) {
    shim_mount *self = data;
    if (self->connection < 0)
        holm_error_set(error, HOLM_ERROR_STATE, "the daemon of a share serves one machine only");
    return steal_fd(&self->connection);
}

static int plug_share(shim_mount *self, helper_answer *opened, holm_error **error) {
    self->connection = steal_fd(&opened->fd);
    self->process = steal_fd(&opened->card);
    if (opened->third >= 0)
        self->changes = shim_changes_create(self->shim, steal_fd(&opened->third), self->source);
    self->watch = calloc(1, sizeof *self->watch);
    if (!self->watch || uv_poll_init(self->shim->loop, self->watch, self->process) < 0)
        abort(); // a new descriptor that can be polled
    self->watch->data = self;
    uv_poll_start(self->watch, UV_READABLE, daemon_ended);
    const machine_share share = {
        .name = self->device, .tag = self->source, .open = give_connection, .data = self};
    return self->shim->driver->add_share(self->shim->machine, &share, error);
}

static int plug_disk(shim_mount *self, helper_answer *opened, holm_error **error) {
    int use = opened->text ? atoi(opened->text) : SHIM_VOLUME_WRITES;
    cleanup_close int scratch = use == SHIM_VOLUME_RECOVERS ? shim_volume_scratch(self->shim, error) : -1;
    self->own_lock = steal_fd(&opened->fd);
    self->lock = &self->own_lock;
    if (use == SHIM_VOLUME_RECOVERS && scratch < 0)
        return -1;
    const machine_disk disk = {.name = self->device,
                               .path = json_string_value(json_object_get(self->entry, "source")),
                               .read_only = use == SHIM_VOLUME_READS,
                               .opened = true,
                               .fd = opened->card,
                               .discards = use == SHIM_VOLUME_RECOVERS,
                               .scratch = scratch};
    return self->shim->driver->add_disk(self->shim->machine, &disk, error);
}

int shim_mount_plug(shim_mount *self, helper_answer *opened, holm_error **error) {
    if (configuration_mount_is_tmpfs(self->entry))
        return 0;
    if (opened->fd < 0 || opened->card < 0) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the shim's helper has opened nothing for a mount");
        return -1;
    }
    return configuration_mount_is_bind(self->entry) ? plug_share(self, opened, error)
                                                    : plug_disk(self, opened, error);
}

void shim_mount_use(shim_mount *self, bool mounted) {
    if (mounted)
        shim_changes_start(self->changes);
    else
        shim_changes_hold(self->changes);
}

// ---- gone ----

static void watch_closed(uv_handle_t *handle) {
    free(handle);
}

static void let_go(shim_mount *self) {
    if (self->watch) {
        uv_poll_stop(self->watch);
        uv_close((uv_handle_t *)steal_pointer(&self->watch), watch_closed);
    }
    shim_changes_destroy(steal_pointer(&self->changes));
    if (self->connection >= 0)
        close(steal_fd(&self->connection));
    if (self->process >= 0) {
        syscall(SYS_pidfd_send_signal, self->process, SIGKILL, NULL, 0);
        close(steal_fd(&self->process));
    }
    if (self->lock && *self->lock > 0) {
        close(*self->lock);
        *self->lock = 0;
    }
}

void shim_mount_destroy(shim_mount *self) {
    shim_mount **at = &self->shim->mounts;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    let_go(self);
    json_decref(self->entry);
    free(self);
}

void shim_mounts_drop(shim *self) {
    for (shim_mount *one = self->mounts; one; one = one->next)
        let_go(one);
}
