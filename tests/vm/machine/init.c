// PID 1 of the machine's own test: the least guest that exercises every part of it. It waits for the clone's
// "go" when it is to be a template, says "ready" to host port 1024, and then serves vsock ports:
//   5000  echoes what it gets, until the end of file
//   5001  one command a line, one line of answer: rescan, eject SLOT, read DEVICE, dial PORT, stat eth0,
//   crash
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int woken; // from a template

static int vsock_open(unsigned cid, unsigned port, int listening) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = cid};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (listening) {
        address.svm_cid = VMADDR_CID_ANY;
        if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 256) == 0)
            return fd;
    } else if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

static int write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t part = write(fd, bytes, length);
        if (part <= 0)
            return -1;
        bytes += part;
        length -= (size_t)part;
    }
    return 0;
}

static void echo(int fd) {
    static char bytes[65536];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        if (write_all(fd, bytes, (size_t)got) < 0)
            return;
    shutdown(fd, SHUT_WR);
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    if (fd >= 0) {
        if (write(fd, text, strlen(text)) < 0)
            perror(path);
        close(fd);
    }
}

static void eject(int slot, char *answer, size_t most) {
    char path[64];
    snprintf(path, sizeof path, "/sys/bus/pci/devices/0000:00:%02x.0/remove", (unsigned)slot);
    write_file(path, "1");
    if (iopl(3) < 0) {
        snprintf(answer, most, "iopl: %s", strerror(errno));
        return;
    }
    outl(0, 0xae10);
    outl(1U << slot, 0xae08);
    snprintf(answer, most, "ejected");
}

static void read_device(const char *name, char *answer, size_t most) {
    char path[64], bytes[17] = {0};
    snprintf(path, sizeof path, "/dev/%.32s", name);
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);
    if (got < 0)
        snprintf(answer, most, "%s: %s", path, strerror(errno));
    else
        snprintf(answer, most, "%s", bytes);
    if (fd >= 0)
        close(fd);
}

static void command(int fd) {
    char line[128], answer[128];
    FILE *in = fdopen(fd, "r");
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = 0;
        snprintf(answer, sizeof answer, "ok");
        if (strcmp(line, "rescan") == 0)
            write_file("/sys/bus/pci/rescan", "1");
        else if (strncmp(line, "eject ", 6) == 0)
            eject(atoi(line + 6), answer, sizeof answer);
        else if (strncmp(line, "read ", 5) == 0)
            read_device(line + 5, answer, sizeof answer);
        else if (strncmp(line, "dial ", 5) == 0)
            snprintf(answer, sizeof answer, "%s",
                     vsock_open(VMADDR_CID_HOST, (unsigned)atoi(line + 5), 0) < 0 ? "refused" : "connected");
        else if (strcmp(line, "crash") == 0)
            write_file("/proc/sysrq-trigger", "c"), reboot(RB_AUTOBOOT);
        else if (strcmp(line, "is clone") == 0)
            snprintf(answer, sizeof answer, "%s", woken ? "yes" : "no");
        else if (strcmp(line, "stat eth0") == 0)
            snprintf(answer, sizeof answer, "%s", access("/sys/class/net/eth0", F_OK) ? "no" : "yes");
        strcat(answer, "\n");
        if (write_all(fd, answer, strlen(answer)) < 0)
            return;
    }
}

static void serve(int listener, void (*service)(int fd)) {
    if (fork() != 0)
        return;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(1);
        if (fork() == 0) {
            close(listener);
            service(fd);
            _exit(0);
        }
        close(fd);
    }
}

static void wait_for_go(void) {
    char text[512] = {0}, line[64];
    int fd = open("/proc/cmdline", O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got < 0 || !strstr(text, "holm.template=1"))
        return;
    puts("holm-template-ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strcmp(line, "go\n") != 0)
        continue;
    woken = 1;
    write_file("/sys/bus/pci/rescan", "1");
}

int main(void) {
    mkdir("/dev", 0755), mkdir("/sys", 0755), mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, 0);
    mount("sysfs", "/sys", "sysfs", 0, 0);
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    wait_for_go();
    int echoes = vsock_open(0, 5000, 1), commands = vsock_open(0, 5001, 1);
    if (echoes < 0 || commands < 0)
        perror("listen");
    serve(echoes, echo);
    serve(commands, command);
    int ready = vsock_open(VMADDR_CID_HOST, 1024, 0);
    if (ready < 0 || write_all(ready, "ready\n", 6) < 0)
        perror("ready");
    puts("the test guest is up");
    fflush(stdout);
    for (;;)
        pause();
}
