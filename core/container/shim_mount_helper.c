// What a confined shim cannot open itself: folders of the host and volumes for mounts that are added while it
// runs. Only those that the container's row names are opened. The daemons are this process's children, and
// end with it.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/process.h"
#include "core/container/shim_devices.h"

typedef struct served {
    char *place; // NULL: free
    int process;
} served;

static served all[CONFIGURATION_MOUNTS_MOST];

static served *find(const char *place) {
    for (size_t i = 0; i < array_length(all); i++)
        if (all[i].place && strcmp(all[i].place, place) == 0)
            return &all[i];
    return NULL;
}

void shim_mount_release(const char *place) {
    served *one = find(place);
    if (!one)
        return;
    syscall(SYS_pidfd_send_signal, one->process, SIGKILL, NULL, 0);
    process_wait(one->process);
    close(one->process);
    free(steal_pointer(&one->place));
}

static int fetch_share(const shim *self, const char *place, const json_t *mount, helper_answer *answer,
                       holm_error **error) {
    served *one = all;
    shim_mount_release(place);
    while (one < all + array_length(all) && one->place)
        one++;
    if (one == all + array_length(all)) {
        holm_error_set(error, HOLM_ERROR_LIMIT, "%d folders of the host are shared already",
                       CONFIGURATION_MOUNTS_MOST);
        return -1;
    }
    shim_daemon started;
    if (shim_share_start_one(self, mount, &started, error) < 0)
        return -1;
    one->process = started.process;
    one->place = strdup(place);
    answer->fd = started.connection;
    answer->third = started.watcher;
    answer->card = fcntl(one->process, F_DUPFD_CLOEXEC, 0);
    return 0;
}

// The machine gets a descriptor that can do no more than it is to.
static int fetch_volume(const shim *self, state *db, const json_t *mount, helper_answer *answer,
                        holm_error **error) {
    json_t *volume = state_volume_get(db, json_string_value(json_object_get(mount, "source")), error);
    shim_volume_use use = SHIM_VOLUME_WRITES;
    char link[32];
    answer->fd = volume ? shim_volume_take(self, volume, mount, &use, error) : -1;
    json_decref(volume);
    if (answer->fd < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", answer->fd);
    answer->card = open(link, (use == SHIM_VOLUME_WRITES ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    answer->text = path_format("%d", (int)use);
    if (answer->card >= 0)
        return 0;
    holm_error_set_errno(error, errno, "open the volume's file");
    return -1;
}

int shim_mount_fetch(shim *self, const char *place, helper_answer *answer, holm_error **error) {
    cleanup_state state *db = state_open(self->where.data, error);
    json_t *mount = NULL;
    if (!db || container_mount_find(db, self->id, place, &mount, error) < 0)
        return -1;
    int result = configuration_mount_is_bind(mount) ? fetch_share(self, place, mount, answer, error)
                                                    : fetch_volume(self, db, mount, answer, error);
    json_decref(mount);
    return result;
}
