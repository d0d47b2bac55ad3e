// A shim without a container: its machine is a clone that has rehearsed a start twice, with disks and cards
// of nobody's, and is as it was before but for what its emulator has learnt. Then it stands still, takes no
// room on any disk, and waits to be sent a container, whose shim it becomes. It runs nothing but holm's own
// kernel and agent until then, and is not confined yet, as no shim is before its machine is ready.
//
// It ends when it is told to, when the host is short of memory, when nobody has wanted it for a while, and
// with anything that goes wrong: nobody waits for it.
#define LOG_MODULE "spare"
#include "core/container/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/acceptor.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/base/watch.h"
#include "core/container/shim_devices.h"

#define REHEARSALS      2
#define CALL_TIMEOUT_MS 60000
#define REHEARSAL_MS    120000  // for all of it
#define SETTLE_MS       3000    // in which the guest gives back what it has used; then it stands still
#define UNUSED_MS       1800000 // then it is of no use
#define LOG_MOST        (1 << 20)
#define FRAMES_MOST     65536 // that a rehearsal can leave in a socket

struct shim_spare {
    shim *shim;
    unsigned rehearsals; ///< that are left
    bool paused;
    int log;     ///< of all spares; no business of a container's shim
    char *place; ///< its folder, also while that becomes the container's
    uv_timer_t timer;
    uv_fs_event_t watched; ///< the folder that its own is in
    unsigned closing;      ///< handles that libuv still has
    acceptor *listener;
    watch *caller;
    rpc_stream *streams; ///< of the rehearsal's process
    Holm__Agent__V1__PrepareRequest *rehearsed;
};

void shim_spare_end(shim *self, const char *why) {
    log_info("it ends: %s", why);
    path_remove_tree(self->spare->place, NULL);
    _exit(0); // with it machine and helper
}

static void end_for(shim *self, const holm_error *error) {
    log_warning("%s", holm_error_message(error));
    shim_spare_end(self, "something is wrong");
}

// ---- being taken ----

// In the shim and in its helper: whose they are from now on. Takes `told` over.
int shim_spare_adopt(shim *self, json_t *told, holm_error **error) {
    const char *id = json_string_value(json_object_get(told, "id"));
    json_decref(self->told);
    self->told = told;
    if (!id || !container_id_valid(id)) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a spare was sent no container");
        return -1;
    }
    self->id = id;
    shim_take_name(self);
    free(self->folder);
    free(self->runtime);
    self->folder = container_folder(&self->where, id);
    self->runtime = container_runtime_folder(&self->where, id);
    return shim_read_configuration(self, error) < 0 ? -1 : shim_network_adopt(self, error);
}

// Its folder becomes that of the container, and nobody finds it as a spare any more.
static int move(const shim *self, const char *from, holm_error **error) {
    static const char *const own[] = {SPARE_SOCKET, "lock", "log", SPARE_ENDS};
    cleanup_free char *all = path_join(self->where.runtime, "c", NULL);
    if (path_make_directories(all, error) < 0)
        return -1;
    path_remove_tree(self->runtime, NULL); // of a shim that was killed
    if (rename(from, self->runtime) < 0) {
        holm_error_set_errno(error, errno, "move %s to %s", from, self->runtime);
        return -1;
    }
    for (size_t i = 0; i < array_length(own); i++) {
        cleanup_free char *path = path_join(self->runtime, own[i], NULL);
        path_remove_tree(path, NULL);
    }
    return 0;
}

static void forget_frames(const shim *self) {
    char frame;
    for (const shim_card *card = self->cards; card; card = card->next)
        for (int i = 0; i < FRAMES_MOST && recv(card->port.far, &frame, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0;)
            i++;
}

static void join_trace(const shim *self) {
    const char *trace = json_string_value(json_object_get(self->told, "trace"));
    if (!trace)
        return;
    setenv("HOLM_TRACE", trace, 1);
    trace_init("holm-shim");
}

// Its volumes and the daemon of its shares come as for a boot, but to a machine that is there.
static int plug_mounts(shim *self, holm_error **error) {
    self->plugged = json_array_size(json_object_get(self->configuration, "mounts")) > 0;
    return shim_volume_add(self, error) < 0 ? -1 : shim_share_add(self, error);
}

static int become(shim *self, const char *text, holm_error **error) {
    const char *before = self->spare->place;
    json_t *told = json_loads(text, 0, NULL);
    int life = -1;
    if (shim_spare_adopt(self, told, error) < 0 ||
        (life = container_life_lock(&self->where, self->id, false, error)) < 0 ||
        move(self, before, error) < 0) {
        if (life >= 0)
            close(life);
        return -1;
    }
    free(self->spare->place);
    self->spare->place = strdup(self->runtime);
    join_trace(self);
    close(self->life); // the spare's own
    self->life = life;
    cleanup_free char *boot_log = path_join(self->folder, "log", "boot.log", NULL);
    if (shim_take_over(self, error) < 0 || shim_helper_adopt(self, text, error) < 0 ||
        self->driver->move_boot_log(self->machine, boot_log, error) < 0 ||
        shim_disks(self, self->driver->change_disk, error) < 0 || plug_mounts(self, error) < 0)
        return -1;
    forget_frames(self);
    shim_begin_sessions(self);
    return shim_listen(self, error);
}

static void handle_closed(uv_handle_t *handle) {
    shim_spare *self = handle->data;
    if (--self->closing > 0)
        return;
    free(self->place);
    free(self);
}

// Whoever sent the container starts an ordinary shim for it.
static void give_up(shim *self, const holm_error *error) {
    log_error("a spare could not become the shim of a container: %s", holm_error_message(error));
    shim_give_up(self, self->spare ? self->spare->place : self->runtime, error);
}

static void machine_has_disks(const holm_error *error, void *data) {
    shim *self = data;
    cleanup_error holm_error *problem = NULL;
    if (error)
        give_up(self, error);
    shim_step(self, "has its disks");
    shim_confine_prepare(self);
    if (shim_confine(self, &problem) < 0)
        give_up(self, problem);
    shim_ready(self);
    shim_network_join(self);
}

static void take(shim *self, const char *text, const int fds[SPARE_FDS]) {
    shim_spare *spare = self->spare;
    cleanup_error holm_error *error = NULL;
    self->begin_ns = trace_now();
    self->lifeline = fds[0];
    self->launch_lock = fds[1];
    log_info("taken");
    prctl(PR_SET_NAME, "holm-shim");
    if (!spare->paused) // while devices come
        self->driver->pause(self->machine, NULL, NULL);
    if (become(self, text, &error) < 0)
        give_up(self, error);
    if (spare->log >= 0)
        close(steal_fd(&spare->log));
    watch_destroy(steal_pointer(&spare->caller));
    acceptor_destroy(steal_pointer(&spare->listener)); // whoever waits there tries another one
    self->driver->resume(self->machine, NULL, NULL);
    self->spare = NULL;
    holm__agent__v1__prepare_request__free_unpacked(spare->rehearsed, NULL);
    spare->closing = 2;
    uv_close((uv_handle_t *)&spare->timer, handle_closed);
    uv_close((uv_handle_t *)&spare->watched, handle_closed);
    self->driver->settle(self->machine, machine_has_disks, self);
}

// One message with the end of a pipe and a lock (else -1). The caller frees the text.
static char *receive(int from, int fds[SPARE_FDS]) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(SPARE_FDS * sizeof(int))];
    } space = {0};
    char *text = malloc(SPARE_TOLD_MOST + 1);
    if (!text)
        abort();
    struct iovec vector = {text, SPARE_TOLD_MOST};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
    ssize_t got = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    fds[0] = fds[1] = -1;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(SPARE_FDS * sizeof(int)))
        memcpy(fds, CMSG_DATA(header), SPARE_FDS * sizeof(int));
    text[got > 0 ? got : 0] = 0;
    return text;
}

static void on_word(void *data, int events) {
    shim_spare *self = data;
    int fds[SPARE_FDS];
    (void)events;
    cleanup_free char *text = receive(watch_fd(self->caller), fds);
    if (strcmp(text, SPARE_ENDS) == 0)
        shim_spare_end(self->shim, "it is not wanted any more");
    if (*text && fds[0] >= 0) {
        take(self->shim, text, fds);
        return;
    }
    for (size_t i = 0; i < SPARE_FDS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    watch_destroy(steal_pointer(&self->caller)); // killed before it said what it wanted
    acceptor_pause(self->listener, false);
}

static void on_caller(void *data, int fd, const struct sockaddr_storage *peer) {
    shim_spare *self = data;
    cleanup_error holm_error *error = NULL;
    (void)peer;
    self->caller = watch_create(self->shim->loop, fd, on_word, self, &error);
    if (!self->caller)
        return;
    acceptor_pause(self->listener, true);
    watch_events(self->caller, UV_READABLE);
}

// ---- waiting ----

static void on_unused(uv_timer_t *timer) {
    shim_spare_end(((shim_spare *)timer->data)->shim, "nobody has wanted it for long");
}

static void on_settled(uv_timer_t *timer) {
    shim_spare *self = timer->data;
    self->paused = true;
    self->shim->driver->pause(self->shim->machine, NULL, NULL);
    uv_timer_start(timer, on_unused, UNUSED_MS, 0);
}

// Its socket gets its name when callers can be heard: whoever sees it may call.
static int listen_for_callers(shim *self, holm_error **error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_free char *path = path_join(self->runtime, SPARE_SOCKET, NULL);
    if (snprintf(address.sun_path, sizeof address.sun_path, "%s.new", path) >= (int)sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_INVALID, "the path %s is too long", self->runtime);
        return -1;
    }
    cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, SPARE_POOL_MOST) < 0 || rename(address.sun_path, path) < 0) {
        holm_error_set_errno(error, errno, "listen at %s", address.sun_path);
        return -1;
    }
    self->spare->listener = acceptor_create(self->loop, steal_fd(&fd), on_caller, self->spare, error);
    return self->spare->listener ? 0 : -1;
}

static void disks_are_empty(const holm_error *error, void *data) {
    shim *self = data;
    cleanup_error holm_error *problem = NULL;
    cleanup_free char *mark = path_join(self->runtime, SPARE_ENDS, NULL);
    if (access(mark, F_OK) == 0)
        shim_spare_end(self, "it is not wanted any more");
    if (error)
        end_for(self, error);
    if (listen_for_callers(self, &problem) < 0)
        end_for(self, problem);
    shim_pressure_start(self);
    shim_step(self, "ready");
    uv_timer_start(&self->spare->timer, on_settled, SETTLE_MS, 0);
}

// ---- rehearsing ----

static void rehearse(shim_spare *self);

static void was_reset(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim_spare *self = data;
    cleanup_error holm_error *problem = NULL;
    (void)response;
    if (error)
        end_for(self->shim, error);
    if (self->rehearsals > 0) {
        rehearse(self);
        return;
    }
    static const machine_disk none[] = {{.name = SHIM_DISK_LAYERS}, {.name = SHIM_DISK_WRITABLE}};
    for (size_t i = 0; i < array_length(none); i++)
        if (self->shim->driver->change_disk(self->shim->machine, &none[i], &problem) < 0)
            end_for(self->shim, problem);
    self->shim->driver->settle(self->shim->machine, disks_are_empty, self->shim);
}

static void was_answered(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim_spare *self = data;
    (void)response;
    if (error)
        end_for(self->shim, error);
}

static void ask(shim_spare *self, const char *method, const ProtobufCMessage *request, rpc_call_done done) {
    rpc_call_unary(self->shim->agent, shim_agent_protocol(), method, request, done, self, CALL_TIMEOUT_MS);
}

static void process_has_ended(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    shim_spare *self = data;
    (void)stream;
    if (code != RPC_OK) {
        log_warning("the rehearsal: %s", text ? text : "");
        shim_spare_end(self->shim, "something is wrong");
    }
    Holm__Agent__V1__ProcessRequest process = HOLM__AGENT__V1__PROCESS_REQUEST__INIT;
    process.name = (char *)SHIM_INIT;
    ask(self, "DeleteProcess", &process.base, was_answered);
    Holm__Agent__V1__ResetRequest request = HOLM__AGENT__V1__RESET_REQUEST__INIT;
    request.root = self->rehearsed->root;
    request.interfaces = self->rehearsed->interfaces;
    request.n_interfaces = self->rehearsed->n_interfaces;
    ask(self, "Reset", &request.base, was_reset);
}

static void start_process(shim_spare *self) {
    static const rpc_stream_events events = {.close = process_has_ended};
    Holm__Agent__V1__CreateProcessRequest request = HOLM__AGENT__V1__CREATE_PROCESS_REQUEST__INIT;
    Holm__Agent__V1__AttachHeader header = HOLM__AGENT__V1__ATTACH_HEADER__INIT;
    Holm__Agent__V1__AttachInput input;
    holm__agent__v1__attach_input__init(&input);
    request.name = header.process = (char *)SHIM_INIT;
    request.process = configuration_process(self->shim->configuration);
    request.process->terminal = self->rehearsals % 2;
    request.start = true;
    ask(self, "CreateProcess", &request.base, was_answered);
    holm__agent__v1__process__free_unpacked(request.process, NULL);
    input.part_case = HOLM__AGENT__V1__ATTACH_INPUT__PART_HEADER;
    input.header = &header;
    self->streams = rpc_call_open(self->shim->agent, shim_agent_protocol(), "Attach", &events, self, 0);
    rpc_stream_send(self->streams, &input.base);
}

// What a start asks of the agent, in its order.
static void rehearse(shim_spare *self) {
    cleanup_error holm_error *error = NULL;
    char id[33];
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        shim_spare_end(self->shim, "there are no random numbers");
    snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)random[0], (unsigned long long)random[1]);
    self->rehearsals--;
    if (self->rehearsed)
        holm__agent__v1__prepare_request__free_unpacked(self->rehearsed, NULL);
    self->rehearsed = shim_prepare_request(self->shim, id, &error);
    if (!self->rehearsed)
        end_for(self->shim, error);
    ask(self, "Prepare", &self->rehearsed->base, was_answered);
    start_process(self);
}

void shim_spare_rehearse(shim *self) {
    shim_step(self, "rehearses");
    rehearse(self->spare);
}

// ---- beginning ----

static void on_late(uv_timer_t *timer) {
    shim_spare_end(((shim_spare *)timer->data)->shim, "it took too long");
}

// All that is holm's may have been removed. (Its own folder would not tell: the sockets in it keep that
// there.)
static void folder_changed(uv_fs_event_t *watched, const char *name, int events, int status) {
    shim_spare *self = watched->data;
    (void)name, (void)events, (void)status;
    if (access(self->place, F_OK) < 0)
        shim_spare_end(self->shim, "its folder is gone");
}

static int make_folder(shim *self, holm_error **error) {
    const char *shape = json_string_value(json_object_get(self->told, "shape"));
    uint32_t number;
    if (paths_init(&self->where, error) < 0)
        return -1;
    if (!shape || getrandom(&number, sizeof number, 0) != sizeof number) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a spare needs a shape");
        return -1;
    }
    cleanup_free char *name = path_format("%s-%08x", shape, number);
    self->folder = spare_folder(&self->where, name);
    self->runtime = spare_folder(&self->where, name);
    self->spare->place = spare_folder(&self->where, name);
    cleanup_free char *logs = path_join(self->folder, "log", NULL),
                      *lock = path_join(self->folder, "lock", NULL);
    if (path_make_directories(logs, error) < 0)
        return -1;
    self->life = file_lock(lock, true, false, error);
    return self->life < 0 ? -1 : 0;
}

// One for all of them, as their folders go with them. Nothing but holm's own words is in it.
static void open_common_log(shim *self) {
    cleanup_free char *path = path_join(self->where.runtime, "s", "log", NULL);
    struct stat status;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > LOG_MOST && ftruncate(fd, 0) < 0)
        close(steal_fd(&fd));
    log_init(fd, LOG_LEVEL_INFO);
    self->spare->log = fd;
}

int shim_spare_begin(shim *self, holm_error **error) {
    self->spare = calloc(1, sizeof *self->spare);
    if (!self->spare)
        abort();
    *self->spare = (shim_spare){.shim = self, .rehearsals = REHEARSALS};
    prctl(PR_SET_NAME, "holm-spare");
    if (make_folder(self, error) < 0)
        return -1;
    open_common_log(self);
    self->configuration = json_incref(json_object_get(self->told, "configuration"));
    self->name = strdup("spare");
    const char *empty = json_string_value(json_object_get(self->told, "disk"));
    cleanup_free char *disk = path_join(self->folder, "rw.ext4", NULL);
    if (file_copy_sparse(empty ? empty : "", disk, error) < 0 || shim_network_init(self, error) < 0 ||
        shim_helper_start(self, error) < 0)
        return -1;
    uv_timer_init(self->loop, &self->spare->timer);
    self->spare->timer.data = self->spare;
    uv_timer_start(&self->spare->timer, on_late, REHEARSAL_MS, 0);
    uv_fs_event_init(self->loop, &self->spare->watched);
    self->spare->watched.data = self->spare;
    cleanup_free char *all = path_join(self->where.runtime, "s", NULL);
    if (uv_fs_event_start(&self->spare->watched, folder_changed, all, 0) < 0)
        log_warning("its folder cannot be watched");
    int result = shim_boot(self, error);
    unlink(disk); // the machine has it open
    return result;
}
