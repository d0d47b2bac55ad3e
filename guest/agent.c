#include "guest/agent.h"

#include <stdlib.h>
#include <string.h>

ProtobufCMessage *agent_copy_message(const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        abort();
    protobuf_c_message_pack(message, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, size, bytes);
    free(bytes);
    if (!copy)
        abort();
    return copy;
}

// Makes room for one more pointer at the end.
static int grow(void *list, size_t count, const char *what, holm_error **error) {
    void **pointers = *(void ***)list;
    if (count >= AGENT_LIST_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d %s", AGENT_LIST_MAX, what);
        return -1;
    }
    pointers = realloc(pointers, (count + 1) * sizeof *pointers);
    if (!pointers)
        abort();
    *(void ***)list = pointers;
    return 0;
}

int agent_keep_mount(agent *self, const Holm__Agent__V1__MountRequest *request, holm_error **error) {
    uv_mutex_lock(&self->lock);
    int result = grow(&self->later_mounts, self->later_mount_count, "mounts", error);
    if (result == 0)
        self->later_mounts[self->later_mount_count++] =
            (Holm__Agent__V1__MountRequest *)agent_copy_message(&request->base);
    uv_mutex_unlock(&self->lock);
    return result;
}

void agent_forget(agent *self) {
    uv_mutex_lock(&self->lock);
    while (self->later_mount_count > 0)
        holm__agent__v1__mount_request__free_unpacked(self->later_mounts[--self->later_mount_count], NULL);
    while (self->sysctl_count > 0)
        holm__agent__v1__key_value__free_unpacked(self->sysctls[--self->sysctl_count], NULL);
    while (self->environment_count > 0)
        free(self->environment[--self->environment_count]);
    self->filesystem_count = 0;
    self->root_read_only = false;
    self->boot.count = 0;
    uv_mutex_unlock(&self->lock);
}

void agent_note_step(agent *self, const char *name, uint64_t begin_ns) {
    uv_mutex_lock(&self->lock);
    steps_add(&self->boot, name, begin_ns);
    uv_mutex_unlock(&self->lock);
}

int agent_keep_sysctl(agent *self, const char *key, const char *value, holm_error **error) {
    Holm__Agent__V1__KeyValue pair = HOLM__AGENT__V1__KEY_VALUE__INIT;
    pair.key = (char *)key;
    pair.value = (char *)value;
    uv_mutex_lock(&self->lock);
    int result = grow(&self->sysctls, self->sysctl_count, "sysctls", error);
    if (result == 0)
        self->sysctls[self->sysctl_count++] = (Holm__Agent__V1__KeyValue *)agent_copy_message(&pair.base);
    uv_mutex_unlock(&self->lock);
    return result;
}

int agent_set_environment(agent *self, const char *variable, holm_error **error) {
    size_t length = strcspn(variable, "=");
    if (length == 0 || !variable[length]) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.40s\" is not KEY=value", variable);
        return -1;
    }
    uv_mutex_lock(&self->lock);
    size_t i = 0;
    while (i < self->environment_count && strncmp(self->environment[i], variable, length + 1) != 0)
        i++;
    int result = i < self->environment_count ? 0 : grow(&self->environment, i, "variables", error);
    if (result == 0) {
        if (i < self->environment_count)
            free(self->environment[i]);
        else
            self->environment_count++;
        self->environment[i] = strdup(variable);
    }
    uv_mutex_unlock(&self->lock);
    return result;
}
