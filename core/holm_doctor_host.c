// holm doctor: what the host gives: rights, folders, space, memory, the network.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/confine.h"
#include "core/base/file.h"
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/holm_doctor.h"

#define SPACE_LEAST   (256ull << 20) // below it hardly anything can be pulled
#define SPACE_GOOD    (4ull << 30)
#define MEMORY_LEAST  (160ull << 20) // what one small machine takes, with its helpers
#define MEMORY_GOOD   (1ull << 30)
#define TEXT_FILE_MAX 65536

// ---- confinement ----

void doctor_check_confinement(json_t *list) {
    static const char actions[] = "/proc/sys/kernel/seccomp/actions_avail";
    if (access(actions, F_OK) == 0)
        doctor_tell(list, "seccomp", DOCTOR_GOOD, actions, "the kernel has it", NULL);
    else
        doctor_tell(list, "seccomp", DOCTOR_MISSING, actions, "the kernel has no seccomp filters",
                    "a kernel with CONFIG_SECCOMP_FILTER: holm starts nothing unconfined");
    int version = confine_landlock_version();
    cleanup_free char *found = path_format("version %d", version);
    if (version)
        doctor_tell(list, "Landlock", DOCTOR_GOOD, "the kernel's answer", found, NULL);
    else
        doctor_tell(list, "Landlock", DOCTOR_NOTE, "the kernel's answer",
                    "there is none: what a helper can open is then confined by seccomp alone",
                    "a kernel from 5.13 on with landlock in /sys/kernel/security/lsm");
}

// Right before the exec of a program that does nothing: the way that holm-share goes.
static int enter_namespace(void *data) {
    (void)data;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? errno : 0;
}

void doctor_check_namespaces(json_t *list) {
    static const char looked[] = "a new user namespace, made and left";
    const process_options options = {
        .argv = (const char *const[]){"true", NULL}, .die_with_parent = true, .before_exec = enter_namespace};
    cleanup_error holm_error *error = NULL;
    cleanup_close int pidfd = -1;
    if (process_spawn(&options, NULL, &pidfd, &error) == 0) {
        process_wait(pidfd);
        doctor_tell(list, "user namespaces", DOCTOR_GOOD, looked,
                    "they can be made (subordinate ids are not needed)", NULL);
        return;
    }
    doctor_tell(list, "user namespaces", DOCTOR_NOTE, looked, holm_error_message(error),
                "folders of the host need them: sysctl user.max_user_namespaces, "
                "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0");
}

// ---- folders ----

static void check_folder(json_t *list, const char *name, const char *path, bool ours) {
    struct stat status;
    if (stat(path, &status) < 0) {
        bool none = errno == ENOENT && !ours; // the configuration's: there is none, and that is fine
        doctor_tell(list, name, none ? DOCTOR_GOOD : DOCTOR_MISSING, path,
                    none ? "not there: the defaults count" : strerror(errno), none ? NULL : "make it anew");
        return;
    }
    cleanup_free char *found = path_format("yours, %04o", (unsigned)status.st_mode & 07777);
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid())
        doctor_tell(list, name, ours ? DOCTOR_MISSING : DOCTOR_NOTE, path, "it is not a folder of this user",
                    "move it away, holm makes its own");
    else if (ours && access(path, R_OK | W_OK | X_OK) < 0)
        doctor_tell(list, name, DOCTOR_MISSING, path, "it cannot be written", "chmod 700 it");
    else if (!ours && status.st_mode & 022)
        doctor_tell(list, name, DOCTOR_NOTE, path, "others can write it",
                    "chmod go-w it: custom commands are run from there");
    else
        doctor_tell(list, name, DOCTOR_GOOD, path, found, NULL);
}

void doctor_check_folders(json_t *list, const paths *where) {
    check_folder(list, "data folder", where->data, true);
    check_folder(list, "cache folder", where->cache, true);
    check_folder(list, "configuration", where->config, false);
    if (strncmp(where->runtime, "/tmp/", 5) == 0)
        doctor_tell(list, "runtime folder", DOCTOR_NOTE, where->runtime,
                    "below /tmp: this session has no folder of its own in /run/user",
                    "loginctl enable-linger, and log in anew");
    else
        check_folder(list, "runtime folder", where->runtime, true);
}

// ---- space and memory ----

static doctor_state judge(uint64_t bytes, uint64_t least, uint64_t good) {
    return bytes < least ? DOCTOR_MISSING : bytes < good ? DOCTOR_NOTE : DOCTOR_GOOD;
}

void doctor_check_space(json_t *list, const paths *where) {
    struct statvfs space;
    if (statvfs(where->data, &space) < 0) {
        doctor_tell(list, "disk space", DOCTOR_MISSING, where->data, strerror(errno), "look at that disk");
        return;
    }
    uint64_t bytes = (uint64_t)space.f_bavail * space.f_frsize;
    char size[32];
    cleanup_free char *found = path_format("%s free", text_bytes(bytes, size, sizeof size));
    doctor_state verdict = judge(bytes, SPACE_LEAST, SPACE_GOOD);
    doctor_tell(
        list, "disk space", verdict, where->data, found,
        verdict == DOCTOR_GOOD ? NULL : "holm image prune -a and holm volume prune give back what is unused");
}

void doctor_check_memory(json_t *list) {
    static const char looked[] = "/proc/meminfo";
    cleanup_buffer buffer text = BUFFER_INIT;
    unsigned long long total = 0, available = 0;
    if (file_read(looked, TEXT_FILE_MAX, &text, NULL) == 0) {
        const char *at = strstr(buffer_text(&text), "MemTotal:"),
                   *rest = strstr(buffer_text(&text), "MemAvailable:");
        if (at && rest) {
            sscanf(at, "MemTotal: %llu", &total);
            sscanf(rest, "MemAvailable: %llu", &available);
        }
    }
    char of[32], size[32];
    cleanup_free char *found =
        path_format("%s of %s can be had", text_bytes(available << 10, size, sizeof size),
                    text_bytes(total << 10, of, sizeof of));
    doctor_state verdict = judge(available << 10, MEMORY_LEAST, MEMORY_GOOD);
    doctor_tell(list, "memory", verdict, looked, found,
                verdict == DOCTOR_GOOD ? NULL : "stop what is not needed; --memory gives a container less");
}

// ---- the network ----

static unsigned count_servers(const char *text) {
    unsigned count = 0;
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        count += strncmp(text, "nameserver", 10) == 0 && (text[10] == ' ' || text[10] == '\t');
    return count;
}

void doctor_check_network(json_t *list) {
    static const char looked[] = "/etc/resolv.conf", bundle[] = "/etc/ssl/certs/ca-certificates.crt";
    cleanup_buffer buffer text = BUFFER_INIT;
    unsigned servers =
        file_read(looked, TEXT_FILE_MAX, &text, NULL) == 0 ? count_servers(buffer_text(&text)) : 0;
    cleanup_free char *found = path_format("%u server%s", servers, servers == 1 ? "" : "s");
    doctor_tell(list, "resolver", servers ? DOCTOR_GOOD : DOCTOR_NOTE, looked, found,
                servers
                    ? NULL
                    : "containers find each other only, until a nameserver line is there, or --dns says one");
    bool known = access(bundle, R_OK) == 0;
    doctor_tell(list, "certificates", known ? DOCTOR_GOOD : DOCTOR_NOTE, bundle,
                known ? "they are there" : "none: registries cannot be verified",
                known ? NULL : "install them (Debian: apt install ca-certificates)");
}
