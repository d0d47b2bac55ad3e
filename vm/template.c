#include "vm/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/file.h"
#include "core/base/path.h"
#define LOG_MODULE "template"
#include "core/base/log.h"

#define FORMAT   5
#define KEY_MOST 65536
#define PAGE     4096U

void template_files_close(template_files *self) {
    cleanup_close_fd(&self->memory);
    cleanup_close_fd(&self->state);
    *self = (template_files){-1, -1};
}

// ---- the key ----

static void append_identity(buffer *out, const char *name, const char *path) {
    struct stat status;
    if (stat(path, &status) < 0)
        status = (struct stat){0};
    buffer_append_format(out, "%s %s %llu:%llu %lld %lld.%09ld %lld.%09ld\n", name, path,
                         (unsigned long long)status.st_dev, (unsigned long long)status.st_ino,
                         (long long)status.st_size, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                         (long long)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

// Under KVM the guest has seen the host's processor; in emulation it knows the speed of its clock.
static void append_processor(buffer *out) {
    cleanup_buffer buffer text = BUFFER_INIT;
    if (file_read("/proc/cpuinfo", 1U << 22, &text, NULL) < 0)
        return;
    static const char *const lines[] = {"model name", "flags", "microcode"};
    for (size_t i = 0; i < array_length(lines); i++) {
        const char *at = strstr(buffer_text(&text), lines[i]);
        if (at)
            buffer_append_format(out, "%.*s\n", (int)strcspn(at, "\n"), at);
    }
}

static void append_parts(buffer *out, const char *program, const char *kernel, const char *initramfs) {
    buffer_append_format(out, "holm " HOLM_VERSION " template %d\n", FORMAT);
    append_identity(out, "qemu", program);
    append_identity(out, "kernel", kernel);
    append_identity(out, "initramfs", initramfs);
}

char *machine_parts_describe(const char *kernel, const char *initramfs) {
    cleanup_free char *program = machine_program();
    cleanup_buffer buffer text = BUFFER_INIT;
    append_parts(&text, program, kernel, initramfs);
    append_processor(&text);
    return buffer_steal_text(&text);
}

char *template_key(const char *program, const machine_configuration *shape, const char *devices) {
    cleanup_buffer buffer key = BUFFER_INIT;
    append_parts(&key, program, shape->kernel, shape->initramfs);
    buffer_append_format(&key, "arguments %s\ndevices %s\ncpus %u\nmemory %llu\naccelerator %s\n",
                         shape->kernel_arguments ? shape->kernel_arguments : "", devices, shape->cpus,
                         (unsigned long long)shape->memory_bytes,
                         shape->accelerator == MACHINE_KVM ? "kvm" : "emulation");
    append_processor(&key);
    return buffer_steal_text(&key);
}

static uint64_t key_hash(const char *key) {
    uint64_t hash = 0xcbf29ce484222325ULL; // FNV-1a; the key itself is compared too
    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * 0x100000001b3ULL;
    return hash;
}

char *template_path(const char *directory, const char *key) {
    return path_format("%s/%016llx", directory, (unsigned long long)key_hash(key));
}

// ---- using one ----

// Opened, whole, ours, and nobody else's to write.
static int open_checked(const char *folder, const char *name, off_t size, holm_error **error) {
    cleanup_free char *path = path_join(folder, name, NULL);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        holm_error_set_errno(error, errno, "open %s", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 077 ||
        (size ? status.st_size != size : status.st_size == 0)) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s is not as it was made", path);
        return -1;
    }
    return steal_fd(&fd);
}

static int check_key(const char *folder, const char *key, holm_error **error) {
    cleanup_free char *path = path_join(folder, "key", NULL);
    cleanup_buffer buffer kept = BUFFER_INIT;
    if (file_read(path, KEY_MOST, &kept, error) < 0)
        return -1;
    if (strcmp(buffer_text(&kept), key) != 0) {
        holm_error_set(error, HOLM_ERROR_INTEGRITY, "%s is for another machine", path);
        return -1;
    }
    utimensat(AT_FDCWD, path, NULL, 0);
    return 0;
}

int template_open(const char *directory, const char *key, uint64_t memory_bytes, template_files *files,
                  holm_error **error) {
    *files = (template_files){-1, -1};
    cleanup_free char *folder = template_path(directory, key);
    if (access(folder, F_OK) < 0)
        return -1;
    if (check_key(folder, key, error) < 0 ||
        (files->memory = open_checked(folder, "memory", (off_t)memory_bytes, error)) < 0 ||
        (files->state = open_checked(folder, "state", 0, error)) < 0) {
        template_files_close(files);
        return -1;
    }
    return 0;
}

void template_discard(const char *directory, const char *key) {
    cleanup_free char *folder = template_path(directory, key);
    cleanup_error holm_error *error = NULL;
    if (path_remove_tree(folder, &error) < 0)
        log_warning("%s", holm_error_message(error));
}

int template_copy_memory(int from, const guest_memory *to, holm_error **error) {
    for (off_t at = 0; (at = lseek(from, at, SEEK_DATA)) >= 0;) {
        off_t end = lseek(from, at, SEEK_HOLE);
        if (end < 0 || (uint64_t)end > to->size)
            break;
        // Into the file, not its mapping: no fault for each page, and none is cleared first.
        lseek(to->fd, at, SEEK_SET);
        while (at < end) {
            ssize_t got = sendfile(to->fd, from, &at, (size_t)(end - at));
            if (got <= 0) {
                holm_error_set_errno(error, got < 0 ? errno : EIO, "copy a template's memory");
                return -1;
            }
        }
    }
    if (errno != ENXIO) { // ENXIO: no more data, the ordinary end
        holm_error_set_errno(error, errno, "copy a template's memory");
        return -1;
    }
    return 0;
}

// ---- making one ----

int template_lock(const char *directory, const char *key, holm_error **error) {
    cleanup_free char *folder = template_path(directory, key);
    cleanup_free char *path = path_format("%s.lock", folder);
    return path_make_directories(directory, error) < 0 ? -1 : file_lock(path, true, false, error);
}

static bool is_zero(const uint8_t *page) {
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

// Pages that hold nothing become holes: the guest has cleared more than it uses.
static int write_memory(int fd, const guest_memory *memory) {
    off_t size = (off_t)memory->size;
    if (ftruncate(fd, size) < 0)
        return -1;
    for (off_t at = 0; (at = lseek(memory->fd, at, SEEK_DATA)) >= 0;) {
        off_t end = lseek(memory->fd, at, SEEK_HOLE);
        while (at < end) {
            if (is_zero(memory->base + at)) {
                at += PAGE;
                continue;
            }
            off_t stop = at + PAGE;
            while (stop < end && !is_zero(memory->base + stop))
                stop += PAGE;
            if (lseek(fd, at, SEEK_SET) < 0 || file_write_all(fd, memory->base + at, (size_t)(stop - at)) < 0)
                return -1;
            at = stop;
        }
    }
    return errno == ENXIO ? 0 : -1;
}

static int write_state(int fd, int state) {
    struct stat status;
    if (fstat(state, &status) < 0 || lseek(state, 0, SEEK_SET) < 0)
        return -1;
    for (off_t left = status.st_size; left > 0;) {
        ssize_t part = sendfile(fd, state, NULL, (size_t)left);
        if (part <= 0)
            return -1;
        left -= part;
    }
    return 0;
}

static int create(const char *folder, const char *name) {
    cleanup_free char *path = path_join(folder, name, NULL);
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int write_files(const char *folder, const char *key, const guest_memory *memory, int state) {
    cleanup_close int memory_file = create(folder, "memory"), state_file = create(folder, "state"),
                      key_file = create(folder, "key");
    if (memory_file < 0 || state_file < 0 || key_file < 0 || write_memory(memory_file, memory) < 0 ||
        write_state(state_file, state) < 0 || file_write_all(key_file, key, strlen(key)) < 0)
        return -1;
    // What a crash of the host leaves behind must not look like a template.
    return fsync(memory_file) < 0 || fsync(state_file) < 0 || fsync(key_file) < 0 ? -1 : 0;
}

typedef struct kept {
    char name[64];
    uint64_t bytes;
    struct timespec used;
} kept;

static bool measure(const char *directory, const char *name, kept *one) {
    static const char *const files[] = {"memory", "state", "key"};
    if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16)
        return false;
    *one = (kept){0};
    snprintf(one->name, sizeof one->name, "%s", name);
    for (size_t i = 0; i < array_length(files); i++) {
        cleanup_free char *path = path_join(directory, name, files[i], NULL);
        struct stat status;
        if (stat(path, &status) == 0) {
            one->bytes += (uint64_t)status.st_blocks * 512;
            one->used = status.st_mtim;
        }
    }
    return true;
}

static bool older(const kept *a, const kept *b) {
    return a->used.tv_sec != b->used.tv_sec ? a->used.tv_sec < b->used.tv_sec
                                            : a->used.tv_nsec < b->used.tv_nsec;
}

// One round: the sum, and the one not used for longest besides `but`. False: nothing is too much.
static bool remove_oldest(const char *directory, const char *but) {
    cleanup_directory DIR *all = opendir(directory);
    kept oldest = {0}, one;
    uint64_t sum = 0;
    bool found = false;
    for (struct dirent *entry; all && (entry = readdir(all)) != NULL;) {
        if (!measure(directory, entry->d_name, &one))
            continue;
        sum += one.bytes;
        if (strcmp(one.name, but) != 0 && (!found || older(&one, &oldest))) {
            oldest = one;
            found = true;
        }
    }
    if (!found || sum <= TEMPLATE_BYTES_MOST)
        return false;
    cleanup_free char *path = path_join(directory, oldest.name, NULL);
    log_info("removing the template %s, not used for longest", oldest.name);
    return path_remove_tree(path, NULL) == 0;
}

int template_save(const char *directory, const char *key, const guest_memory *memory, int state,
                  holm_error **error) {
    cleanup_free char *folder = template_path(directory, key);
    cleanup_free char *fresh = path_format("%s.new", folder);
    // What an earlier maker that was killed has left; the lock is ours.
    if (path_remove_tree(fresh, error) < 0 || path_remove_tree(folder, error) < 0 ||
        path_make_directories(fresh, error) < 0)
        return -1;
    if (write_files(fresh, key, memory, state) < 0 || rename(fresh, folder) < 0) {
        holm_error_set_errno(error, errno, "keep the template %s", folder);
        path_remove_tree(fresh, NULL);
        return -1;
    }
    while (remove_oldest(directory, strrchr(folder, '/') + 1))
        continue;
    return 0;
}
