// Tasks of the dashboard's own: one action on many things.
#include <stdio.h>
#include <string.h>

#include "core/holm.h"
#include "tui/model_private.h"

model_task *model_add_batch(model_state *self, const char *kind, const char *subject,
                            const char *const *names, size_t count) {
    char id[24];
    snprintf(id, sizeof(id), "batch-%u", ++self->batches);
    model_task *task = model_new_task(self, id);
    task->kind = strdup(kind);
    task->subject = strdup(subject);
    task->phase = strdup("under way");
    task->error = strdup("");
    task->hint = strdup("");
    task->outcomes = calloc(count, sizeof(*task->outcomes));
    if (!task->outcomes)
        abort();
    task->outcome_count = count;
    for (size_t i = 0; i < count; i++)
        task->outcomes[i].name = strdup(names[i]);
    return task;
}

void model_own_pull(model_state *self, const char *id, const char *reference) {
    model_task *task = model_find_task(self, id);
    if (task && !task->reference)
        task->reference = strdup(reference);
}

// ---- commands of the user's ----

model_task *model_add_command(model_state *self, const char *title) {
    char id[24];
    snprintf(id, sizeof(id), "command-%u", ++self->batches);
    model_task *task = model_new_task(self, id);
    task->kind = strdup("command");
    task->subject = strdup(title);
    task->phase = strdup("running");
    task->error = strdup("");
    task->hint = strdup("");
    task->output = strdup("");
    return task;
}

// Line by line: only the breaks between them mean anything.
void model_command_output(model_state *self, const char *id, const char *bytes, size_t length) {
    model_task *task = model_find_task(self, id);
    char *text = NULL;
    size_t size;
    FILE *out = task ? open_memstream(&text, &size) : NULL;
    if (!out)
        return;
    while (length) {
        const char *end = memchr(bytes, '\n', length);
        size_t line = end ? (size_t)(end - bytes) : length;
        size_t shown = line && bytes[line - 1] == '\r' ? line - 1 : line;
        cleanup_free char *safe = holm_text_escape(bytes, shown);
        fprintf(out, "%s%s", safe, end ? "\n" : "");
        bytes += line + (end != NULL);
        length -= line + (end != NULL);
    }
    fclose(out);
    free(task->output);
    task->output = text;
}

void model_command_ended(model_state *self, const char *id, const char *problem) {
    model_task *task = model_find_task(self, id);
    if (!task)
        return;
    free(task->phase);
    free(task->error);
    task->done = true;
    task->failed = problem != NULL;
    task->phase = strdup(problem ? "failed" : "done");
    task->error = problem ? holm_text_escape(problem, strlen(problem)) : strdup("");
}

// ---- outcomes ----

// Failures first, then what is under way, then what went well.
static int by_weight(const void *a, const void *b) {
    static const int weight[] = {[OUTCOME_WAITING] = 1, [OUTCOME_DONE] = 2, [OUTCOME_FAILED] = 0};
    const model_outcome *one = *(const model_outcome *const *)a, *other = *(const model_outcome *const *)b;
    int order = weight[one->state] - weight[other->state];
    return order ? order : (one > other) - (one < other);
}

const model_outcome **model_outcomes(const model_task *task) {
    const model_outcome **sorted = calloc(task->outcome_count + 1, sizeof(*sorted));
    if (!sorted)
        abort();
    for (size_t i = 0; i < task->outcome_count; i++)
        sorted[i] = &task->outcomes[i];
    qsort(sorted, task->outcome_count, sizeof(*sorted), by_weight);
    return sorted;
}

void model_batch_outcome(model_state *self, const char *id, size_t index, const char *problem) {
    model_task *task = model_find_task(self, id);
    if (!task || index >= task->outcome_count)
        return;
    model_outcome *outcome = &task->outcomes[index];
    outcome->state = problem ? OUTCOME_FAILED : OUTCOME_DONE;
    free(outcome->problem);
    outcome->problem = problem ? holm_text_escape(problem, strlen(problem)) : NULL;
    size_t over = 0, failed = 0;
    for (size_t i = 0; i < task->outcome_count; i++) {
        over += task->outcomes[i].state != OUTCOME_WAITING;
        failed += task->outcomes[i].state == OUTCOME_FAILED;
    }
    char text[64];
    task->done = over == task->outcome_count;
    task->failed = task->done && failed;
    if (failed)
        snprintf(text, sizeof(text), "%zu of %zu failed", failed, task->outcome_count);
    else
        snprintf(text, sizeof(text), "%zu of %zu done", over, task->outcome_count);
    free(task->phase);
    task->phase = strdup(text);
    free(task->error);
    task->error = strdup(task->failed ? text : "");
}
