// holm-image: the image worker's process. It begins by letting go of who started it, and forks the process
// that runs credential helpers before anything else is open.
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/base/confine.h"
#include "core/base/file.h"
#include "core/config/config.h"
#include "core/image/image_client.h"
#include "core/image/worker.h"
#include "core/registry/proxy_environment.h"
#include "core/registry/registry_settings.h"

#define LOG_MODULE "image"
#include "core/base/log.h"

#define PATHS_MAX 128 // that the configuration names

// The one who started us learns how it went.
static void answer(const holm_error *error) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (error)
        buffer_append_format(&text, "E%s\n%s\n%s\n", holm_error_code_name(holm_error_code_of(error)),
                             holm_error_message(error),
                             holm_error_hint_of(error) ? holm_error_hint_of(error) : "");
    else
        buffer_append_text(&text, "R");
    file_write_all(IMAGE_CLIENT_ANSWER_FD, text.data, text.length);
    close(IMAGE_CLIENT_ANSWER_FD);
    close(IMAGE_CLIENT_LOCK_FD);
}

static bool started_by_client(void) {
    return fcntl(IMAGE_CLIENT_ANSWER_FD, F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(IMAGE_CLIENT_LOCK_FD, F_SETFD, FD_CLOEXEC) == 0;
}

// Its parent gets no child to bury.
static void leave_parent(void) {
    pid_t child = fork();
    if (child > 0)
        _exit(0);
}

static int open_log(const paths *where) {
    cleanup_free char *path = path_join(where->runtime, "image.log", NULL);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

typedef struct process {
    paths where;
    uv_loop_t loop;
    uv_signal_t signals[2];
    credential_broker *broker;
    config *config;
    int lock;
    worker *worker;
    char *certificate_folders[5];
    char *named[PATHS_MAX + 1]; // files that the configuration names
} process;

static void read_config(process *self, holm_error **error) {
    self->config = config_load(self->where.config, error);
    static const char *const keys[] = {"ca", "certificate", "key"};
    size_t count = 0;
    const char *host;
    json_t *table;
    json_object_foreach ((json_t *)(self->config ? config_get(self->config, "registry") : NULL), host,
                         table) {
        for (size_t i = 0; i < array_length(keys) && count < PATHS_MAX; i++) {
            const char *path = json_string_value(json_object_get(table, keys[i]));
            if (path)
                self->named[count++] = registry_setting_path(path);
        }
    }
}

static void find_certificates(process *self) {
    const char *home = getenv("HOME");
    size_t count = 0;
    self->certificate_folders[count++] = path_join(self->where.config, "certs.d", NULL);
    if (home && *home)
        self->certificate_folders[count++] = path_join(home, ".config/containers/certs.d", NULL);
    self->certificate_folders[count++] = strdup("/etc/containers/certs.d");
    self->certificate_folders[count] = strdup("/etc/docker/certs.d");
}

static void on_signal(uv_signal_t *handle, int number) {
    process *self = handle->data;
    log_info("signal %d: ending", number);
    for (size_t i = 0; i < array_length(self->signals); i++)
        uv_close((uv_handle_t *)&self->signals[i], NULL);
    worker_stop(self->worker);
}

static void watch_signals(process *self) {
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < array_length(numbers); i++) {
        uv_signal_init(&self->loop, &self->signals[i]);
        self->signals[i].data = self;
        uv_signal_start(&self->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&self->signals[i]);
    }
}

// A registry, a tar or a disk that breaks us reaches images and nothing else of the user's: no container, no
// volume, no other files, no other sockets, no programs. Certificates, resolver files and stored credentials
// can be read.
static int confine_self(const process *self, holm_error **error) {
    const char *home = getenv("HOME");
    cleanup_free char *containers =
        path_join(home ? home : "/nonexistent", ".config/containers/certs.d", NULL);
    const char *read_only[PATHS_MAX + 16] = {"/etc",
                                             "/usr/lib",
                                             "/lib",
                                             "/usr/share/ca-certificates",
                                             "/usr/local/share/ca-certificates",
                                             "/dev/urandom",
                                             "/proc/sys/vm",
                                             "/proc/self/mounts", // libext2fs looks whether a disk is mounted
                                             "/run/systemd/resolve",
                                             "/run/NetworkManager",
                                             "/run/resolvconf",
                                             self->where.config,
                                             containers,
                                             NULL};
    for (size_t to = 0, from = 0; self->named[from]; to++)
        if (!read_only[to])
            read_only[to] = self->named[from++];
    static const char *const kept[] = {"images", "layers", "disks", "commits", "state"};
    const char *read_write[array_length(kept) + 2] = {self->where.runtime};
    char *folders[array_length(kept)];
    for (size_t i = 0; i < array_length(kept); i++) {
        read_write[i + 1] = folders[i] = path_join(self->where.data, kept[i], NULL);
        if (path_make_directories(folders[i], error) < 0)
            return -1;
    }
    // Kept open: procfs makes a new file, which no rule knows, once it has forgotten this one.
    if (open("/proc/self/mounts", O_PATH | O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "open /proc/self/mounts");
        return -1;
    }
    confine *rules =
        confine_create(&(confine_rules){.read_only = read_only, .read_write = read_write, .network = true});
    int number = confine_enter(rules);
    confine_destroy(rules);
    for (size_t i = 0; i < array_length(kept); i++)
        free(folders[i]);
    if (number)
        holm_error_set_errno(error, number, "confine holm-image");
    return number ? -1 : 0;
}

static int set_up(process *self, holm_error **error) {
    if (paths_init(&self->where, error) < 0)
        return -1;
    log_init(open_log(&self->where), LOG_LEVEL_INFO);
    self->broker = credential_broker_create(error);
    if (!self->broker)
        return -1;
    // One that is just leaving has it for a moment longer.
    cleanup_free char *lock = image_client_worker_lock(&self->where);
    self->lock = file_lock(lock, true, true, error);
    if (self->lock < 0)
        return -1;
    read_config(self, error);
    if (!self->config)
        return -1;
    find_certificates(self);
    proxy_environment_prepare();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    uv_loop_init(&self->loop);
    const worker_options options = {
        .loop = &self->loop,
        .where = &self->where,
        .broker = self->broker,
        .certificate_folders = (const char *const *)self->certificate_folders,
        .settings = config_get(self->config, "registry"),
    };
    self->worker = worker_create(&options, error);
    // Once the socket is there, and before libuv has threads, which would stay outside.
    if (!self->worker || path_make_directories(self->where.config, error) < 0 ||
        confine_self(self, error) < 0)
        return -1;
    worker_begin(self->worker);
    return 0;
}

static void tear_down(process *self) {
    worker_destroy(self->worker);
    uv_loop_close(&self->loop);
    curl_global_cleanup();
    config_destroy(self->config);
    credential_broker_destroy(self->broker);
    for (size_t i = 0; i < array_length(self->certificate_folders); i++)
        free(self->certificate_folders[i]);
    for (size_t i = 0; self->named[i]; i++)
        free(self->named[i]);
    paths_finish(&self->where);
    close(self->lock);
}

int main(void) {
    if (!started_by_client()) {
        fputs("holm-image is started by holm when there is image work; there is nothing to start by hand\n",
              stderr);
        return 125;
    }
    leave_parent();
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    char threads[16];
    snprintf(threads, sizeof threads, "%d", PULL_THREADS);
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    process self = {.lock = -1};
    holm_error *error = NULL;
    if (set_up(&self, &error) < 0) {
        log_error("%s", holm_error_message(error));
        answer(error);
        return 125;
    }
    watch_signals(&self);
    answer(NULL);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    tear_down(&self);
    return 0;
}
