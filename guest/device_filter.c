#include "guest/device_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#define ANY         (-1)
#define PROGRAM_MAX 128

// Character devices: null, zero, full, random, urandom, tty, console, ptmx, the terminals behind it, tun,
// fuse.
static const struct {
    int major, minor;
} allowed[] = {{1, 3}, {1, 5}, {1, 7},     {1, 8},    {1, 9},   {5, 0},
               {5, 1}, {5, 2}, {136, ANY}, {10, 200}, {10, 229}};

typedef struct filter {
    struct bpf_insn code[PROGRAM_MAX];
    uint32_t length;
} filter;

enum { CONTEXT = BPF_REG_1, ACCESS = BPF_REG_2, TYPE = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };

static void emit(filter *self, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t number) {
    self->code[self->length++] = (struct bpf_insn){
        .code = code, .dst_reg = to & 0xf, .src_reg = from & 0xf, .off = offset, .imm = number};
}

static void emit_load(filter *self, uint8_t to, size_t offset) {
    emit(self, BPF_LDX | BPF_MEM | BPF_W, to, CONTEXT, (int16_t)offset, 0);
}

static void emit_return(filter *self, int value) {
    emit(self, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(self, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

// Jumps over the next `skip` instructions unless the register has that value.
static void emit_unless_equal(filter *self, uint8_t which, int value, int16_t skip) {
    emit(self, BPF_JMP | BPF_JNE | BPF_K, which, 0, skip, value);
}

static void build(filter *self) {
    emit_load(self, ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit_load(self, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    emit_load(self, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    emit(self, BPF_ALU64 | BPF_MOV | BPF_X, TYPE, ACCESS, 0, 0);
    emit(self, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(self, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    // making a node of any kind is harmless, and package managers do it
    emit_unless_equal(self, ACCESS, BPF_DEVCG_ACC_MKNOD, 2);
    emit_return(self, 1);
    emit(self, BPF_JMP | BPF_JEQ | BPF_K, TYPE, 0, 2, BPF_DEVCG_DEV_CHAR);
    emit_return(self, 0);
    for (size_t i = 0; i < array_length(allowed); i++) {
        bool any = allowed[i].minor == ANY;
        emit_unless_equal(self, MAJOR, allowed[i].major, any ? 2 : 3);
        if (!any)
            emit_unless_equal(self, MINOR, allowed[i].minor, 2);
        emit_return(self, 1);
    }
    emit_return(self, 0);
}

static int load(const filter *self) {
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insns = (uintptr_t)self->code,
        .insn_cnt = self->length,
        .license = (uintptr_t) "Apache-2.0",
    };
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

int device_filter_attach(const char *cgroup, holm_error **error) {
    filter code = {.length = 0};
    build(&code);
    cleanup_close int group = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int loaded = group < 0 ? -1 : load(&code);
    union bpf_attr attributes = {.target_fd = (uint32_t)group,
                                 .attach_bpf_fd = (uint32_t)loaded,
                                 .attach_type = BPF_CGROUP_DEVICE,
                                 .attach_flags = BPF_F_ALLOW_MULTI};
    if (loaded < 0 || syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof attributes) < 0) {
        holm_error_set_errno(error, errno, "restrict the devices of the container");
        return -1;
    }
    return steal_fd(&loaded);
}

int device_filter_detach(const char *cgroup, int program, holm_error **error) {
    cleanup_close int group = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    union bpf_attr attributes = {
        .target_fd = (uint32_t)group, .attach_bpf_fd = (uint32_t)program, .attach_type = BPF_CGROUP_DEVICE};
    if (group < 0 || syscall(SYS_bpf, BPF_PROG_DETACH, &attributes, sizeof attributes) < 0) {
        holm_error_set_errno(error, errno, "open all devices to the container");
        return -1;
    }
    return 0;
}
