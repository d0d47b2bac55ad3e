#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

double load_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void load_fail(const char *what) {
    printf("%s: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(1);
}

uint64_t load_number(const char *text) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (end == text || *end || errno) {
        errno = EINVAL;
        load_fail(text);
    }
    return number;
}

// ---- a bare machine ----

static void set_address(int fd, struct ifreq *request, unsigned long which, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        load_fail(text);
    memcpy(&request->ifr_addr, &address, sizeof address);
    if (ioctl(fd, which, request) < 0)
        load_fail("set the address");
}

static void set_net(char **words) {
    struct ifreq request = {.ifr_name = "eth0"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    request.ifr_mtu = (int)load_number(words[4]);
    if (ioctl(fd, SIOCSIFMTU, &request) < 0)
        load_fail("set the MTU");
    set_address(fd, &request, SIOCSIFADDR, words[1]);
    set_address(fd, &request, SIOCSIFNETMASK, words[2]);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        load_fail("bring the card up");
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in address = {.sin_family = AF_INET};
    memcpy(&route.rt_dst, &address, sizeof address);
    memcpy(&route.rt_genmask, &address, sizeof address);
    inet_pton(AF_INET, words[3], &address.sin_addr);
    memcpy(&route.rt_gateway, &address, sizeof address);
    if (ioctl(fd, SIOCADDRT, &route) < 0)
        load_fail("set the route");
    close(fd);
}

static void do_mount(char **words) {
    mkdir(words[3], 0755);
    if (mount(words[2], words[3], words[1], 0, NULL) < 0)
        load_fail("mount");
}

static void do_umount(char **words) {
    if (umount(words[1]) < 0)
        load_fail("umount");
}

static void run_line(char *line) {
    char *words[LOAD_WORDS] = {0}, *rest = line;
    for (size_t i = 0; i < LOAD_WORDS - 1 && (words[i] = strsep(&rest, " \r\n")) && *words[i]; i++)
        continue;
    int output[2];
    if (pipe(output) < 0)
        load_fail("pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], 1);
        close(output[0]);
        close(output[1]);
        load_run(words);
        fflush(stdout);
        _exit(0);
    }
    close(output[1]);
    FILE *said = fdopen(output[0], "r");
    char text[512];
    int code = 0;
    bool serves = false;
    while (!serves && fgets(text, sizeof text, said)) {
        printf("= %s", text);
        serves = strncmp(text, "serving", 7) == 0; // and goes on doing so
    }
    if (!serves)
        waitpid(child, &code, 0);
    fclose(said);
    printf("= done %d\n", code);
    fflush(stdout);
}

void load_init(void) {
    struct termios raw;
    mkdir("/dev", 0755), mkdir("/sys", 0755), mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, 0), mount("sysfs", "/sys", "sysfs", 0, 0);
    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    if (tcgetattr(0, &raw) == 0) {
        raw.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(0, TCSANOW, &raw);
    }
    puts("= ready");
    fflush(stdout);
    for (char line[512]; fgets(line, sizeof line, stdin);)
        run_line(line);
    for (;;)
        pause();
}

// ---- commands ----

// What tsc_early_khz= wants: an emulated kernel cannot measure it.
static void tell_clock(char **words) {
    (void)words;
#ifdef __x86_64__
    const uint64_t ticks = __rdtsc();
    const double begin = load_now();
    while (load_now() - begin < 0.05)
        continue;
    printf("%.0f\n", (double)(__rdtsc() - ticks) / (load_now() - begin) / 1e3);
#else
    puts("0");
#endif
}

void load_run(char **words) {
    static const struct {
        const char *name;
        int words;
        void (*run)(char **words);
    } commands[] = {{"serve", 2, load_serve},   {"send", 4, load_send},     {"receive", 4, load_receive},
                    {"ping", 4, load_ping},     {"mirror", 5, load_mirror}, {"tree", 4, load_tree},
                    {"stream", 3, load_stream}, {"net", 5, set_net},        {"mount", 4, do_mount},
                    {"umount", 2, do_umount},   {"clock", 1, tell_clock}};
    int count = 0;
    while (words[count] && *words[count])
        count++;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (count == commands[i].words && strcmp(words[0], commands[i].name) == 0) {
            commands[i].run(words);
            return;
        }
    errno = EINVAL;
    load_fail(count ? words[0] : "no command");
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (getpid() == 1 && count == 1)
        load_init();
    load_run(arguments + 1);
    return 0;
}
