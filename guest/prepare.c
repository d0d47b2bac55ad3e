// Prepare: all that a fresh machine needs, in one call and in order, with the time that each step took.
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guest/boot.h"
#include "guest/cgroup.h"
#include "guest/files.h"
#include "guest/filesystem_watch.h"
#include "guest/machine.h"
#include "guest/network.h"
#include "guest/process.h"
#include "guest/processors.h"
#include "guest/reclaim.h"
#include "guest/root.h"
#include "guest/text.h"
#include "guest/uevent.h"

#define ENTROPY_MAX 4096

typedef struct preparation {
    uv_work_t work;
    agent *agent;
    call *answer;
    Holm__Agent__V1__PrepareRequest *request;
    ProtobufCMessage *response;
    holm_error *error;
    int uevents;
} preparation;

// Adding to the pool does not yet change what it gives out: only the reseed makes two clones differ.
static int feed_entropy(preparation *self, holm_error **error) {
    const ProtobufCBinaryData *bytes = &self->request->entropy;
    _Alignas(struct rand_pool_info) uint8_t space[sizeof(struct rand_pool_info) + ENTROPY_MAX];
    struct rand_pool_info *pool = (void *)space;
    if (bytes->len == 0)
        return 0;
    if (bytes->len > ENTROPY_MAX) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "more than %d bytes of entropy", ENTROPY_MAX);
        return -1;
    }
    pool->entropy_count = (int)bytes->len * 8;
    pool->buf_size = (int)bytes->len;
    memcpy(pool->buf, bytes->data, bytes->len);
    cleanup_close int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0) {
        holm_error_set_errno(error, errno, "feed the random pool");
        return -1;
    }
    return 0;
}

static int set_clock(preparation *self, holm_error **error) {
    return self->request->unix_ns ? machine_set_clock(self->request->unix_ns, error) : 0;
}

static int set_names(preparation *self, holm_error **error) {
    const char *host = self->request->hostname, *domain = self->request->domainname;
    if ((*host && sethostname(host, strlen(host)) < 0) ||
        (*domain && setdomainname(domain, strlen(domain)) < 0)) {
        holm_error_set_errno(error, errno, "set the host name \"%.70s\"", host);
        return -1;
    }
    return 0;
}

static int rescan(preparation *self, holm_error **error) {
    if (self->request->plugged) // as for Rescan; the last step starts the other processors
        return processors_stop(error) < 0 ? -1 : machine_rescan_pci(error);
    return self->request->rescan && !self->agent->rescanned ? machine_rescan_pci(error) : 0;
}

static int start_processors(preparation *self, holm_error **error) {
    (void)self;
    return processors_start(error);
}

static int mount_root(preparation *self, holm_error **error) {
    if (!self->request->root)
        return 0;
    uv_mutex_lock(&self->agent->lock);
    self->agent->root_read_only = self->request->root->read_only;
    uv_mutex_unlock(&self->agent->lock);
    if (root_mount(self->request->root, self->uevents, error) < 0)
        return -1;
    filesystem_watch_add(self->agent, GUEST_WRITABLE, "/");
    for (unsigned i = 1; i <= self->request->root->layer_count && *self->request->root->layers_device; i++) {
        char path[64], name[32];
        snprintf(path, sizeof path, GUEST_LAYERS "/%u", i);
        snprintf(name, sizeof name, "layer %u", i);
        filesystem_watch_add(self->agent, path, name);
    }
    return 0;
}

static int mount_volumes(preparation *self, holm_error **error) {
    for (size_t i = 0; i < self->request->n_mounts; i++) {
        Holm__Agent__V1__MountRequest *one = self->request->mounts[i];
        bool disk = strcmp(one->type, "ext4") == 0;
        // Nothing says that a share's device is there, but a scan ends only when all that it found has a
        // driver.
        bool share = strcmp(one->type, "virtiofs") == 0;
        if ((share && machine_rescan_pci(error) < 0) ||
            (disk && uevent_wait_paths(self->uevents, &one->source, 1, ROOT_DEVICE_TIMEOUT_MS, error) < 0) ||
            files_mount_one(self->agent, one, error) < 0)
            return -1;
    }
    return 0;
}

static int set_network(preparation *self, holm_error **error) {
    for (size_t i = 0; i < self->request->n_interfaces; i++)
        if (network_link_set(self->request->interfaces[i], self->uevents, error) < 0)
            return -1;
    for (size_t i = 0; i < self->request->n_routes; i++)
        if (network_route_add(self->request->routes[i], error) < 0)
            return -1;
    return 0;
}

static int write_files(preparation *self, holm_error **error) {
    const Holm__Agent__V1__PrepareRequest *request = self->request;
    if (request->dns && network_write_dns(request->dns, error) < 0)
        return -1;
    if (request->hosts && network_write_hosts(request->hosts, error) < 0)
        return -1;
    return *request->machine_id ? files_write_machine_id(request->machine_id, error) : 0;
}

static int set_environment(preparation *self, holm_error **error) {
    for (size_t i = 0; i < self->request->n_environment; i++)
        if (agent_set_environment(self->agent, self->request->environment[i], error) < 0)
            return -1;
    return 0;
}

static int set_sysctls(preparation *self, holm_error **error) {
    for (size_t i = 0; i < self->request->n_sysctls; i++) {
        const Holm__Agent__V1__KeyValue *pair = self->request->sysctls[i];
        if (machine_set_sysctl(self->agent, pair->key, pair->value, error) < 0)
            return -1;
    }
    return 0;
}

static int set_limits(preparation *self, holm_error **error) {
    return self->request->limits ? cgroup_set_limits(self->request->limits, error) : 0;
}

static const struct {
    const char *name;
    int (*run)(preparation *self, holm_error **error);
} all[] = {
    {"entropy", feed_entropy},
    {"clock", set_clock},
    {"names", set_names},
    {"rescan", rescan},
    {"network", set_network},
    {"root", mount_root},
    {"mounts", mount_volumes},
    {"files", write_files},
    {"sysctls", set_sysctls},
    {"limits", set_limits},
    {"environment", set_environment},
    {"processors", start_processors},
};

static char *read_boot_id(void) {
    char *id = text_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 128, NULL);
    if (id)
        id[strcspn(id, "\n")] = 0;
    return id;
}

static int run_steps(preparation *self, holm_error **error) {
    cleanup_close int uevents = uevent_open(error);
    if (uevents < 0)
        return -1;
    self->uevents = uevents;
    for (size_t i = 0; i < array_length(all); i++) {
        uint64_t begin = steps_now();
        if (all[i].run(self, error) < 0)
            return -1;
        agent_note_step(self->agent, all[i].name, begin);
    }
    return 0;
}

static ProtobufCMessage *describe(agent *self, uint64_t begun) {
    cleanup_free char *boot_id = read_boot_id();
    Holm__Agent__V1__PrepareResponse response = HOLM__AGENT__V1__PREPARE_RESPONSE__INIT;
    response.boot_id = boot_id ? boot_id : (char *)"";
    response.begin_ns = begun;
    uv_mutex_lock(&self->lock);
    response.steps = self->boot.pointers;
    response.n_steps = self->boot.count;
    ProtobufCMessage *copy = agent_copy_message(&response.base);
    uv_mutex_unlock(&self->lock);
    return copy;
}

static void prepare_work(uv_work_t *work) {
    preparation *self = work->data;
    uint64_t begun = steps_now();
    if (run_steps(self, &self->error) == 0)
        self->response = describe(self->agent, begun);
}

static void prepare_done(uv_work_t *work, int status) {
    preparation *self = work->data;
    (void)status;
    if (self->response)
        call_reply(self->answer, self->response);
    else
        call_fail(self->answer, self->error);
    self->agent->preparing = false;
    if (self->response)
        reclaim_start(self->agent);
    process_create_held(self->agent, self->error);
    if (self->response)
        protobuf_c_message_free_unpacked(self->response, NULL);
    holm__agent__v1__prepare_request__free_unpacked(self->request, NULL);
    holm_error_free(self->error);
    free(self);
}

void machine_prepare(agent *self, const ProtobufCMessage *message, call *answer) {
    preparation *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->agent = self;
    made->answer = answer;
    made->request = (Holm__Agent__V1__PrepareRequest *)agent_copy_message(message);
    made->work.data = made;
    self->preparing = true;
    uv_queue_work(self->loop, &made->work, prepare_work, prepare_done);
}
