#include "guest/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/file.h"
#include "guest/cgroup.h"
#include "guest/text.h"

#define EMULATOR_MAX (64u << 20) ///< bytes of a program for another processor

ProtobufCMessage *machine_ping(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__PingRequest *request = (const void *)message;
    (void)self, (void)error;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    Holm__Agent__V1__PingResponse response = HOLM__AGENT__V1__PING_RESPONSE__INIT;
    response.payload = request->payload;
    response.uptime_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    response.version = (char *)HOLM_VERSION;
    return agent_copy_message(&response.base);
}

int machine_set_clock(int64_t unix_ns, holm_error **error) {
    struct timespec time = {.tv_sec = unix_ns / 1000000000, .tv_nsec = unix_ns % 1000000000};
    if (unix_ns <= 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a time before 1970");
        return -1;
    }
    if (clock_settime(CLOCK_REALTIME, &time) < 0) {
        holm_error_set_errno(error, errno, "set the clock");
        return -1;
    }
    return 0;
}

ProtobufCMessage *machine_set_time(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__SetTimeRequest *request = (const void *)message;
    (void)self;
    return machine_set_clock(request->unix_ns, error) < 0 ? NULL : call_empty();
}

// Those are per namespace, and the container's namespaces are not there yet.
static bool is_of_namespace(const char *key) {
    static const char *const prefixes[] = {"kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue."};
    for (size_t i = 0; i < array_length(prefixes); i++)
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

int machine_set_sysctl(agent *self, const char *key, const char *value, holm_error **error) {
    char path[PATH_MAX];
    if (strlen(key) > 255 || strlen(value) > 1023 || strchr(key, '/')) {
        holm_error_set(error, HOLM_ERROR_INVALID, "\"%.60s\" is not a sysctl", key);
        return -1;
    }
    if (is_of_namespace(key))
        return agent_keep_sysctl(self, key, value, error);
    snprintf(path, sizeof path, "/proc/sys/%s", key);
    for (char *at = path + strlen("/proc/sys/"); *at; at++)
        *at = *at == '.' ? '/' : *at;
    if (text_write(path, value, error) < 0) {
        holm_error_wrap(error, "sysctl %s", key);
        return -1;
    }
    return 0;
}

ProtobufCMessage *machine_sysctl(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__SysctlRequest *request = (const void *)message;
    for (size_t i = 0; i < request->n_values; i++)
        if (machine_set_sysctl(self, request->values[i]->key, request->values[i]->value, error) < 0)
            return NULL;
    return call_empty();
}

static int write_program(const char *path, const ProtobufCBinaryData *program, holm_error **error) {
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0 || file_write_all(fd, program->data, program->len) < 0) {
        holm_error_set_errno(error, errno, "write %s", path);
        return -1;
    }
    return 0;
}

// The rule is ":name:M::magic:mask:interpreter:flags"; with a program, it is written to the interpreter's
// path, and the flag F makes the kernel open it now, so that it works in every mount namespace.
ProtobufCMessage *machine_setup_emulator(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__SetupEmulatorRequest *request = (const void *)message;
    static const char place[] = "/proc/sys/fs/binfmt_misc";
    (void)self;
    if (request->program.len > EMULATOR_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the emulator is larger than %u bytes", EMULATOR_MAX);
        return NULL;
    }
    if (access("/proc/sys/fs/binfmt_misc/register", F_OK) < 0 &&
        mount("binfmt_misc", place, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        holm_error_set_errno(error, errno, "mount binfmt_misc");
        return NULL;
    }
    if (request->program.len && write_program("/run/holm/emulator", &request->program, error) < 0)
        return NULL;
    return text_write("/proc/sys/fs/binfmt_misc/register", request->rule, error) < 0 ? NULL : call_empty();
}

ProtobufCMessage *machine_setenv(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__SetenvRequest *request = (const void *)message;
    for (size_t i = 0; i < request->n_environment; i++)
        if (agent_set_environment(self, request->environment[i], error) < 0)
            return NULL;
    return call_empty();
}

ProtobufCMessage *machine_getenv(agent *self, const ProtobufCMessage *message, holm_error **error) {
    const Holm__Agent__V1__GetenvRequest *request = (const void *)message;
    Holm__Agent__V1__GetenvResponse response = HOLM__AGENT__V1__GETENV_RESPONSE__INIT;
    size_t length = strlen(request->name);
    (void)error;
    uv_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->environment_count; i++)
        if (strncmp(self->environment[i], request->name, length) == 0 &&
            self->environment[i][length] == '=') {
            response.found = true;
            response.value = self->environment[i] + length + 1;
        }
    ProtobufCMessage *copy = agent_copy_message(&response.base);
    uv_mutex_unlock(&self->lock);
    return copy;
}

ProtobufCMessage *machine_sync(agent *self, const ProtobufCMessage *message, holm_error **error) {
    (void)self, (void)message, (void)error;
    sync();
    return call_empty();
}

ProtobufCMessage *machine_set_limits(agent *self, const ProtobufCMessage *message, holm_error **error) {
    (void)self;
    return cgroup_set_limits((const void *)message, error) < 0 ? NULL : call_empty();
}
