#include <slirp/libslirp.h>
#include <string.h>
#include <time.h>

#define LOG_MODULE "gateway"
#include "core/base/buffer.h"
#include "core/base/log.h"
#include "core/network/gateway_internal.h"

typedef struct slirp_timer {
    uv_timer_t timer;
    gateway *gateway;
    SlirpTimerId id;
    void *data;
} slirp_timer;

static void handle_closed(gateway *self) {
    if (--self->open_handles)
        return;
    free(self->indexed);
    free(self->table);
    free(self);
}

static void core_handle_closed(uv_handle_t *handle) {
    handle_closed(handle->data);
}

static void give_waiting(gateway *self) {
    while (!self->busy && self->waiting_count) {
        uint8_t *bytes = self->waiting[0].bytes;
        size_t length = self->waiting[0].length;
        self->waiting_count--;
        memmove(self->waiting, self->waiting + 1, self->waiting_count * sizeof self->waiting[0]);
        self->busy++;
        gateway_forward_look(self, bytes, length);
        slirp_input(self->slirp, bytes, (int)length);
        self->busy--;
        free(bytes);
        self->again = true; // what waited for the answer goes out in a round of its own
    }
}

void gateway_input(gateway *self, const uint8_t *frame, size_t length) {
    if (self->busy) {
        uint8_t *copy = self->waiting_count < WAITING_MAX ? malloc(length) : NULL;
        if (!copy)
            return; // like a cable that is full
        memcpy(copy, frame, length);
        self->waiting[self->waiting_count].bytes = copy;
        self->waiting[self->waiting_count++].length = length;
        return;
    }
    self->busy++;
    gateway_forward_look(self, frame, length);
    slirp_input(self->slirp, frame, (int)length);
    self->busy--;
    give_waiting(self);
}

// ---- what libslirp asks of us ----

static ssize_t send_packet(const void *frame, size_t length, void *opaque) {
    gateway *self = opaque;
    self->options.frame(frame, length, self->options.data);
    return (ssize_t)length;
}

static void guest_error(const char *text, void *opaque) {
    (void)opaque;
    log_debug("%s", text);
}

static int64_t clock_get_ns(void *opaque) {
    (void)opaque;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void timer_fired(uv_timer_t *timer) {
    slirp_timer *self = timer->data;
    self->gateway->busy++;
    slirp_handle_timer(self->gateway->slirp, self->id, self->data);
    self->gateway->busy--;
    give_waiting(self->gateway);
}

static void *timer_new(SlirpTimerId id, void *data, void *opaque) {
    gateway *owner = opaque;
    slirp_timer *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (slirp_timer){.gateway = owner, .id = id, .data = data};
    uv_timer_init(owner->prepare.loop, &self->timer);
    self->timer.data = self;
    owner->open_handles++;
    return self;
}

static void timer_closed(uv_handle_t *handle) {
    slirp_timer *self = handle->data;
    handle_closed(self->gateway);
    free(self);
}

static void timer_free(void *timer, void *opaque) {
    (void)opaque;
    slirp_timer *self = timer;
    uv_close((uv_handle_t *)&self->timer, timer_closed);
}

static void timer_modify(void *timer, int64_t expire_ms, void *opaque) {
    slirp_timer *self = timer;
    int64_t left = expire_ms - clock_get_ns(opaque) / 1000000;
    uv_timer_start(&self->timer, timer_fired, left > 0 ? (uint64_t)left : 0, 0);
}

// ---- descriptors ----

static void table_reach(gateway *self, int fd) {
    size_t size = self->table_size ? self->table_size : 64;
    while (size <= (size_t)fd)
        size *= 2;
    if (size == self->table_size)
        return;
    self->table = realloc(self->table, size * sizeof(gateway_descriptor *));
    if (!self->table)
        abort();
    memset(self->table + self->table_size, 0, (size - self->table_size) * sizeof(gateway_descriptor *));
    self->table_size = size;
}

static gateway_descriptor *descriptor_get(gateway *self, int fd) {
    table_reach(self, fd);
    if (self->table[fd])
        return self->table[fd];
    gateway_descriptor *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->fd = fd;
    if (uv_poll_init(self->prepare.loop, &made->poll, fd) < 0) {
        free(made);
        return NULL;
    }
    made->poll.data = made;
    made->next = self->descriptors;
    made->link = &self->descriptors;
    if (made->next)
        made->next->link = &made->next;
    self->descriptors = self->table[fd] = made;
    return made;
}

static void register_fd(int fd, void *opaque) {
    gateway *self = opaque; // it is watched from the next round on, with the events it is wanted for
    gateway_descriptor *found = descriptor_get(self, fd);
    if (found)
        gateway_forward_accepted(self, found);
}

static void descriptor_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void unregister_fd(int fd, void *opaque) {
    gateway *self = opaque;
    gateway_descriptor *found = fd >= 0 && (size_t)fd < self->table_size ? self->table[fd] : NULL;
    if (!found)
        return;
    self->table[fd] = NULL;
    *found->link = found->next;
    if (found->next)
        found->next->link = found->link;
    if (found->position < self->indexed_count && self->indexed[found->position] == found)
        self->indexed[found->position] = NULL;
    uv_close((uv_handle_t *)&found->poll, descriptor_closed);
}

static void notify(void *opaque) {
    (void)opaque; // only for forwards into the guest from this thread, which the next round sees
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_get_ns,
    .timer_free = timer_free,
    .timer_mod = timer_modify,
    .register_poll_fd = register_fd,
    .unregister_poll_fd = unregister_fd,
    .notify = notify,
    .timer_new_opaque = timer_new,
};

// ---- a round of the loop: fill, poll, give back ----

static void descriptor_ready(uv_poll_t *poll, int status, int events) {
    gateway_descriptor *self = poll->data;
    if (status < 0) { // libuv has stopped watching: an error or hang-up, which libslirp finds by reading
        self->started = 0;
        self->ready |= SLIRP_POLL_IN | SLIRP_POLL_OUT | SLIRP_POLL_ERR | SLIRP_POLL_HUP;
        return;
    }
    if (events & UV_READABLE)
        self->ready |= SLIRP_POLL_IN;
    if (events & UV_WRITABLE)
        self->ready |= SLIRP_POLL_OUT;
    if (events & UV_PRIORITIZED)
        self->ready |= SLIRP_POLL_PRI;
    if (events & UV_DISCONNECT)
        self->ready |= SLIRP_POLL_HUP;
}

static int add_poll(int fd, int events, void *opaque) {
    gateway *self = opaque;
    if (self->indexed_count == self->indexed_capacity) {
        self->indexed_capacity = self->indexed_capacity ? self->indexed_capacity * 2 : 64;
        self->indexed = realloc(self->indexed, self->indexed_capacity * sizeof(gateway_descriptor *));
        if (!self->indexed)
            abort();
    }
    gateway_descriptor *found = descriptor_get(self, fd);
    if (found) {
        found->position = self->indexed_count;
        found->wanted = found->round == self->round ? found->wanted | events : events;
        found->round = self->round;
    }
    self->indexed[self->indexed_count++] = found;
    return (int)self->indexed_count - 1;
}

static int get_events(int index, void *opaque) {
    gateway *self = opaque;
    if (index < 0 || (size_t)index >= self->indexed_count || !self->indexed[index])
        return 0;
    return self->indexed[index]->ready;
}

static void watch(gateway_descriptor *self) {
    int events = (self->wanted & SLIRP_POLL_IN ? UV_READABLE : 0) |
                 (self->wanted & SLIRP_POLL_OUT ? UV_WRITABLE : 0) |
                 (self->wanted & SLIRP_POLL_PRI ? UV_PRIORITIZED : 0) |
                 (self->wanted & SLIRP_POLL_HUP ? UV_DISCONNECT : 0);
    if (events == self->started)
        return;
    self->started = events;
    if (events)
        uv_poll_start(&self->poll, events, descriptor_ready);
    else
        uv_poll_stop(&self->poll);
}

// The timer only bounds the wait: the round that follows does the work.
static void wake(uv_timer_t *timer) {
    (void)timer;
}

static void before_wait(uv_prepare_t *prepare) {
    gateway *self = prepare->data;
    uint32_t timeout = UINT32_MAX;
    self->indexed_count = 0;
    self->round++;
    slirp_pollfds_fill(self->slirp, &timeout, add_poll, self);
    for (gateway_descriptor *each = self->descriptors; each; each = each->next) {
        if (each->round != self->round)
            each->wanted = 0;
        watch(each);
    }
    if (self->again)
        timeout = 0;
    self->again = false;
    if (timeout != UINT32_MAX)
        uv_timer_start(&self->timer, wake, timeout, 0);
    else
        uv_timer_stop(&self->timer);
}

static void after_wait(uv_check_t *check) {
    gateway *self = check->data;
    self->busy++;
    slirp_pollfds_poll(self->slirp, 0, get_events, self);
    self->busy--;
    for (gateway_descriptor *each = self->descriptors; each; each = each->next)
        each->ready = 0;
    give_waiting(self);
}

gateway *gateway_create(uv_loop_t *loop, const gateway_options *options, holm_error **error) {
    gateway *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->options = *options;
    SlirpConfig configuration = {
        .version = 4,
        .in_enabled = true,
        .vnetwork = {htonl(options->network)},
        .vnetmask = {htonl(options->netmask)},
        .vhost = {htonl(options->address)},
        .vnameserver = {htonl(options->address)},
        .vdhcp_start = {htonl(options->address + 1)},
        .in6_enabled = options->has_ip6,
        .vprefix_len = 64,
        .if_mtu = options->mtu,
        .if_mru = options->mtu,
        .disable_host_loopback = !options->host_loopback,
        .disable_dns = options->host_loopback,
        .disable_dhcp = true,
    };
    memcpy(&configuration.vprefix_addr6, options->network6, sizeof options->network6);
    memcpy(&configuration.vhost6, options->address6, sizeof options->address6);
    memcpy(&configuration.vnameserver6, options->address6, sizeof options->address6);
    uv_prepare_init(loop, &self->prepare);
    uv_check_init(loop, &self->check);
    uv_timer_init(loop, &self->timer);
    self->prepare.data = self->check.data = self->timer.data = self;
    self->open_handles = 3;
    self->slirp = slirp_new(&configuration, &callbacks, self);
    if (!self->slirp) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the gateway refuses this network (mtu %u)", options->mtu);
        gateway_destroy(self);
        return NULL;
    }
    uv_prepare_start(&self->prepare, before_wait);
    uv_check_start(&self->check, after_wait);
    return self;
}

void gateway_destroy(gateway *self) {
    if (!self)
        return;
    self->busy++;
    if (self->slirp)
        slirp_cleanup(self->slirp);
    while (self->descriptors)
        unregister_fd(self->descriptors->fd, self);
    gateway_forward_finish(self);
    while (self->waiting_count)
        free(self->waiting[--self->waiting_count].bytes);
    uv_close((uv_handle_t *)&self->prepare, core_handle_closed);
    uv_close((uv_handle_t *)&self->check, core_handle_closed);
    uv_close((uv_handle_t *)&self->timer, core_handle_closed);
}
