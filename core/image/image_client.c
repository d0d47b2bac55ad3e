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
    METHOD("Push", push_request, progress),
    METHOD("Load", load_input, progress),
    METHOD("Save", save_request, save_output),
    METHOD("Import", load_input, progress),
    METHOD("Remove", remove_request, remove_response),
    METHOD("Login", login_request, empty),
    METHOD("Tags", tags_request, tags_response),
    METHOD("Verify", verify_request, progress),
    METHOD("Cancel", cancel_request, empty),
    METHOD("Watch", empty, progress),
    METHOD("MakeDisk", make_disk_request, make_disk_response),
    METHOD("Unpack", unpack_request, empty),
    METHOD("Referrers", referrers_request, referrers_response),
    METHOD("RemoveRemote", remove_remote_request, remove_remote_response),
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

char *image_client_worker_lock(const paths *where) {
    return path_join(where->runtime, "image.worker", NULL);
}

char *image_client_disk(const paths *where, uint64_t size) {
    return path_format("%s/disks/empty-%" PRIu64 ".ext4", where->data, size);
}

char *image_client_disk_of(const paths *where, const image_disk_shape *shape) {
    if (!shape->journal_mode)
        return image_client_disk(where, shape->size);
    return path_format("%s/disks/empty-%" PRIu64 "-%s-%" PRIu64 ".ext4", where->data, shape->size,
                       shape->journal_mode, shape->journal_bytes);
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

static int start_worker(const paths *where, int lock, holm_error **error) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        holm_error_set_errno(error, errno, "make a pipe to the image worker");
        return -1;
    }
    cleanup_free char *program = path_join(where->libexec, "holm-image", NULL);
    const char *argv[] = {program, NULL};
    const process_fd fds[] = {{.from = ends[1], .to = IMAGE_CLIENT_ANSWER_FD},
                              {.from = lock, .to = IMAGE_CLIENT_LOCK_FD}};
    const process_options options = {
        .argv = argv, .fds = fds, .fd_count = 2, .directory = "/", .new_session = true};
    int pidfd = -1;
    int result = process_spawn(&options, NULL, &pidfd, error);
    close(ends[1]);
    if (result < 0) {
        close(ends[0]);
        return -1;
    }
    // The worker goes its own way in a child of this process, which ends at once.
    result = read_answer(ends[0], error);
    process_wait(pidfd);
    close(pidfd);
    return result;
}

int image_client_connect(const paths *where, bool start, holm_error **error) {
    cleanup_free char *path = image_client_lock(where);
    for (int exclusive = 0;; exclusive++) {
        cleanup_close int lock = file_lock(path, exclusive, true, error);
        if (lock < 0)
            return -1;
        cleanup_error holm_error *cause = NULL;
        int fd = try_connect(where, &cause);
        bool nobody = fd < 0 && holm_error_code_of(cause) == HOLM_ERROR_UNAVAILABLE;
        if (fd >= 0)
            return fd;
        if (!start || !nobody) {
            holm_error_propagate(error, steal_pointer(&cause));
            return -1;
        }
        if (exclusive) // nobody has been faster
            return start_worker(where, lock, error) < 0 ? -1 : try_connect(where, error);
    }
}
