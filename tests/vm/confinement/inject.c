// Makes system calls inside another process, as one of its own threads: what comes back is what its
// confinement says to whoever has broken into it.
//
//   inject THREAD OPERATION ARGUMENT [OPERATION ARGUMENT]…
//
// prints one line for each: what was read and "done", "refused ERRNO", or "killed SIGNAL" where a filter has
// ended the process. The thread is stopped wherever it is, borrowed, and goes on as if nothing had been
// (ptrace(2)).
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM      16384 // what is borrowed for arguments and results
#define RESULT    8192  // where results begin in it
#define READ_MOST 256
#define SYSCALL   (SIGTRAP | 0x80) // PTRACE_O_TRACESYSGOOD

typedef struct victim {
    pid_t thread;
    int memory; ///< /proc/THREAD/mem
    struct user_regs_struct before;
    uint64_t instruction; ///< of a "syscall" in its vDSO
    uint64_t room;
    int missed; ///< a signal that came meanwhile
} victim;

__attribute__((noreturn)) static void fail(const char *what) {
    fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void ask(long request, const victim *self, void *data) {
    if (ptrace((enum __ptrace_request)request, self->thread, NULL, data) < 0)
        fail("ptrace");
}

// Until it has stopped for `wanted`. A filter may end it instead.
static void wait_for(victim *self, int wanted) {
    for (;;) {
        int status;
        if (waitpid(self->thread, &status, __WALL) < 0)
            fail("waitpid");
        if (WIFSIGNALED(status) || WIFEXITED(status)) {
            printf("killed %s\n", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "exit");
            exit(1);
        }
        int event = status >> 16;
        if (wanted == PTRACE_EVENT_STOP ? event == wanted : WSTOPSIG(status) == wanted)
            return;
        if (event == 0)
            self->missed = WSTOPSIG(status);
        ask(wanted == SYSCALL ? PTRACE_SYSCALL : PTRACE_CONT, self, NULL);
    }
}

// Whether a filter has sent SIGSYS, which is on its way; the registers are as before the call then.
static bool is_ending(const victim *self) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", self->thread);
    FILE *status = fopen(path, "r");
    if (!status)
        fail(path);
    unsigned long long pending = 0;
    while (fgets(line, sizeof line, status))
        sscanf(line, "SigPnd: %llx", &pending);
    fclose(status);
    return pending >> (SIGSYS - 1) & 1;
}

static long call(victim *self, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f) {
    struct user_regs_struct now = self->before;
    now.rip = self->instruction;
    now.rax = (uint64_t)number;
    now.orig_rax = UINT64_MAX; // not in a system call that would be begun again
    now.rdi = a, now.rsi = b, now.rdx = c, now.r10 = d, now.r8 = e, now.r9 = f;
    ask(PTRACE_SETREGS, self, &now);
    ask(PTRACE_SYSCALL, self, NULL);
    wait_for(self, SYSCALL);
    ask(PTRACE_SYSCALL, self, NULL);
    wait_for(self, SYSCALL);
    ask(PTRACE_GETREGS, self, &now);
    if (now.rax == (uint64_t)number && is_ending(self)) {
        ask(PTRACE_CONT, self, NULL);
        wait_for(self, PTRACE_EVENT_STOP); // which does not come
    }
    return (long)now.rax;
}

static uint64_t find_instruction(pid_t thread, int memory) {
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", thread);
    FILE *maps = fopen(path, "r");
    if (!maps)
        fail(path);
    unsigned long begin = 0, end = 0;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "[vdso]"))
            sscanf(line, "%lx-%lx", &begin, &end);
    fclose(maps);
    for (uint8_t bytes[2]; begin + 2 <= end; begin++)
        if (pread(memory, bytes, 2, (off_t)begin) == 2 && bytes[0] == 0x0f && bytes[1] == 0x05)
            return begin;
    errno = ENOENT;
    fail("a system call in the vDSO");
}

static void attach(victim *self, pid_t thread) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", thread);
    *self = (victim){.thread = thread, .memory = open(path, O_RDWR | O_CLOEXEC)};
    if (self->memory < 0)
        fail(path);
    ask(PTRACE_SEIZE, self, (void *)PTRACE_O_TRACESYSGOOD);
    ask(PTRACE_INTERRUPT, self, NULL);
    wait_for(self, PTRACE_EVENT_STOP);
    ask(PTRACE_GETREGS, self, &self->before);
    self->instruction = find_instruction(thread, self->memory);
    long room =
        call(self, SYS_mmap, 0, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, UINT64_MAX, 0);
    if (room < 0 && room > -4096) {
        errno = (int)-room;
        fail("room in the process");
    }
    self->room = (uint64_t)room;
}

// A stop that may begin its own system call anew, once its registers are as they were.
static void detach(victim *self) {
    call(self, SYS_munmap, self->room, ROOM, 0, 0, 0, 0);
    ask(PTRACE_INTERRUPT, self, NULL);
    ask(PTRACE_CONT, self, NULL);
    wait_for(self, PTRACE_EVENT_STOP);
    ask(PTRACE_SETREGS, self, &self->before);
    ask(PTRACE_DETACH, self, (void *)(intptr_t)self->missed);
}

// ---- what is tried; each returns what the system call that decides has returned ----

static uint64_t put(const victim *self, size_t at, const void *bytes, size_t length) {
    if (at + length > ROOM ||
        pwrite(self->memory, bytes, length, (off_t)(self->room + at)) != (ssize_t)length)
        fail("write into the process");
    return self->room + at;
}

static uint64_t put_text(const victim *self, const char *text) {
    return put(self, 0, text, strlen(text) + 1);
}

static void close_there(victim *self, long fd) {
    call(self, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
}

static long open_there(victim *self, const char *path, int flags) {
    return call(self, SYS_openat, (uint64_t)AT_FDCWD, put_text(self, path), (uint64_t)(flags | O_CLOEXEC),
                0600, 0, 0);
}

static long open_only(victim *self, const char *path, int flags) {
    long fd = open_there(self, path, flags);
    if (fd >= 0)
        close_there(self, fd);
    return fd;
}

static void show(const victim *self, long length) {
    char bytes[READ_MOST];
    if (length <= 0 || pread(self->memory, bytes, (size_t)length, (off_t)(self->room + RESULT)) != length)
        return;
    for (long i = 0; i < length && bytes[i] != '\n'; i++)
        putchar(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
    putchar(' ');
}

static long try_read(victim *self, const char *path) {
    long fd = open_there(self, path, O_RDONLY);
    if (fd < 0)
        return fd;
    long got = call(self, SYS_read, (uint64_t)fd, self->room + RESULT, READ_MOST, 0, 0, 0);
    close_there(self, fd);
    show(self, got);
    return got;
}

// A descriptor that it holds: "FD OFFSET".
static long try_held(victim *self, const char *text) {
    char *end;
    uint64_t fd = strtoul(text, &end, 10), offset = strtoul(end, NULL, 10);
    long got = call(self, SYS_pread64, fd, self->room + RESULT, 16, offset, 0, 0);
    show(self, got);
    return got;
}

static long try_write(victim *self, const char *path) {
    return open_only(self, path, O_WRONLY | O_APPEND);
}

static long try_create(victim *self, const char *path) {
    return open_only(self, path, O_WRONLY | O_CREAT | O_EXCL);
}

static long try_list(victim *self, const char *path) {
    return open_only(self, path, O_RDONLY | O_DIRECTORY);
}

// "FROM TO", a hard link.
static long try_link(victim *self, const char *text) {
    char both[1024];
    snprintf(both, sizeof both, "%s", text);
    char *to = strchr(both, ' ');
    if (!to)
        return -EINVAL;
    *to++ = 0;
    uint64_t there = put(self, 1024, to, strlen(to) + 1);
    return call(self, SYS_linkat, (uint64_t)AT_FDCWD, put_text(self, both), (uint64_t)AT_FDCWD, there, 0, 0);
}

static uint64_t put_address(const victim *self, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return put(self, 0, &address, sizeof address);
}

static long try_connect(victim *self, const char *path) {
    long fd = call(self, SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    long result =
        call(self, SYS_connect, (uint64_t)fd, put_address(self, path), sizeof(struct sockaddr_un), 0, 0, 0);
    if (result == -EPROTOTYPE) { // it is there and listens, but speaks in packets
        close_there(self, fd);
        fd = call(self, SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0, 0);
        result = call(self, SYS_connect, (uint64_t)fd, put_address(self, path), sizeof(struct sockaddr_un), 0,
                      0, 0);
    }
    close_there(self, fd);
    return result;
}

// A datagram from one end of a new pair to a socket with a name: neither socket(2) nor connect(2) is needed.
static long try_send(victim *self, const char *path) {
    long made = call(self, SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, self->room + RESULT, 0, 0);
    int pair[2];
    if (made < 0 || pread(self->memory, pair, sizeof pair, (off_t)(self->room + RESULT)) != sizeof pair)
        return made;
    long result = call(self, SYS_sendto, (uint64_t)pair[0], self->room + RESULT, 1, MSG_DONTWAIT,
                       put_address(self, path), sizeof(struct sockaddr_un));
    close_there(self, pair[0]);
    close_there(self, pair[1]);
    return result;
}

// TCP to a port of the host's loopback.
static long try_dial(victim *self, const char *port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    long fd = call(self, SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    long result = call(self, SYS_connect, (uint64_t)fd, put(self, 0, &address, sizeof address),
                       sizeof address, 0, 0, 0);
    close_there(self, fd);
    return result;
}

// Another process's memory, where its program begins; and a signal to it.
static long try_examine(victim *self, const char *pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "r");
    unsigned long begin;
    if (!maps || fscanf(maps, "%lx", &begin) != 1)
        fail(path);
    fclose(maps);
    struct iovec vectors[2] = {{(void *)(self->room + RESULT), 4}, {(void *)begin, 4}};
    uint64_t there = put(self, 0, vectors, sizeof vectors);
    return call(self, SYS_process_vm_readv, strtoul(pid, NULL, 10), there, 1, there + sizeof *vectors, 1, 0);
}

static long try_signal(victim *self, const char *pid) {
    return call(self, SYS_kill, strtoul(pid, NULL, 10), 0, 0, 0, 0, 0);
}

// Where it may, it has become that program, and nothing is left to go back to.
static long try_execute(victim *self, const char *path) {
    const uint64_t none = 0;
    uint64_t there = put(self, 1024, &none, sizeof none);
    long result = call(self, SYS_execve, put_text(self, path), there, there, 0, 0, 0);
    if (result == 0) {
        puts("done");
        kill(self->thread, SIGKILL);
        exit(0);
    }
    return result;
}

static const struct {
    const char *name;
    long (*run)(victim *self, const char *argument);
} operations[] = {
    {"read", try_read}, {"held", try_held},       {"write", try_write},     {"create", try_create},
    {"list", try_list}, {"link", try_link},       {"connect", try_connect}, {"send", try_send},
    {"dial", try_dial}, {"examine", try_examine}, {"signal", try_signal},   {"execute", try_execute},
};

static void run(victim *self, const char *name, const char *argument) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) != 0)
            continue;
        long result = operations[i].run(self, argument);
        if (result < 0)
            printf("refused %s\n", strerrorname_np((int)-result));
        else
            printf("done\n");
        return;
    }
    errno = EINVAL;
    fail(name);
}

int main(int argc, char **argv) {
    if (argc < 4 || argc % 2) {
        fputs("usage: inject THREAD OPERATION ARGUMENT…\n", stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(60); // a thread that never stops again is a failure, not a hang
    victim self;
    attach(&self, atoi(argv[1]));
    for (int i = 2; i < argc; i += 2)
        run(&self, argv[i], argv[i + 1]);
    detach(&self);
    return 0;
}
