#include "tui/model_private.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/holm.h"

#define MOST_TASKS 64

static void replace(char **text, char *with) {
    free(*text);
    *text = with;
}

char *model_text(const json_t *value) {
    const char *text = json_string_value(value);
    char *copy = text ? holm_text_escape(text, json_string_length(value)) : strdup("");
    if (!copy)
        abort();
    return copy;
}

static const json_t *get(const json_t *object, const char *key) {
    return json_object_get(object, key);
}

uint64_t model_number(const json_t *object, const char *key) {
    double value = json_number_value(get(object, key));
    return value <= 0 || !isfinite(value) ? 0 : value >= 9e18 ? (uint64_t)9e18 : (uint64_t)value;
}

int64_t model_time(const json_t *value) {
    const char *text = json_string_value(value);
    if (text) {
        struct tm parts = {0};
        if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &parts))
            return 0;
        return timegm(&parts);
    }
    return json_integer_value(value) / 1000000000;
}

static void container_finish(model_container *self) {
    char *texts[] = {self->id,    self->name,    self->image,   self->state,  self->reason,
                     self->error, self->command, self->address, self->health, self->health_output};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    json_decref(self->document);
    free(self->stats);
}

static void image_finish(model_image *self) {
    free(self->id);
    free(self->name);
    free(self->platform);
    json_decref(self->document);
}

static void task_finish(model_task *self) {
    char *texts[] = {self->id,    self->kind, self->subject,  self->phase,
                     self->error, self->hint, self->reference};
    for (size_t i = 0; i < array_length(texts); i++)
        free(texts[i]);
    free(self->layers);
    for (size_t i = 0; i < self->outcome_count; i++) {
        free(self->outcomes[i].name);
        free(self->outcomes[i].problem);
    }
    free(self->outcomes);
    free(self->output);
}

void model_finish(model_state *self) {
    for (size_t i = 0; i < self->container_count; i++)
        container_finish(&self->containers[i]);
    for (size_t i = 0; i < self->image_count; i++)
        image_finish(&self->images[i]);
    for (size_t i = 0; i < self->task_count; i++)
        task_finish(&self->tasks[i]);
    free(self->containers);
    free(self->images);
    free(self->tasks);
    model_networks_finish(self);
    model_volumes_finish(self);
    model_events_finish(self);
    free(self->accelerator);
    free(self->accelerator_reason);
    free(self->version);
    free(self->kernel);
    free(self->lost);
    model_checks_finish(self);
    *self = (model_state){0};
}

const char *model_short_reference(const char *reference) {
    static const char *const defaults[] = {"docker.io/library/", "docker.io/", "localhost/"};
    for (size_t i = 0; i < array_length(defaults); i++)
        if (strncmp(reference, defaults[i], strlen(defaults[i])) == 0)
            return reference + strlen(defaults[i]);
    return reference;
}

// The arguments as one line. Words with blanks are quoted: this is for reading, not for a shell.
static char *join_arguments(const json_t *arguments) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        abort();
    size_t i;
    json_t *word;
    json_array_foreach (arguments, i, word) {
        cleanup_free char *safe = model_text(word);
        bool quote = !*safe || strpbrk(safe, " \t'\"");
        fprintf(out, "%s%s%s%s", i ? " " : "", quote ? "\"" : "", safe, quote ? "\"" : "");
        if (i == 63)
            break;
    }
    fclose(out);
    return text;
}

// Of all its networks, in their order.
static char *join_addresses(const json_t *status) {
    char *text = NULL;
    size_t size, index;
    json_t *network;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    json_array_foreach (get(status, "networks"), index, network) {
        cleanup_free char *safe = model_text(get(network, "address"));
        fprintf(out, "%s%s", index ? ", " : "", safe);
    }
    fclose(out);
    return text;
}

static void container_fill(model_container *self, const json_t *document) {
    const json_t *configuration = get(document, "configuration"), *status = get(document, "status");
    const json_t *process = get(configuration, "process");
    cleanup_free char *image = model_text(get(configuration, "image"));
    self->id = model_text(get(document, "id"));
    self->name = model_text(get(configuration, "name"));
    self->image = strdup(model_short_reference(image));
    self->state = model_text(get(status, "state"));
    self->reason = model_text(get(status, "reason"));
    self->error = model_text(get(status, "error"));
    self->stalled = json_is_true(get(status, "stalled"));
    self->command = join_arguments(get(process, "arguments"));
    self->address = join_addresses(status);
    self->exit_code = (int)json_integer_value(get(status, "exitCode"));
    self->created = model_time(get(status, "createdAt"));
    self->started = model_time(get(status, "startedAt"));
    self->finished = model_time(get(status, "finishedAt"));
    const json_t *health = get(status, "health");
    self->health = model_text(get(health, "status"));
    self->health_output = model_text(get(health, "output"));
    self->health_failures = (unsigned)model_number(health, "failingStreak");
    self->health_code = (int)json_integer_value(get(health, "exitCode"));
    self->restarts = (unsigned)model_number(status, "restartCount");
    self->terminal = json_is_true(get(process, "terminal"));
    self->cpus = json_number_value(get(get(configuration, "resources"), "cpus"));
    self->memory = model_number(get(configuration, "resources"), "memoryBytes");
    self->document = json_incref((json_t *)document);
}

// What machines run by is known from the last one started, where the system does not tell.
static void learn_accelerator(model_state *self) {
    for (size_t i = 0; i < self->container_count && (!self->accelerator || !*self->accelerator); i++)
        replace(&self->accelerator,
                model_text(get(get(self->containers[i].document, "status"), "accelerator")));
}

void model_set_containers(model_state *self, const json_t *documents) {
    size_t count = json_array_size(documents);
    model_container *next = calloc(count + 1, sizeof(*next));
    if (!next)
        abort();
    for (size_t i = 0; i < count; i++) {
        container_fill(&next[i], json_array_get(documents, i));
        model_container *old = model_find_container(self, next[i].id);
        if (old) {
            next[i].stats = model_container_running(&next[i]) ? steal_pointer(&old->stats) : NULL;
            // What was asked for is under way until the state moves.
            next[i].pending = old->pending && strcmp(old->state, next[i].state) == 0;
        }
    }
    for (size_t i = 0; i < self->container_count; i++)
        container_finish(&self->containers[i]);
    free(self->containers);
    self->containers = next;
    self->container_count = count;
    self->containers_known = true;
    learn_accelerator(self);
}

void model_add_container(model_state *self, const json_t *document) {
    model_container *containers =
        realloc(self->containers, (self->container_count + 1) * sizeof(*containers));
    if (!containers)
        abort();
    self->containers = containers;
    containers[self->container_count] = (model_container){0};
    container_fill(&containers[self->container_count++], document);
}

static void image_fill(model_image *self, const json_t *document) {
    const json_t *configuration = get(document, "configuration"), *status = get(document, "status");
    self->id = model_text(get(document, "id"));
    cleanup_free char *reference = model_text(json_array_get(get(configuration, "references"), 0));
    const char *digest = strchr(self->id, ':');
    char untagged[40];
    snprintf(untagged, sizeof(untagged), "<%.12s>", digest ? digest + 1 : self->id);
    self->name = strdup(*reference ? model_short_reference(reference) : untagged);
    self->platform = model_text(get(configuration, "platform"));
    self->size = model_number(status, "sizeBytes");
    self->unique = model_number(status, "uniqueBytes");
    self->created = model_time(get(status, "createdAt"));
    self->containers = (unsigned)json_array_size(get(status, "containers"));
    self->layers = (unsigned)json_array_size(get(status, "layers"));
    self->document = json_incref((json_t *)document);
}

void model_set_images(model_state *self, const json_t *documents) {
    for (size_t i = 0; i < self->image_count; i++)
        image_finish(&self->images[i]);
    free(self->images);
    self->image_count = json_array_size(documents);
    self->images = calloc(self->image_count + 1, sizeof(*self->images));
    if (!self->images)
        abort();
    for (size_t i = 0; i < self->image_count; i++)
        image_fill(&self->images[i], json_array_get(documents, i));
    self->images_known = true;
}

void model_set_system(model_state *self, const json_t *document) {
    if (get(document, "accelerator"))
        replace(&self->accelerator, model_text(get(document, "accelerator")));
    replace(&self->accelerator_reason, model_text(get(document, "acceleratorReason")));
    replace(&self->version, model_text(get(document, "version")));
    replace(&self->kernel, model_text(get(document, "kernel")));
    const json_t *percent = get(document, "kernelBuildPercent");
    self->kernel_percent = json_is_integer(percent) ? (int)json_integer_value(percent) : -1;
    self->host.cpus = (int)model_number(document, "cpus");
    self->system_known = true;
}

void model_set_lost(model_state *self, const char *reason) {
    replace(&self->lost, reason ? holm_text_escape(reason, strlen(reason)) : NULL);
}

static double rate(uint64_t now, uint64_t before, double seconds) {
    return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

bool model_add_stats(model_state *self, const json_t *document) {
    const char *id = json_string_value(get(document, "id"));
    model_container *container = id ? model_find_container(self, id) : NULL;
    if (!container)
        return false;
    if (!container->stats && !(container->stats = calloc(1, sizeof(model_stats))))
        abort();
    model_stats *stats = container->stats, before = *stats;
    stats->cpu_of_core = json_number_value(get(document, "cpuPercentOfOneCore"));
    stats->cpu_of_share = json_number_value(get(document, "cpuPercentOfShare"));
    stats->cpus = json_number_value(get(document, "cpus"));
    stats->memory = model_number(document, "memoryUsageBytes");
    stats->memory_limit = model_number(document, "memoryLimitBytes");
    stats->given_back = model_number(document, "memoryGivenBackBytes");
    stats->host_memory = model_number(document, "hostMemoryBytes");
    stats->rx = model_number(document, "networkRxBytes");
    stats->tx = model_number(document, "networkTxBytes");
    stats->read = model_number(document, "blockReadBytes");
    stats->written = model_number(document, "blockWriteBytes");
    stats->processes = (unsigned)model_number(document, "processCount");
    stats->unix_ns = json_integer_value(get(document, "unixNs"));
    if (before.known) {
        double seconds = (double)(stats->unix_ns - before.unix_ns) / 1e9;
        stats->rx_rate = rate(stats->rx, before.rx, seconds);
        stats->tx_rate = rate(stats->tx, before.tx, seconds);
        stats->read_rate = rate(stats->read, before.read, seconds);
        stats->write_rate = rate(stats->written, before.written, seconds);
    }
    stats->known = true;
    history_add(&stats->cpu_history, stats->cpu_of_core);
    history_add(&stats->memory_history, (double)stats->memory);
    history_add(&stats->rx_history, stats->rx_rate);
    history_add(&stats->tx_history, stats->tx_rate);
    history_add(&stats->read_history, stats->read_rate);
    history_add(&stats->write_history, stats->write_rate);
    history_add(&stats->back_history, (double)stats->given_back);
    history_add(&stats->process_history, stats->processes);
    return true;
}

static void task_layers(model_task *task, const json_t *layers) {
    size_t count = json_array_size(layers);
    task->layer_count = count > MODEL_MOST_LAYERS ? MODEL_MOST_LAYERS : count;
    free(task->layers);
    task->layers = calloc(task->layer_count + 1, sizeof(model_layer));
    if (!task->layers)
        abort();
    for (size_t i = 0; i < task->layer_count; i++) {
        const json_t *layer = json_array_get(layers, i);
        cleanup_free char *digest = model_text(get(layer, "digest")),
                          *phase = model_text(get(layer, "phase"));
        const char *hex = strchr(digest, ':');
        snprintf(task->layers[i].digest, sizeof(task->layers[i].digest), "%.12s", hex ? hex + 1 : digest);
        snprintf(task->layers[i].phase, sizeof(task->layers[i].phase), "%.15s", phase);
        task->layers[i].done = model_number(layer, "bytesDone");
        task->layers[i].total = model_number(layer, "bytesTotal");
    }
}

model_task *model_new_task(model_state *self, const char *id) {
    for (size_t i = 0; self->task_count >= MOST_TASKS && i < self->task_count; i++)
        if (self->tasks[i].done || i + 1 == self->task_count)
            model_remove_task(self, self->tasks[i].id);
    model_task *tasks = realloc(self->tasks, (self->task_count + 1) * sizeof(*tasks));
    if (!tasks)
        abort();
    self->tasks = tasks;
    model_task *task = &tasks[self->task_count++];
    *task = (model_task){.id = strdup(id)};
    return task;
}

model_task *model_add_task(model_state *self, const json_t *document, int64_t now_ns) {
    const char *id = json_string_value(get(document, "task"));
    if (!id || !*id)
        return NULL;
    model_task *task = model_find_task(self, id);
    if (!task)
        task = model_new_task(self, id);
    task->bytes_done = model_number(document, "bytesDone");
    task->bytes_total = model_number(document, "bytesTotal");
    double seconds = task->sampled_ns ? (double)(now_ns - task->sampled_ns) / 1e9 : 0;
    if (seconds >= 0.2 || !task->sampled_ns) {
        double present = rate(task->bytes_done, task->sampled_bytes, seconds);
        task->rate = task->rate > 0 ? task->rate * 0.7 + present * 0.3 : present;
        task->sampled_ns = now_ns;
        task->sampled_bytes = task->bytes_done;
    }
    replace(&task->kind, model_text(get(document, "kind")));
    cleanup_free char *subject = model_text(get(document, "subject"));
    replace(&task->subject, strdup(model_short_reference(subject)));
    replace(&task->phase, model_text(get(document, "phase")));
    replace(&task->error, model_text(get(document, "error")));
    replace(&task->hint, model_text(get(document, "hint")));
    task->started_ns = json_integer_value(get(document, "startedUnixNs"));
    task->done = json_is_true(get(document, "done"));
    task->failed = *task->error != 0 || strcmp(task->phase, "failed") == 0;
    task->paused = task->done && task->pausing && strcmp(task->phase, "cancelled") == 0;
    if (task->paused)
        replace(&task->phase, strdup("paused"));
    task_layers(task, get(document, "layers"));
    return task;
}

void model_remove_task(model_state *self, const char *id) {
    model_task *task = model_find_task(self, id);
    if (!task)
        return;
    size_t index = (size_t)(task - self->tasks);
    task_finish(task);
    memmove(task, task + 1, (self->task_count - index - 1) * sizeof(*task));
    self->task_count--;
}

model_container *model_find_container(const model_state *self, const char *id) {
    for (size_t i = 0; i < self->container_count; i++)
        if (strcmp(self->containers[i].id, id) == 0)
            return &self->containers[i];
    return NULL;
}

model_image *model_find_image(const model_state *self, const char *id) {
    for (size_t i = 0; i < self->image_count; i++)
        if (strcmp(self->images[i].id, id) == 0)
            return &self->images[i];
    return NULL;
}

model_task *model_find_task(const model_state *self, const char *id) {
    for (size_t i = 0; i < self->task_count; i++)
        if (strcmp(self->tasks[i].id, id) == 0)
            return &self->tasks[i];
    return NULL;
}

bool model_container_running(const model_container *container) {
    return strcmp(container->state, "running") == 0 || strcmp(container->state, "stopping") == 0;
}

bool model_container_unhealthy(const model_container *container) {
    return model_container_running(container) && strcmp(container->health, "unhealthy") == 0;
}

bool model_container_busy(const model_container *container) {
    return container->pending || strcmp(container->state, "starting") == 0 ||
           strcmp(container->state, "stopping") == 0;
}

unsigned model_running_count(const model_state *self) {
    unsigned count = 0;
    for (size_t i = 0; i < self->container_count; i++)
        count += model_container_running(&self->containers[i]);
    return count;
}

const char *model_exit_text(const model_container *container, char *out, size_t size) {
    const char *reason = container->reason;
    int code = container->exit_code;
    const char *signal_name = code > 128 && code < 128 + 65 ? sigabbrev_np(code - 128) : NULL;
    if (strcmp(container->state, "created") == 0)
        snprintf(out, size, "created, never started");
    else if (strcmp(reason, "out-of-memory") == 0)
        snprintf(out, size, "exited %d, out of memory", code);
    else if (strcmp(reason, "vm-lost") == 0)
        snprintf(out, size, "its machine was lost");
    else if (strcmp(reason, "shim-lost") == 0)
        snprintf(out, size, "its shim was lost");
    else if (strcmp(reason, "start-failed") == 0)
        snprintf(out, size, "did not start");
    else if (signal_name)
        snprintf(out, size, "exited %d, signal %s", code, signal_name);
    else
        snprintf(out, size, "exited %d", code);
    return out;
}
