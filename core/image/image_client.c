#include "core/image/image_client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/file.h"
#include "core/base/process.h"

#define ANSWER_MOST 8192

#define METHOD(name_, request_, response_)                                    \
    {                                                                         \
        .name = name_, .request = &holm__image__v1__##request_##__descriptor, \
        .response = &holm__image__v1__##response_##__descriptor,              \
    }

static const rpc_method methods[] = {
    METHOD("Pull", pull_request, progress),
    METHOD("Load", load_input, progress),
    METHOD("Save", save_request, save_output),
    METHOD("Import", load_input, progress),
    METHOD("Remove", remove_request, remove_response),
    METHOD("Verify", verify_request, progress),
    METHOD("Cancel", cancel_request, empty),
    METHOD("Watch", empty, progress),
    METHOD("MakeDisk", make_disk_request, make_disk_response),
};

const rpc_service image_protocol = {
    .name = "holm.image.v1.Image",
    .methods = methods,
    .method_count = array_length(methods),
};

char *image_client_socket(const paths *where) {
    return path_join(where->runtime, "image.sock", NULL);
}

char *image_client_lock(const paths *where) {
    return path_join(where->runtime, "image.lock", NULL);
}

char *image_client_disk(const paths *where, uint64_t size) {
    return path_format("%s/disks/empty-%" PRIu64 ".ext4", where->data, size);
}

static int try_connect(const paths *where, holm_error **error) {
    cleanup_free char *path = image_client_socket(where);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "the path %s is too long for a socket", path);
        holm_error_hint(error, "set XDG_RUNTIME_DIR to a shorter one");
        return -1;
    }
    strcpy(address.sun_path, path);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return steal_fd(&fd);
    if (errno == ENOENT || errno == ECONNREFUSED)
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE, "no image work is going on");
    else
        holm_error_set_errno(error, errno, "connect to %s", path);
    return -1;
}

// The worker's first word.
static int read_answer(int pipe, holm_error **error) {
    cleanup_file FILE *answer = fdopen(pipe, "r");
    char text[ANSWER_MOST] = "";
    size_t length = fread(text, 1, sizeof text - 1, answer);
    text[length] = 0;
    if (text[0] == 'R')
        return 0;
    char *rest = text + 1, *code = strsep(&rest, "\n"), *message = strsep(&rest, "\n");
    if (text[0] != 'E' || !message) {
        holm_error_set(error, HOLM_ERROR_INTERNAL, "the image worker (holm-image) ended without a word");
        return -1;
    }
    holm_error_set(error, holm_error_code_parse(code), "%s", message);
    if (rest && *rest)
        holm_error_hint(error, "%.*s", (int)strcspn(rest, "\n"), rest);
    return -1;
}

static int start_worker(const paths *where, holm_error **error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe to the image worker");
        return -1;
    }
    cleanup_free char *program = path_join(where->libexec, "holm-image", NULL);
    const char *argv[] = {program, NULL};
    const process_fd fds[] = {{.from = ends[1], .to = 3}};
    const process_options options = {
        .argv = argv, .fds = fds, .fd_count = 1, .directory = "/", .new_session = true};
    cleanup_close int process = -1;
    int result = process_spawn(&options, NULL, &process, error);
    close(ends[1]);
    if (result < 0) {
        close(ends[0]);
        return -1;
    }
    result = read_answer(ends[0], error);
    siginfo_t gone; // what we started has ended by then: the worker is a child of its own
    waitid(P_PIDFD, (id_t)process, &gone, WEXITED | WNOHANG);
    return result;
}

int image_client_connect(const paths *where, bool start, holm_error **error) {
    holm_error *cause = NULL;
    int fd = try_connect(where, &cause);
    if (fd >= 0)
        return fd;
    if (!start || holm_error_code_of(cause) != HOLM_ERROR_UNAVAILABLE) {
        holm_error_propagate(error, cause);
        return -1;
    }
    holm_error_free(cause);
    cleanup_free char *path = image_client_lock(where);
    cleanup_close int lock = file_lock(path, true, true, error);
    if (lock < 0)
        return -1;
    fd = try_connect(where, NULL); // someone may have been faster
    if (fd >= 0)
        return fd;
    return start_worker(where, error) < 0 ? -1 : try_connect(where, error);
}
