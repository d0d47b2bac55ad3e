// PID 1 of the bare machine that holm is measured against: no holm code in it. It finds its disks and its
// card, reads the first disk, and says so on the console. With "clone" on the kernel's command line it first
// says READY and waits for a line: that is the moment the template is taken, and what a clone wakes up to.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char line[512] = {0}, head[512];
    mkdir("/dev", 0755), mkdir("/sys", 0755), mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0);
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    int command_line = open("/proc/cmdline", O_RDONLY);
    if (command_line < 0 || read(command_line, line, sizeof line - 1) < 0)
        return 1;
    if (strstr(line, "clone")) {
        puts("READY"), fflush(stdout);
        if (read(0, line, sizeof line) < 0)
            return 1;
        int rescan = open("/sys/bus/pci/rescan", O_WRONLY);
        if (rescan < 0 || write(rescan, "1", 1) != 1)
            return 1;
    }
    int disk = open("/dev/vda", O_RDONLY);
    struct stat status;
    printf("DONE disk=%zd card=%s\n", disk < 0 ? (ssize_t)-1 : read(disk, head, sizeof head),
           stat("/sys/class/net/eth0", &status) ? "no" : "yes");
    fflush(stdout);
    for (;;)
        pause();
}
