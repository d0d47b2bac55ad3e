// A server for the guest, on port 7: what comes back to a client says what it saw of it. Any number of
// clients at once.
//
//   echo    every byte as it comes; after the client's end of file, "end" and the end
//   reset   "reset\n" from the client: reset by us
//   wait    "wait\n" from the client: until it resets; the next client that says "last\n" hears how that
//   ended
//
// On port 9 by UDP: "from ADDRESS:PORT TEXT".
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MOST 4096

typedef struct client {
    size_t begin, end;
    int over;
    char bytes[1 << 16];
} client;

static struct pollfd polls[CLIENTS_MOST + 2];
static client *clients[CLIENTS_MOST + 2];
static size_t count = 2;
static char last[64] = "nothing";

static int open_socket(int type, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, type, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (type == SOCK_STREAM && listen(fd, 4096) < 0)) {
        perror("serve");
        exit(1);
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void drop(size_t index, int reset) {
    const struct linger at_once = {.l_onoff = 1};
    if (reset)
        setsockopt(polls[index].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(polls[index].fd);
    free(clients[index]);
    count--;
    polls[index] = polls[count];
    clients[index] = clients[count];
}

static void take_clients(void) {
    for (int fd; count < CLIENTS_MOST && (fd = accept(polls[0].fd, NULL, NULL)) >= 0;) {
        fcntl(fd, F_SETFL, O_NONBLOCK);
        polls[count] = (struct pollfd){.fd = fd, .events = POLLIN};
        clients[count++] = calloc(1, sizeof(client));
    }
}

static int is(const client *self, const char *word) {
    return self->end == strlen(word) && memcmp(self->bytes, word, self->end) == 0;
}

static void answer(client *self, const char *text) {
    self->begin = 0;
    self->end = (size_t)snprintf(self->bytes, sizeof self->bytes, "%s", text);
}

// 0: go on, 1: drop, 2: reset
static int serve(client *self, struct pollfd *poll) {
    if (self->begin == self->end && !self->over) {
        ssize_t got = recv(poll->fd, self->bytes, sizeof self->bytes, 0);
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got < 0) {
            snprintf(last, sizeof last, "%s", strerror(errno));
            return 1;
        }
        self->begin = 0;
        self->end = (size_t)got;
        if (got == 0) {
            self->over = 1;
            answer(self, "end");
        } else if (is(self, "reset\n")) {
            return 2;
        } else if (is(self, "wait\n")) {
            answer(self, "waiting");
        } else if (is(self, "last\n")) {
            answer(self, last);
        }
    }
    ssize_t sent = send(poll->fd, self->bytes + self->begin, self->end - self->begin, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return 1;
    self->begin += sent > 0 ? (size_t)sent : 0;
    poll->events = self->begin < self->end ? POLLOUT : POLLIN;
    return self->over && self->begin == self->end;
}

static void serve_datagram(int fd) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    char text[1500], reply[1600];
    ssize_t got = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *)&from, &length);
    if (got < 0)
        return;
    text[got] = 0;
    int size = snprintf(reply, sizeof reply, "from %s %s", inet_ntoa(from.sin_addr), text);
    sendto(fd, reply, (size_t)size, 0, (struct sockaddr *)&from, length);
}

int main(void) {
    polls[0] = (struct pollfd){.fd = open_socket(SOCK_STREAM, 7), .events = POLLIN};
    polls[1] = (struct pollfd){.fd = open_socket(SOCK_DGRAM, 9), .events = POLLIN};
    puts("serving");
    fflush(stdout);
    for (;;) {
        poll(polls, count, -1);
        for (size_t i = count; i-- > 2;) {
            int what = polls[i].revents ? serve(clients[i], &polls[i]) : 0;
            if (what)
                drop(i, what == 2);
        }
        if (polls[1].revents)
            serve_datagram(polls[1].fd);
        if (polls[0].revents)
            take_clients();
    }
}
