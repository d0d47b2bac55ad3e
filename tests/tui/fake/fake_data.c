#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/tui/fake/fake_holm.h"

#define SECOND 1000000000LL

typedef struct made {
    const char *name, *image, *state, *reason, *command;
    int exit_code;
    int64_t created, started, finished; ///< seconds ago
    double cpus;
    json_int_t memory;
} made;

static const made first[] = {
    {"web", "docker.io/library/nginx:1.27", "running", "", "nginx -g daemon off;", 0, 260000, 7300, 0, 4,
     1 << 30},
    {"db", "docker.io/library/postgres:16", "running", "", "postgres", 0, 260000, 7200, 0, 2, 2LL << 30},
    {"build", "docker.io/library/debian:12", "running", "", "make -j4 world", 0, 400, 390, 0, 1, 1 << 30},
    {"old", "docker.io/library/alpine:3.20", "exited", "out-of-memory", "sh", 137, 90000, 9000, 7500, 1,
     256 << 20},
    {"once", "docker.io/library/alpine:3.20", "exited", "exited", "true", 0, 90000, 9000, 8900, 1, 256 << 20},
    {"wörter-日本", "ghcr.io/someone/a-rather-long-name:2026.11", "starting", "", "serve", 0, 3, 0, 0, 1,
     256 << 20},
};

static json_t *container(const made *from, int number, const char *name, int64_t now) {
    char id[65];
    snprintf(id, sizeof(id), "%02x%062d", 0xa0 + number % 90, number);
    json_t *status =
        json_pack("{s:s, s:i, s:s, s:I, s:i}", "state", from->state, "exitCode", from->exit_code, "reason",
                  from->reason, "createdAt", (json_int_t)(now - from->created * SECOND), "restartCount", 0);
    if (from->started)
        json_object_set_new(status, "startedAt", json_integer(now - from->started * SECOND));
    if (from->finished)
        json_object_set_new(status, "finishedAt", json_integer(now - from->finished * SECOND));
    if (strcmp(from->state, "running") == 0)
        json_object_set_new(status, "networks",
                            number == 2 ? json_pack("[{s:s, s:s}]", "name", "back", "address", "10.88.1.4")
                                        : json_pack("[{s:s, s:s, s:s, s:[s]}]", "name", "default", "address",
                                                    "10.88.0.12", "addressV6", "fd5e:81c2:9a07:1::c",
                                                    "aliases", "shop"));
    json_t *arguments = json_array();
    char copy[64], *rest = copy, *word;
    snprintf(copy, sizeof(copy), "%s", from->command);
    while ((word = strsep(&rest, " ")))
        json_array_append_new(arguments, json_string(word));
    json_t *document =
        json_pack("{s:s, s:{s:s, s:s, s:{s:f, s:I}, s:{s:o, s:b}}, s:o}", "id", id, "configuration", "name",
                  name, "image", from->image, "resources", "cpus", from->cpus, "memoryBytes", from->memory,
                  "process", "arguments", arguments, "terminal", number != 1, "status", status);
    json_t *configuration = json_object_get(document, "configuration");
    json_object_set_new(configuration, "labels", json_pack("{s:s}", "tier", number % 2 ? "back" : "front"));
    if (number == 0) {
        json_t *ports = json_pack("[{s:s, s:i, s:i, s:s}]", "hostAddress", "127.0.0.1", "hostPort", 8080,
                                  "containerPort", 80, "protocol", "tcp");
        json_object_set(configuration, "ports", ports);
        json_object_set_new(status, "ports", ports);
    }
    if (number == 0 || number == 2)
        json_object_set_new(status, "health",
                            json_pack("{s:s, s:i, s:i, s:s}", "status", number ? "unhealthy" : "healthy",
                                      "failingStreak", number ? 4 : 0, "exitCode", number ? 7 : 0, "output",
                                      number ? "no answer\x1b[2J from :8080" : "ok"));
    if (number == 1)
        json_object_set_new(configuration, "mounts",
                            json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:b}]", "type", "volume", "source",
                                      "pgdata", "destination", "/var/lib/postgresql/data", "type", "volume",
                                      "source", "pgdata", "destination", "/srv/report", "readOnly", 1));
    return document;
}

json_t *fake_containers(int count, int64_t now_ns) {
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        char name[32];
        const made *from = &first[i < (int)array_length(first) ? i : i % 3];
        snprintf(name, sizeof(name), "app-%d", i);
        json_array_append_new(list,
                              container(from, i, i < (int)array_length(first) ? from->name : name, now_ns));
    }
    return list;
}

json_t *fake_events(int64_t now_ns) {
    static const struct {
        const char *kind, *action, *name;
        int ago;
    } all[] = {{"image", "pull", "docker.io/library/nginx:1.27", 7400},
               {"container", "create", "web", 7310},
               {"container", "start", "web", 7300},
               {"container", "start", "build", 390},
               {"container", "oom", "old", 7501},
               {"container", "die", "old", 7500}};
    json_t *list = json_array();
    for (size_t i = 0; i < array_length(all); i++)
        json_array_append_new(list, json_pack("{s:i, s:I, s:s, s:s, s:s, s:{s:i}}", "sequence", (int)i + 1,
                                              "unixNs", (json_int_t)(now_ns - all[i].ago * SECOND), "kind",
                                              all[i].kind, "action", all[i].action, "name", all[i].name,
                                              "attributes", "exitCode", 137));
    return list;
}

json_t *fake_stats(const json_t *container, unsigned step, int64_t now_ns) {
    const char *id = json_string_value(json_object_get(container, "id"));
    const json_t *configuration = json_object_get(container, "configuration");
    const json_t *resources = json_object_get(configuration, "resources");
    double cpus = json_number_value(json_object_get(resources, "cpus"));
    double seed = id[1] * 0.7, wave = 0.5 + 0.5 * sin(step * 0.31 + seed) * cos(step * 0.07 + seed);
    double cpu = id[1] == '2' ? 98.7 : wave * (8 + 30 * (id[1] % 3));
    double limit = json_number_value(json_object_get(resources, "memoryBytes"));
    double memory = limit * (0.06 + 0.1 * (id[1] % 5)) * (1 + 0.3 * wave);
    return json_pack("{s:s, s:I, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}", "id", id,
                     "unixNs", (json_int_t)now_ns, "cpuPercentOfOneCore", cpu, "cpuPercentOfShare",
                     cpu / cpus, "cpus", cpus, "memoryUsageBytes", (json_int_t)memory, "memoryLimitBytes",
                     (json_int_t)limit, "networkRxBytes", (json_int_t)(step * 1200000 * wave),
                     "networkTxBytes", (json_int_t)step * 31000, "blockReadBytes", (json_int_t)step * 4096,
                     "blockWriteBytes", (json_int_t)step * 9000, "processCount", 5, "hostMemoryBytes",
                     (json_int_t)(memory * 1.3), "memoryGivenBackBytes", (json_int_t)((limit - memory) / 4));
}

json_t *fake_checks(void) {
    static const struct {
        const char *name, *state, *looked, *found, *advice;
    } checks[] = {
        {"guest kernel", "missing", "/home/me/.cache/holm/kernel", "there is none",
         "build it once: /usr/share/holm/kernel/build.sh"},
        {"helpers", "good", "/usr/libexec/holm", "all of them", NULL},
        {"QEMU", "good", "/usr/bin/qemu-system-x86_64", "QEMU emulator version 7.2.22", NULL},
        {"accelerator", "note", "/dev/kvm", "emulation: /dev/kvm is not there or may not be opened",
         "it works, slower; for more turn on virtualisation in the firmware, or nested virtualisation where "
         "this "
         "is a machine itself"},
        {"virtiofsd", "good", "/usr/lib/qemu/virtiofsd", "it is there", NULL},
        {"disk space", "note", "/home/me/.local/share/holm", "1.2 GiB free",
         "holm image prune -a and holm volume prune give back what is unused"},
        {"memory", "good", "/proc/meminfo", "16.3 GiB of 23.4 GiB can be had", NULL},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < array_length(checks); i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s?}", "name", checks[i].name, "state",
                                              checks[i].state, "looked", checks[i].looked, "found",
                                              checks[i].found, "advice", checks[i].advice));
    return list;
}

json_t *fake_progress(const char *subject, unsigned step, int64_t now_ns) {
    static const json_int_t sizes[] = {29 << 20, 41 << 20, 600000, 900, 12 << 20};
    json_t *layers = json_array();
    json_int_t done = 0, total = 0;
    for (int i = 0; i < (int)array_length(sizes); i++) {
        char digest[80];
        snprintf(digest, sizeof(digest), "sha256:%04x%060d", 0xa3f1 + i * 4111, i);
        double part = step / 50.0 * (1 + i * 0.2) - i * 0.1;
        part = part < 0 ? 0 : part > 1 ? 1 : part;
        json_array_append_new(layers, json_pack("{s:s, s:I, s:I, s:s}", "digest", digest, "bytesDone",
                                                (json_int_t)(part * (double)sizes[i]), "bytesTotal", sizes[i],
                                                "phase",
                                                part >= 1  ? "done"
                                                : part > 0 ? "downloading"
                                                           : "queued"));
        done += (json_int_t)(part * (double)sizes[i]);
        total += sizes[i];
    }
    bool bad = strstr(subject, "bad") != NULL, end = step >= 60 || (bad && step > 5);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:b, s:I, s:s, s:s}", "task", subject, "kind",
                     "pull", "subject", subject, "phase", end ? (bad ? "failed" : "done") : "downloading",
                     "bytesDone", done, "bytesTotal", total, "layers", layers, "done", end, "startedUnixNs",
                     (json_int_t)now_ns, "error",
                     end && bad ? "registry docker.io says: not found, or that there is nobody of that name, "
                                  "who may have it, under this address"
                                : "",
                     "hint", end && bad ? "check the name, or log in" : "");
}

json_t *fake_folder(int64_t now_ns) {
    static const struct {
        const char *name, *hex, *kind, *target, *leads, *user;
        int mode;
        json_int_t size;
    } entries[] = {
        {"bin", "", "link", "usr/bin", "folder", "root", 0777, 7},
        {"conf.d", "", "folder", "", "", "root", 0755, 4096},
        {"tmp", "", "folder", "", "", "root", 01777, 4096},
        {"\\xffbad", "ff626164", "file", "", "", "", 0600, 12},
        {"a name that is long enough to be cut where the tab has few columns, and then some more of it", "",
         "file", "", "", "www-data", 0644, 1234567},
        {"\x1b]0;evil title\a\x1b[2J", "", "file", "", "", "root", 0644, 1},
        {"device", "", "device", "", "", "root", 0666, 0},
        {"entrypoint.sh", "", "file", "", "", "root", 04755, 4711},
        {"gone", "", "link", "/nowhere/at/all", "", "root", 0777, 15},
        {"mime.types", "", "file", "", "", "root", 0644, 5349},
        {"pipe", "", "pipe", "", "", "root", 0600, 0},
        {"socket", "", "socket", "", "", "root", 0755, 0},
        {"sch\xc3\xb6n \xe6\x97\xa5\xe6\x9c\xac", "", "file", "", "", "root", 0640, 99000000},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < array_length(entries); i++) {
        json_t *entry = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:I, s:I}", "name", entries[i].name,
                                  "kind", entries[i].kind, "mode", entries[i].mode, "uid", 1000 + (int)i,
                                  "gid", 50, "user", entries[i].user, "group", entries[i].user, "sizeBytes",
                                  entries[i].size, "modifiedUnixNs", now_ns - (json_int_t)i * 86400000000000);
        if (*entries[i].hex)
            json_object_set_new(entry, "nameHex", json_string(entries[i].hex));
        if (*entries[i].target)
            json_object_set_new(entry, "target", json_string(entries[i].target));
        if (*entries[i].leads)
            json_object_set_new(entry, "leadsTo", json_string(entries[i].leads));
        json_array_append_new(list, entry);
    }
    return json_pack("{s:o, s:i, s:b}", "entries", list, "leftOut", 905, "more", 0);
}
