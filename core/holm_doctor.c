// holm doctor: the parts that holm is made of and starts, and how machines run here.
#include "core/holm_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/process.h"
#include "core/container/spare.h"
#include "core/share/share.h"
#include "vm/machine.h"

#define ANSWER_MOST  4096 // of a program that is asked for its version
#define ANSWER_MS    10000
#define OLDEST_MAJOR 7
#define OLDEST_MINOR 2

void doctor_tell(json_t *list, const char *name, doctor_state verdict, const char *looked, const char *found,
                 const char *advice) {
    static const char *const words[] = {"good", "note", "missing"};
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", name, "state", words[verdict],
                                          "looked", looked, "found", found, "advice",
                                          advice ? json_string(advice) : json_null()));
}

// ---- the guest's parts ----

int doctor_kernel_percent(const paths *where) {
    cleanup_free char *lock = path_join(where->cache, "kernel", "build.lock", NULL);
    cleanup_free char *file = path_join(where->cache, "kernel", "build.percent", NULL);
    cleanup_buffer buffer text = BUFFER_INIT;
    int percent = 0;
    if (!file_is_locked(lock))
        return -1;
    if (file_read(file, 16, &text, NULL) == 0)
        sscanf(buffer_text(&text), "%3d", &percent);
    return percent < 0 || percent > 100 ? 0 : percent;
}

static void check_kernel(json_t *list, const paths *where) {
    const char *chosen = getenv("HOLM_KERNEL");
    cleanup_free char *usual = path_join(where->cache, "kernel", NULL);
    const char *looked = chosen && *chosen ? chosen : usual;
    cleanup_free char *kernel = paths_find_kernel(where, NULL);
    int percent = kernel ? -1 : doctor_kernel_percent(where);
    cleanup_free char *building = path_format("it is being built: %d %%", percent);
    cleanup_free char *advice = path_format("build it once: %s/kernel/build.sh", where->share);
    if (kernel)
        doctor_tell(list, "guest kernel", DOCTOR_GOOD, looked, kernel, NULL);
    else if (percent >= 0)
        doctor_tell(list, "guest kernel", DOCTOR_MISSING, looked, building, "wait until it is done");
    else
        doctor_tell(list, "guest kernel", DOCTOR_MISSING, looked, "there is none", advice);
}

static void check_agent(json_t *list, const paths *where) {
    cleanup_error holm_error *error = NULL;
    cleanup_free char *image = paths_find_initramfs(where, &error);
    if (image)
        doctor_tell(list, "guest agent", DOCTOR_GOOD, where->share, image, NULL);
    else
        doctor_tell(list, "guest agent", DOCTOR_MISSING, where->share, holm_error_message(error),
                    holm_error_hint_of(error));
}

static void check_helpers(json_t *list, const paths *where) {
    static const char *const names[] = {"holm-image", "holm-shim",  "holm-net",     "holm-disk",
                                        "holm-copy",  "holm-share", "holm-template"};
    cleanup_buffer buffer missing = BUFFER_INIT;
    for (size_t i = 0; i < array_length(names); i++) {
        cleanup_free char *path = path_join(where->libexec, names[i], NULL);
        if (access(path, X_OK) < 0)
            buffer_append_format(&missing, "%s%s", missing.length ? ", " : "not there: ", names[i]);
    }
    bool whole = !missing.length;
    doctor_tell(list, "helpers", whole ? DOCTOR_GOOD : DOCTOR_MISSING, where->libexec,
                whole ? "all of them" : buffer_text(&missing), whole ? NULL : "build and install holm again");
}

// ---- programs of the system ----

// Waits for what a program says, or for its end; false where that does not come in time.
static bool in_time(int fd, uint64_t until) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        uint64_t now = uv_hrtime() / 1000000;
        ready = poll(&wanted, 1, until > now ? (int)(until - now) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

// The first line that `PROGRAM --version` prints; false where it cannot be run, or does not end.
static bool ask_version(const char *program, char *line, size_t size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    cleanup_close int ours = ends[0], theirs = ends[1], pidfd = -1;
    pid_t pid;
    const process_fd fds[] = {{theirs, 1}};
    const process_options options = {.argv = (const char *const[]){program, "--version", NULL},
                                     .fds = fds,
                                     .fd_count = 1,
                                     .die_with_parent = true};
    if (process_spawn(&options, &pid, &pidfd, NULL) < 0)
        return false;
    close(steal_fd(&theirs));
    uint64_t until = uv_hrtime() / 1000000 + ANSWER_MS;
    char answer[ANSWER_MOST] = "";
    size_t length = 0;
    ssize_t more;
    while (length + 1 < sizeof answer && in_time(ours, until) &&
           ((more = read(ours, answer + length, sizeof answer - 1 - length)) > 0 ||
            (more < 0 && errno == EINTR)))
        length += more > 0 ? (size_t)more : 0;
    close(steal_fd(&ours)); // what prints without end is ended by that
    if (!in_time(pidfd, until))
        kill(pid, SIGKILL);
    int code = process_wait(pidfd);
    snprintf(line, size, "%.*s", (int)strcspn(answer, "\n"), answer);
    return code == 0 && *line;
}

static void check_qemu(json_t *list) {
    static const char install[] =
        "install QEMU 7.2 or later (Debian: apt install qemu-system-x86), or name it "
        "in HOLM_QEMU";
    cleanup_free char *program = machine_program();
    char version[128];
    int major = 0, minor = 0;
    if (!ask_version(program, version, sizeof version)) {
        doctor_tell(list, "QEMU", DOCTOR_MISSING, program, "it cannot be started, or does not end", install);
        return;
    }
    cleanup_free char *safe = holm_text_escape(version, strlen(version));
    const char *number = strstr(version, "version ");
    bool known = number && sscanf(number, "version %d.%d", &major, &minor) == 2;
    bool old = known && (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR));
    doctor_tell(list, "QEMU", old || !known ? DOCTOR_MISSING : DOCTOR_GOOD, program, safe,
                old || !known ? install : NULL);
}

static void check_virtiofsd(json_t *list) {
    if (access(SHARE_PROGRAM, X_OK) == 0)
        doctor_tell(list, "virtiofsd", DOCTOR_GOOD, SHARE_PROGRAM, "it is there", NULL);
    else
        doctor_tell(list, "virtiofsd", DOCTOR_NOTE, SHARE_PROGRAM, "it is not there: no folders of the host",
                    "install it (Debian 12: apt install qemu-system-common)");
}

// ---- how machines run ----

static void check_accelerator(json_t *list, const paths *where) {
    static const char *const looked = "/dev/kvm";
    cleanup_free char *kernel = paths_find_kernel(where, NULL);
    const char *why = "nothing was tried: the guest kernel is not built yet";
    machine_accelerator found =
        kernel ? machine_accelerator_probe(where->cache, kernel, &why) : MACHINE_EMULATION;
    cleanup_free char *text = path_format("%s: %s", found == MACHINE_KVM ? "KVM" : "emulation", why);
    if (found == MACHINE_KVM)
        doctor_tell(list, "accelerator", DOCTOR_GOOD, looked, text, NULL);
    else if (access(looked, F_OK) < 0)
        doctor_tell(list, "accelerator", DOCTOR_NOTE, looked, text,
                    "it works, slower; for more turn on virtualisation in the firmware, or nested "
                    "virtualisation where this is a machine itself");
    else if (access(looked, R_OK | W_OK) < 0)
        doctor_tell(list, "accelerator", DOCTOR_NOTE, looked, text,
                    "you may not open it: join its group (usually: sudo usermod -aG kvm $USER), log in anew");
    else
        doctor_tell(list, "accelerator", DOCTOR_NOTE, looked, text, "it works, slower");
}

// ---- comfort ----

// Where bash, zsh and fish look for what `holm completion` prints.
static void check_completions(json_t *list, const paths *where) {
    static const char *const files[] = {"bash-completion/completions/holm", "zsh/site-functions/_holm",
                                        "fish/vendor_completions.d/holm.fish"};
    cleanup_free char *installed = path_join(where->share, "..", NULL);
    cleanup_free char *own = path_join(where->data, "..", NULL);
    const char *const places[] = {installed, own, "/usr/local/share", "/usr/share"};
    for (size_t p = 0; p < array_length(places); p++) {
        for (size_t i = 0; i < array_length(files); i++) {
            cleanup_free char *path = path_join(places[p], files[i], NULL);
            cleanup_free char *found = realpath(path, NULL);
            if (!found)
                continue;
            doctor_tell(list, "completions", DOCTOR_GOOD, "the folders of bash, zsh and fish", found, NULL);
            return;
        }
    }
    doctor_tell(list, "completions", DOCTOR_NOTE, "the folders of bash, zsh and fish", "not installed",
                "cmake --install installs them; or: source <(holm completion bash)");
}

// Nothing is said of it where nobody wants it.
static void check_pool(json_t *list, const holm_client *client) {
    json_t *spares = spare_list(&client->where), *spare;
    size_t index, ready = 0;
    json_array_foreach (spares, index, spare)
        ready += json_is_true(json_object_get(spare, "ready"));
    cleanup_free char *looked = path_join(client->where.runtime, "s", NULL);
    cleanup_free char *found = path_format("%zu of %u machines wait, %zu are being made", ready, client->pool,
                                           json_array_size(spares) - ready);
    bool full = ready >= client->pool;
    if (client->pool > 0 || json_array_size(spares) > 0)
        doctor_tell(list, "ready pool", full ? DOCTOR_GOOD : DOCTOR_NOTE, looked, found,
                    full ? NULL : "they are made after a container has started; see log there");
    json_decref(spares);
}

static int examine(holm_request *self, state *db, holm_error **error) {
    (void)db, (void)error;
    const paths *where = &self->handle.client->where;
    self->result = json_array();
    check_kernel(self->result, where);
    check_agent(self->result, where);
    check_helpers(self->result, where);
    check_qemu(self->result);
    check_accelerator(self->result, where);
    check_pool(self->result, self->handle.client);
    check_virtiofsd(self->result);
    doctor_check_namespaces(self->result);
    doctor_check_confinement(self->result);
    doctor_check_folders(self->result, where);
    doctor_check_space(self->result, where);
    doctor_check_memory(self->result);
    doctor_check_network(self->result);
    check_completions(self->result, where);
    return 0;
}

void holm_system_doctor(holm_client *client, holm_done done, void *data) {
    holm_request_work(holm_request_create(client, done, data), examine, holm_request_finish);
}
