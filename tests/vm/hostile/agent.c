// PID 1 of a machine that has turned against its host: in place of the agent, it says "ready" and then
// attacks the shim, in the way that the file /attack names. Whatever it does must harm nobody but its own
// container.
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/vm/hostile/hostile.h"

#define AGENT_PORT 1024

static int link_fd;     // to the shim
static char attack[32]; // its name

int vsock_dial(unsigned port) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = port, .svm_cid = VMADDR_CID_HOST};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void say(const void *bytes, size_t length) {
    for (const char *at = bytes; length > 0;) {
        ssize_t part = write(link_fd, at, length);
        if (part <= 0) {
            puts("the host has hung up");
            for (;;)
                pause();
        }
        at += part;
        length -= (size_t)part;
    }
}

// ---- HTTP/2 (RFC 9113) by hand ----

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

void frame_send(int type, int flags, uint32_t stream, const void *payload, size_t length) {
    uint8_t head[9] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
                       (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    say(head, sizeof head);
    say(payload, length);
}

// ":status: 200" from the static table, and the content type without one.
static const char answer_headers[] = "\x88\x00\x0c"
                                     "content-type\x10"
                                     "application/grpc";
static const char answer_trailers[] = "\x00\x0bgrpc-status\x01"
                                      "0";

static void open_answer(uint32_t stream) {
    frame_send(HEADERS, END_HEADERS, stream, answer_headers, sizeof answer_headers - 1);
}

static void message(uint32_t stream, const void *bytes, uint32_t length) {
    uint8_t piece[16384] = {0, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                            (uint8_t)length};
    memcpy(piece + 5, bytes, length);
    frame_send(DATA, 0, stream, piece, length + 5);
}

static void answer(uint32_t stream, const void *bytes, uint32_t length) {
    open_answer(stream);
    message(stream, bytes, length);
    frame_send(HEADERS, END_HEADERS | END_STREAM, stream, answer_trailers, sizeof answer_trailers - 1);
}

static uint32_t wait_for(const char *method) {
    return call_wait(link_fd, method);
}

// From here on it attacks. Its test looks for this: an attack that never happens passes otherwise.
static void begin(void) {
    printf("attack: %s\n", attack);
    fflush(stdout);
}

// As a good agent does, until the container's process runs as far as the shim knows.
static void pretend_to_run(uint32_t *events, uint32_t *attach) {
    answer(wait_for("Prepare"), "", 0);
    answer(wait_for("CreateProcess"), "\x08\x07", 2); // pid 7
    *events = wait_for("Events");
    open_answer(*events);
    *attach = wait_for("Attach");
    open_answer(*attach);
}

// ---- attacks on the frames ----

static void attack_garbage(void) {
    uint8_t bytes[4096];
    begin();
    for (unsigned seed = 1;;) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
        say(bytes, sizeof bytes);
    }
}

static void attack_hang_up(void) {
    begin();
    close(link_fd);
}

static void attack_pings(void) {
    begin();
    for (;;)
        frame_send(PING, 0, 0, "12345678", 8);
}

static void attack_settings(void) {
    begin();
    for (;;)
        frame_send(SETTINGS, 0, 0, "\0\3\0\0\0\1", 6);
}

static void attack_headers(void) {
    static uint8_t block[16000];
    memset(block, 0x88, sizeof block);
    uint32_t prepare = wait_for("Prepare");
    begin();
    frame_send(HEADERS, 0, prepare, block, sizeof block);
    for (;;)
        frame_send(CONTINUATION, 0, prepare, block, sizeof block);
}

static void attack_window(void) {
    begin();
    for (;;)
        frame_send(WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4);
}

static void attack_promise(void) {
    uint32_t prepare = wait_for("Prepare");
    begin();
    frame_send(PUSH_PROMISE, END_HEADERS, prepare, "\0\0\0\2\x88", 5);
    for (;;)
        frame_send(PING, 0, 0, "12345678", 8);
}

static void attack_strangers(void) {
    begin();
    for (uint32_t stream = 101;; stream += 2)
        open_answer(stream);
}

// ---- attacks on the messages ----

// 4 GiB are on their way, it says.
static void attack_length(void) {
    static uint8_t zeros[16384];
    uint32_t prepare = wait_for("Prepare");
    begin();
    open_answer(prepare);
    frame_send(DATA, 0, prepare, "\0\xff\xff\xff\xff", 5);
    for (;;)
        frame_send(DATA, 0, prepare, zeros, sizeof zeros);
}

static void attack_compressed(void) {
    uint32_t prepare = wait_for("Prepare");
    begin();
    open_answer(prepare);
    frame_send(DATA, 0, prepare, "\1\0\0\0\1x", 6);
    for (;;)
        pause();
}

// Messages of no bytes cost the sender five bytes each.
static void attack_answers(void) {
    uint32_t prepare = wait_for("Prepare");
    begin();
    open_answer(prepare);
    for (;;)
        message(prepare, "", 0);
}

static void attack_protobuf(void) {
    uint8_t deep[8192];
    uint32_t prepare = wait_for("Prepare");
    begin();
    for (size_t i = 0; i < sizeof deep; i += 2)
        deep[i] = 0x12, deep[i + 1] = 0x7f; // a field in a field, all too short
    answer(prepare, deep, sizeof deep);
    for (;;)
        pause();
}

// Event's fields are messages, Log's are its level and its text: long texts wherever there may be one, and
// none at all, which cost the sender next to nothing. Lengths are varints.
static void attack_log(void) {
    enum { LENGTH = 4096 };
    static const uint8_t places[][2] = {{2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {2, 2}, {5, 2}, {6, 2}};
    static uint8_t text[6 + LENGTH];
    uint32_t events, attach;
    pretend_to_run(&events, &attach);
    begin();
    memset(text, '\x1b', sizeof text);
    for (unsigned round = 0;; round++) {
        const uint8_t *place = places[round % (sizeof places / sizeof places[0])];
        const uint8_t head[] = {
            (uint8_t)(place[0] << 3 | 2), (uint8_t)((LENGTH + 3) | 0x80), (LENGTH + 3) >> 7,
            (uint8_t)(place[1] << 3 | 2), (uint8_t)(LENGTH | 0x80),       LENGTH >> 7};
        memcpy(text, head, sizeof head);
        message(events, text, sizeof text);
        message(events, "\x22\x03\x0a\x01x", 5); // the process x is out of memory
        for (int i = 0; i < 100; i++)
            message(events, "\x32\0", 2); // a Log without a word
    }
}

// More than its window allows: output without end, which nobody has asked for.
static void attack_output(void) {
    static uint8_t bytes[12003] = {0x0a, 0xe0, 0x5d};
    uint32_t events, attach;
    pretend_to_run(&events, &attach);
    begin();
    memset(bytes + 3, '\a', sizeof bytes - 3);
    for (;;)
        message(attach, bytes, sizeof bytes);
}

static void attack_exit(void) {
    uint32_t events, attach;
    pretend_to_run(&events, &attach);
    begin();
    for (;;) // an end with a code that is none, again and again, and output behind it
        message(attach, "\x22\x0e\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\xff\x7f", 16),
            message(attach, "\x0a\x01x", 3);
}

// ---- attacks on who copies files out ----

enum { TAR_BLOCK = 512 };

// One entry of a ustar archive (POSIX.1-2001, pax) behind what is there.
static size_t add_entry(uint8_t *tar, size_t at, char type, const char *name, const char *link,
                        const char *content) {
    uint8_t *head = tar + at;
    unsigned sum = 0;
    snprintf((char *)head, 100, "%s", name);
    snprintf((char *)head + 100, 56, "0006777");
    snprintf((char *)head + 124, 12, "%011o", (unsigned)strlen(content));
    snprintf((char *)head + 136, 12, "%011o", 0);
    head[156] = (uint8_t)type;
    snprintf((char *)head + 157, 100, "%s", link);
    memcpy(head + 257, "ustar\00000", 8);
    memset(head + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += head[i];
    snprintf((char *)head + 148, 8, "%06o", sum);
    memcpy(head + TAR_BLOCK, content, strlen(content));
    return at + TAR_BLOCK + (*content ? TAR_BLOCK : 0);
}

static size_t make_archive(unsigned kind, uint8_t *tar) {
    size_t length = add_entry(tar, 0, '5', "x", "", "");
    switch (kind) {
    case 0:
        return add_entry(tar, length, '0', "x/../../victim", "", "gotcha");
    case 1:
        length = add_entry(tar, length, '2', "x/out", "../..", "");
        return add_entry(tar, length, '0', "x/out/victim", "", "gotcha");
    case 2:
        return add_entry(tar, length, '0', "/tmp/holm-gotcha", "", "gotcha");
    case 3:
        length = add_entry(tar, length, '2', "x/out", "../..", "");
        return add_entry(tar, length, '1', "x/stolen", "x/out/victim", "");
    case 4:
        return add_entry(tar, length, '0', "victim", "", "gotcha");
    case 5: // this one may land, but not as it wants to
        length = add_entry(tar, length, '0', "x/rights", "", "gotcha");
        length = add_entry(tar, length, '3', "x/device", "", "");
        return add_entry(tar, length, '6', "x/pipe", "", "") + 2 * TAR_BLOCK;
    default:
        memset(tar, 0xa5, 4 * TAR_BLOCK);
        return 4 * TAR_BLOCK;
    }
}

// Another archive for every copy that is asked for.
static void attack_copies(void) {
    static uint8_t output[3 + 8 * TAR_BLOCK];
    uint32_t events, attach;
    pretend_to_run(&events, &attach);
    begin();
    for (unsigned kind = 0;; kind++) {
        memset(output, 0, sizeof output);
        uint32_t stream = wait_for("Copy");
        size_t length = make_archive(kind, output + 3);
        output[0] = 0x12, output[1] = (uint8_t)(length | 0x80), output[2] = (uint8_t)(length >> 7);
        open_answer(stream);
        message(stream, output, (uint32_t)length + 3);
        message(stream, "\x1a\0", 2);
        frame_send(HEADERS, END_HEADERS | END_STREAM, stream, answer_trailers, sizeof answer_trailers - 1);
    }
}

// ---- attacks on the machine ----

// Every port of the host, a hundred connections at a time.
static void attack_dial(void) {
    unsigned reached = 0;
    begin();
    for (unsigned port = 1; port < 3000; port++) {
        int fd = vsock_dial(port);
        if (fd >= 0) {
            printf("reached port %u of the host\n", port);
            reached++;
        }
    }
    for (int i = 0; i < 2000; i++)
        vsock_dial(AGENT_PORT);
    printf("dialled: %u ports answered\n", reached);
    fflush(stdout);
    attack_garbage();
}

static void attack_console(void) {
    static char line[4096];
    begin();
    memset(line, '\x9b', sizeof line);
    for (;;)
        if (write(STDOUT_FILENO, line, sizeof line) < 0)
            return;
}

static const struct {
    const char *name;
    void (*run)(void);
} attacks[] = {
    {"garbage", attack_garbage}, {"hang-up", attack_hang_up},
    {"pings", attack_pings},     {"settings", attack_settings},
    {"headers", attack_headers}, {"window", attack_window},
    {"promise", attack_promise}, {"strangers", attack_strangers},
    {"length", attack_length},   {"compressed", attack_compressed},
    {"answers", attack_answers}, {"protobuf", attack_protobuf},
    {"log", attack_log},         {"output", attack_output},
    {"exit", attack_exit},       {"dial", attack_dial},
    {"console", attack_console}, {"copies", attack_copies},
};

static int listen_to_shim(void) {
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_port = AGENT_PORT, .svm_cid = VMADDR_CID_ANY};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0)
        perror("listen");
    // The device is plugged a moment after the kernel has started.
    int ready = -1;
    while ((ready = vsock_dial(AGENT_PORT)) < 0)
        usleep(10000);
    if (write(ready, "ready\n", 6) != 6)
        perror("ready");
    return accept(fd, NULL, NULL);
}

int main(void) {
    int file = open("/attack", O_RDONLY);
    if (file < 0 || read(file, attack, sizeof attack - 1) < 0)
        perror("/attack");
    mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(attack, "rings") ==
        0) { // before "ready": a shim that loses its agent ends the machine at once
        begin();
        attack_rings();
    }
    link_fd = listen_to_shim();
    calls_begin(link_fd);
    static const uint8_t settings[] = {0, 0, 0, SETTINGS, 0, 0, 0, 0, 0};
    if (strcmp(attack, "garbage") != 0)
        say(settings, sizeof settings);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        if (strcmp(attacks[i].name, attack) == 0)
            attacks[i].run();
    for (;;)
        pause();
}
