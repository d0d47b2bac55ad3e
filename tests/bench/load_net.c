#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define PIECE      (256u << 10)
#define PINGS_MOST 100000u

enum { TAKE, GIVE, MIRROR };

typedef struct request {
    uint64_t kind, bytes;
} request;

static char piece[PIECE];

static void send_all(int fd, const void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t sent = send(fd, (const char *)bytes + done, length - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            load_fail("send");
        done += sent > 0 ? (size_t)sent : 0;
    }
}

static void receive_all(int fd, void *bytes, size_t length) {
    for (size_t done = 0; done < length;) {
        ssize_t got = recv(fd, (char *)bytes + done, length - done, 0);
        if (got == 0)
            errno = ECONNRESET;
        if (got == 0 || (got < 0 && errno != EINTR))
            load_fail("receive");
        done += got > 0 ? (size_t)got : 0;
    }
}

static void send_bytes(int fd, uint64_t bytes) {
    for (size_t now; bytes; bytes -= now)
        send_all(fd, piece, now = bytes < PIECE ? (size_t)bytes : PIECE);
}

static void receive_bytes(int fd, uint64_t bytes) {
    for (ssize_t got; bytes; bytes -= (uint64_t)got)
        if ((got = recv(fd, piece, bytes < PIECE ? (size_t)bytes : PIECE, 0)) <= 0)
            load_fail("receive");
}

static void send_back(int fd) {
    for (ssize_t got; (got = recv(fd, piece, PIECE, 0)) > 0;)
        send_all(fd, piece, (size_t)got);
}

static void set_prompt(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void answer(int fd) {
    request asked;
    set_prompt(fd);
    receive_all(fd, &asked, sizeof asked);
    if (asked.kind == TAKE) {
        receive_bytes(fd, asked.bytes);
        send_all(fd, "", 1);
    } else if (asked.kind == GIVE) {
        send_bytes(fd, asked.bytes);
    } else {
        send_back(fd);
    }
    close(fd);
}

void load_serve(char **words) {
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons((uint16_t)load_number(words[1]))};
    socklen_t length = sizeof address;
    const int on = 1, off = 0;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        load_fail("listen");
    signal(SIGCHLD, SIG_IGN);
    printf("serving %u\n", ntohs(address.sin6_port));
    fflush(stdout);
    for (;;) {
        int one = accept(fd, NULL, NULL);
        if (one < 0)
            load_fail("accept");
        if (fork() == 0) {
            close(fd);
            answer(one);
            _exit(0);
        }
        close(one);
    }
}

static int dial(const char *host, const char *port, uint64_t kind, uint64_t bytes) {
    const request asked = {kind, bytes};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load_number(port))};
    struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = address.sin_port};
    const bool v4 = inet_pton(AF_INET, host, &address.sin_addr) == 1;
    if (!v4 && inet_pton(AF_INET6, host, &address6.sin6_addr) != 1)
        load_fail(host);
    int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, v4 ? (struct sockaddr *)&address : (struct sockaddr *)&address6,
                          v4 ? sizeof address : sizeof address6) < 0)
        load_fail("connect");
    set_prompt(fd);
    send_all(fd, &asked, sizeof asked);
    return fd;
}

static void print_rate(uint64_t bytes, double begin) {
    printf("%.2f\n", (double)bytes / (1 << 20) / (load_now() - begin));
}

void load_send(char **words) {
    const uint64_t bytes = load_number(words[3]);
    int fd = dial(words[1], words[2], TAKE, bytes);
    double begin = load_now();
    send_bytes(fd, bytes);
    receive_all(fd, piece, 1);
    print_rate(bytes, begin);
}

void load_receive(char **words) {
    const uint64_t bytes = load_number(words[3]);
    double begin = load_now();
    int fd = dial(words[1], words[2], GIVE, bytes);
    receive_bytes(fd, bytes);
    print_rate(bytes, begin);
}

static int compare(const void *one, const void *other) {
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

void load_ping(char **words) {
    static double taken[PINGS_MOST];
    const uint64_t count = load_number(words[3]);
    if (count == 0 || count > PINGS_MOST)
        load_fail("ping that often");
    int fd = dial(words[1], words[2], MIRROR, 0);
    for (uint64_t i = 0; i < count; i++) {
        double begin = load_now();
        send_all(fd, "", 1);
        receive_all(fd, piece, 1);
        taken[i] = (load_now() - begin) * 1e6;
    }
    qsort(taken, count, sizeof *taken, compare);
    printf("%.1f\n", taken[count / 2]);
}

// ---- there and back, every byte known ----

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
static void fill(uint64_t *state, uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        words[i] = *state * UINT64_C(2685821657736338717);
    }
}

static void send_stream(int fd, uint64_t bytes, uint64_t seed) {
    static uint64_t words[PIECE / sizeof(uint64_t)];
    for (uint64_t done = 0; done < bytes; done += PIECE) {
        fill(&seed, words, PIECE / sizeof *words);
        send_all(fd, words, bytes - done < PIECE ? (size_t)(bytes - done) : PIECE);
    }
    shutdown(fd, SHUT_WR);
}

static void check_stream(int fd, uint64_t bytes, uint64_t seed) {
    static uint64_t words[PIECE / sizeof(uint64_t)];
    for (uint64_t done = 0; done < bytes; done += PIECE) {
        const size_t length = bytes - done < PIECE ? (size_t)(bytes - done) : PIECE;
        fill(&seed, words, PIECE / sizeof *words);
        receive_all(fd, piece, length);
        if (memcmp(piece, words, length) != 0) {
            size_t at = 0;
            while (piece[at] == ((const char *)words)[at])
                at++;
            printf("wrong at byte %llu\n", (unsigned long long)(done + at));
            exit(1);
        }
    }
    if (recv(fd, piece, 1, 0) != 0) {
        puts("more than was sent");
        exit(1);
    }
}

void load_mirror(char **words) {
    const uint64_t bytes = load_number(words[3]), seed = load_number(words[4]) | 1;
    int fd = dial(words[1], words[2], MIRROR, 0);
    double begin = load_now();
    pid_t sender = fork();
    if (sender == 0) {
        send_stream(fd, bytes, seed);
        _exit(0);
    }
    check_stream(fd, bytes, seed);
    print_rate(bytes, begin);
}
