// The machine, the agent in it, and init: everything until the container runs.
#define LOG_MODULE "boot"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/base/fault.h"
#include "core/base/log.h"
#include "core/base/trace.h"
#include "core/container/shim_devices.h"

#define PREPARE_TIMEOUT_MS 60000
#define FILL_TIMEOUT_MS    3600000 // where a new volume may be filled from the image
#define CONTEXT_ID         3
#define LAYERS_MOST        500
#define EVENTS_PENDING     64          // of out-of-memory, on their way to state.db
#define EVENT_NAME_MOST    64          // bytes of a process's name
#define GUEST_LOG_MOST     (1ul << 20) // bytes of the guest's words in shim.log
#define GUEST_LOG_LINE     64          // what a line has besides them

#define METHOD(name_, request_, response_)                                    \
    {                                                                         \
        .name = name_, .request = &holm__agent__v1__##request_##__descriptor, \
        .response = &holm__agent__v1__##response_##__descriptor,              \
    }

const rpc_service *shim_agent_protocol(void) {
    static const rpc_method methods[] = {
        METHOD("Prepare", prepare_request, prepare_response),
        METHOD("Reset", reset_request, empty),
        METHOD("Events", empty, event),
        METHOD("Shutdown", shutdown_request, shutdown_response),
        METHOD("CreateProcess", create_process_request, create_process_response),
        METHOD("SignalProcess", signal_process_request, empty),
        METHOD("DeleteProcess", process_request, empty),
        METHOD("ListProcesses", empty, list_processes_response),
        METHOD("FilesystemOperation", filesystem_operation_request, filesystem_operation_response),
        METHOD("Attach", attach_input, attach_output),
        METHOD("Copy", copy_message, copy_message),
        METHOD("ReclaimMemory", reclaim_memory_request, reclaim_memory_response),
        METHOD("RelaySocket", relay_socket_request, relay_socket_response),
        METHOD("Stat", stat_request, stat_response),
        METHOD("ListFolder", folder_request, folder_response),
        METHOD("ReadFile", file_request, file_response),
        METHOD("Statistics", empty, statistics_response),
        METHOD("MountAdd", mount_request, empty),
        METHOD("MountRemove", mount_remove_request, empty),
        METHOD("ReportChanges", report_changes_request, report_changes_response),
        METHOD("Rescan", empty, empty),
        METHOD("Eject", eject_request, empty),
        METHOD("LinkSet", interface, empty),
        METHOD("RouteAdd", route_request, empty),
        METHOD("ConfigureDns", dns, empty),
        METHOD("ConfigureHosts", hosts, empty),
    };
    static const rpc_service service = {
        .name = "holm.agent.v1.Agent", .methods = methods, .method_count = array_length(methods)};
    return &service;
}

// ---- the guest ----

static void agent_lost(rpc_connection *connection, void *data) {
    shim *self = data;
    (void)connection;
    rpc_connection_destroy(steal_pointer(&self->agent));
    self->agent_events = NULL;
    if (self->spare)
        shim_spare_end(self, "its agent is gone");
    // A guest without its agent is of no use: it has crashed, and with it everything inside.
    if (self->phase < SHIM_CLOSED && !self->machine_stopping) {
        log_warning("the agent is gone");
        self->driver->stop(self->machine);
    }
}

// A guest can say much, and nothing very often: the log takes so much of it and no more.
static void guest_says(shim *self, const char *what, const char *text) {
    size_t length = strlen(text) + GUEST_LOG_LINE;
    if (length > GUEST_LOG_MOST - self->guest_log_bytes)
        return;
    self->guest_log_bytes += length;
    log_info("%s: %s", what, text);
}

static void event_message(rpc_stream *stream, const ProtobufCMessage *message, void *data) {
    shim *self = data;
    (void)stream;
    if (self->spare)
        return;
    const Holm__Agent__V1__Event *event = (const Holm__Agent__V1__Event *)message;
    switch (event->what_case) {
    case HOLM__AGENT__V1__EVENT__WHAT_PROCESS_EXIT: {
        session *ended = session_find(self, event->process_exit->name);
        if (ended)
            session_process_ended(ended);
        break;
    }
    case HOLM__AGENT__V1__EVENT__WHAT_OUT_OF_MEMORY:
        if (self->job_count < EVENTS_PENDING && strlen(event->out_of_memory->process) <= EVENT_NAME_MOST)
            shim_store_note(self, NULL, "oom", json_pack("{s:s}", "process", event->out_of_memory->process));
        break;
    case HOLM__AGENT__V1__EVENT__WHAT_FILESYSTEM_ERROR:
        guest_says(self, "file system error", event->filesystem_error->text);
        break;
    case HOLM__AGENT__V1__EVENT__WHAT_LOG:
        guest_says(self, "agent", event->log->text);
        break;
    default:
        break;
    }
}

static void event_close(rpc_stream *stream, rpc_code code, const char *text, void *data) {
    shim *self = data;
    (void)stream, (void)code, (void)text;
    self->agent_events = NULL;
}

static void prepare(shim *self);

static void listen_to_events(shim *self) {
    static const rpc_stream_events events = {.message = event_message, .close = event_close};
    static const Holm__Agent__V1__Empty empty = HOLM__AGENT__V1__EMPTY__INIT;
    self->agent_events = rpc_call_open(self->agent, shim_agent_protocol(), "Events", &events, self, 0);
    rpc_stream_send(self->agent_events, &empty.base);
    rpc_stream_half_close(self->agent_events);
}

void shim_boot_network_ready(shim *self) {
    self->network_ready = true;
    prepare(self);
}

void shim_boot_confined(shim *self) {
    self->confined = true;
    prepare(self);
}

static void ask_for_init(shim *self) {
    if (self->init_asked)
        return;
    self->init_asked = true;
    fault_point("run.init-creating");
    session_start(self->init);
}

static void begin_init(shim *self) {
    if (self->phase != SHIM_PREPARED || !self->start_wanted)
        return;
    self->phase = SHIM_STARTING;
    ask_for_init(self);
}

static void sockets_are_there(shim *self) {
    self->phase = SHIM_PREPARED;
    begin_init(self);
}

static void prepared(const ProtobufCMessage *response, const holm_error *error, void *data) {
    shim *self = data;
    if (self->phase != SHIM_BOOTING)
        return;
    if (error) {
        holm_error *cause = holm_error_copy(error);
        holm_error_wrap(&cause, "set up the container's machine");
        shim_start_failed(self, cause);
        holm_error_free(cause);
        return;
    }
    const Holm__Agent__V1__PrepareResponse *answer = (const Holm__Agent__V1__PrepareResponse *)response;
    if (answer->n_steps)
        shim_trace_clock(self, self->prepare_ns, answer->begin_ns,
                         answer->steps[answer->n_steps - 1]->end_ns);
    shim_trace_guest(self, answer->steps, answer->n_steps);
    shim_step(self, "prepared");
    fault_point("run.prepared");
    self->agent_ready = true;
    shim_pressure_start(self);
    shim_socket_join(self, sockets_are_there);
}

Holm__Agent__V1__PrepareRequest *shim_prepare_request(const shim *self, const char *id, holm_error **error) {
    Holm__Agent__V1__PrepareRequest *request =
        configuration_prepare(self->configuration, id, json_object_get(self->told, "networks"), error);
    for (size_t i = 0; request && i < request->n_interfaces; i++) {
        int slot = self->driver->device_slot(self->machine, request->interfaces[i]->name);
        request->interfaces[i]->slot = slot > 0 ? (uint32_t)slot : 0;
    }
    if (request)
        request->plugged = self->spare || self->plugged;
    return request;
}

static void prepare(shim *self) {
    if (!self->agent || !self->network_ready || !self->confined || self->phase != SHIM_BOOTING)
        return;
    holm_error *error = NULL;
    Holm__Agent__V1__PrepareRequest *request = shim_prepare_request(self, self->id, &error);
    if (!request) {
        shim_start_failed(self, error);
        holm_error_free(error);
        return;
    }
    shim_step(self, "agent connected");
    self->prepare_ns = trace_now();
    bool fills = false;
    for (size_t i = 0; i < request->n_mounts; i++)
        fills = fills || request->mounts[i]->fill;
    rpc_call_unary(self->agent, shim_agent_protocol(), "Prepare", &request->base, prepared, self,
                   fills ? FILL_TIMEOUT_MS : PREPARE_TIMEOUT_MS);
    holm__agent__v1__prepare_request__free_unpacked(request, NULL);
    // The agent makes what is asked for now when it is prepared: no way there and back in between.
    if (self->start_wanted && !self->sockets)
        ask_for_init(self);
    listen_to_events(self);
}

void shim_start(shim *self) {
    if (!self->start_wanted)
        shim_step(self, "start asked for");
    self->start_wanted = true;
    begin_init(self);
}

void shim_start_failed(shim *self, const holm_error *error) {
    if (self->spare) {
        log_warning("%s", holm_error_message(error));
        shim_spare_end(self, "its machine did not start");
    }
    holm_error_code code = holm_error_code_of(error);
    int exit_code = code == HOLM_ERROR_PROGRAM_NOT_FOUND ? 127
                    : code == HOLM_ERROR_NOT_EXECUTABLE  ? 126
                                                         : 125;
    log_warning("start failed: %s", holm_error_message(error));
    shim_end(self, exit_code, "start-failed", 0, error);
}

// ---- the machine ----

static void agent_connected(int fd, const holm_error *error, void *data) {
    shim *self = data;
    if (error || self->phase != SHIM_BOOTING) {
        if (fd >= 0)
            close(fd);
        if (error && self->phase == SHIM_BOOTING)
            shim_start_failed(self, error);
        return;
    }
    holm_error *cause = NULL;
    self->agent = rpc_connection_create(self->loop, fd, agent_lost, self, &cause);
    if (!self->agent) {
        shim_start_failed(self, cause);
        holm_error_free(cause);
        return;
    }
    if (self->spare)
        shim_spare_rehearse(self);
    else
        prepare(self);
}

static void machine_ready(void *data) {
    shim *self = data;
    shim_step(self, "machine ready");
    fault_point("run.machine-ready");
    cleanup_error holm_error *error = NULL;
    if (!self->spare && shim_confine(self, &error) < 0)
        shim_start_failed(self, error);
    else if (self->phase == SHIM_BOOTING)
        self->driver->connect(self->machine, SHIM_AGENT_PORT, agent_connected, self);
}

static void machine_failed(const holm_error *error, void *data) {
    shim *self = data;
    if (self->phase <= SHIM_STARTING)
        shim_start_failed(self, error);
}

static void mark_stall(const shim *self) {
    cleanup_free char *mark = container_stall_mark(&self->where, self->id);
    int fd = self->stalled ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (fd >= 0)
        close(fd);
    if (!self->stalled)
        unlink(mark);
}

static void machine_stalled(bool stalled, void *data) {
    shim *self = data;
    if (self->spare)
        shim_spare_end(self, "there is no room on the disk");
    self->stalled = stalled;
    mark_stall(self);
    shim_store_note(self, NULL, stalled ? "disk-full" : "disk-room", NULL);
}

static void machine_was_closed(machine_end end, void *data) {
    shim *self = data;
    if (self->spare)
        shim_spare_end(self, "its machine has ended");
    shim_machine_closed(self, end);
}

int shim_disks(shim *self, int (*put)(machine *self, const machine_disk *disk, holm_error **error),
               holm_error **error) {
    const json_t *layers = json_object_get(self->configuration, "layers");
    size_t count = json_array_size(layers);
    if (count > LAYERS_MOST) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the image has %zu layers, more than %d", count, LAYERS_MOST);
        return -1;
    }
    char *files[LAYERS_MOST];
    for (size_t i = 0; i < count; i++)
        files[i] = path_join(self->where.data, "layers",
                             json_string_value(json_object_get(json_array_get(layers, i), "file")), NULL);
    const machine_disk lower = {.name = SHIM_DISK_LAYERS,
                                .read_only = true,
                                .layers = (const char *const *)files,
                                .layer_count = count};
    int result = count ? put(self->machine, &lower, error) : 0;
    for (size_t i = 0; i < count; i++)
        free(files[i]);
    cleanup_free char *path = path_join(self->folder, "rw.ext4", NULL);
    const machine_disk upper = {.name = SHIM_DISK_WRITABLE, .path = path};
    return result < 0 ? -1 : put(self->machine, &upper, error);
}

static char *find_part(const char *variable, const char *told, char *otherwise) {
    const char *value = getenv(variable);
    if (!value || !*value)
        value = told;
    if (!value || !*value)
        return otherwise;
    free(otherwise);
    return path_format("%s", value);
}

static int check_part(const char *path, const char *what, const char *hint, holm_error **error) {
    if (access(path, R_OK) == 0)
        return 0;
    holm_error_set_errno(error, errno, "find the %s %s", what, path);
    holm_error_hint(error, "%s", hint);
    return -1;
}

static machine_accelerator choose_accelerator(const shim *self, const char *kernel) {
    const char *told = json_string_value(json_object_get(self->told, "accelerator"));
    if (told && strcmp(told, "kvm") == 0)
        return MACHINE_KVM;
    if (told && strcmp(told, "tcg") == 0)
        return MACHINE_EMULATION;
    return machine_accelerator_probe(self->where.cache, kernel, NULL);
}

// Memory is given as it is used, so a machine may be promised much; but not more than there is.
static int check_memory(const shim *self, holm_error **error) {
    struct sysinfo host;
    uint64_t wanted = configuration_vm_memory(self->configuration);
    if (sysinfo(&host) < 0 || wanted <= (uint64_t)(host.totalram + host.totalswap) * host.mem_unit)
        return 0;
    holm_error_set(error, HOLM_ERROR_NO_MEMORY,
                   "the container %s is to have %llu MiB of memory, which this machine has not", self->name,
                   (unsigned long long)(wanted >> 20));
    holm_error_hint(error, "make it again with a smaller --memory");
    return -1;
}

int shim_boot(shim *self, holm_error **error) {
    if (check_memory(self, error) < 0)
        return -1;
    shim_pressure_open(self);
    const char *told_kernel = json_string_value(json_object_get(self->told, "kernel"));
#if defined(__x86_64__)
    cleanup_free char *kernel = find_part("HOLM_KERNEL", told_kernel,
                                          path_join(self->where.cache, "kernel", "x86_64", "vmlinux", NULL));
    cleanup_free char *initramfs =
        find_part("HOLM_INITRAMFS", NULL, path_join(self->where.share, "initramfs-x86_64.cpio", NULL));
#else
    cleanup_free char *kernel = find_part("HOLM_KERNEL", told_kernel,
                                          path_join(self->where.cache, "kernel", "aarch64", "Image", NULL));
    cleanup_free char *initramfs =
        find_part("HOLM_INITRAMFS", NULL, path_join(self->where.share, "initramfs-aarch64.cpio", NULL));
#endif
    if (check_part(kernel, "kernel", "build it with share/holm/kernel/build.sh, or name one in HOLM_KERNEL",
                   error) < 0 ||
        check_part(initramfs, "guest image", "install holm anew, or name one in HOLM_INITRAMFS", error) < 0)
        return -1;
    cleanup_free char *boot_log = path_join(self->folder, "log", "boot.log", NULL);
    cleanup_free char *templates = path_join(self->where.cache, "templates", NULL);
    self->accelerator = choose_accelerator(self, kernel);
    const machine_configuration shape = {
        .cpus = configuration_vm_cpus(self->configuration),
        .memory_bytes = configuration_vm_memory(self->configuration),
        .accelerator = self->accelerator,
        .kernel = kernel,
        .initramfs = initramfs,
        .runtime_directory = self->runtime,
        .boot_log = boot_log,
        .context_id = CONTEXT_ID,
        .template_directory = json_is_true(json_object_get(self->told, "cold")) ? NULL : templates,
        .confine = true,
    };
    static const machine_events events = {.ready = machine_ready,
                                          .failed = machine_failed,
                                          .stalled = machine_stalled,
                                          .closed = machine_was_closed};
    self->machine = self->driver->create(self->loop, &shape, &events, self, error);
    if (!self->machine)
        return -1;
    if (shim_disks(self, self->driver->add_disk, error) < 0 || shim_volume_add(self, error) < 0 ||
        shim_network_add(self, error) < 0 || shim_share_add(self, error) < 0 ||
        shim_socket_add(self, error) < 0 || self->driver->start(self->machine, error) < 0) {
        self->driver->destroy(steal_pointer(&self->machine));
        return -1;
    }
    shim_step(self, "machine started");
    fault_point("run.machine-started");
    return 0;
}
