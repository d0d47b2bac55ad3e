#include <string.h>
#include <unistd.h>

#include "tui/cli/cli.h"
#include "tui/cli/commands.h"
#include "tui/cli/options.h"
#include "tui/cli/references.h"
#include "tui/cli/table.h"

#include <limits.h>

#define INTERVAL_MS 2000
enum { KEY_NO_STREAM = 0x100 };

typedef struct stats {
    cli owner;
    output_options output;
    char **references;
    bool once;
    json_t *latest; // id → item
    uv_timer_t repaint;
} stats;

static const struct argp_option options[] = {
    {"no-stream", KEY_NO_STREAM, NULL, 0, "One reading of each, then end", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
    stats *self = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &self->output;
        return 0;
    case KEY_NO_STREAM:
        self->once = true;
        return 0;
    default:
        return references_parse(key, state, 0, UINT_MAX, &self->references);
    }
}

static const struct argp_child children[] = {{&output_argp, 0, NULL, 0}, {0}};
const struct argp stats_argp = {.options = options, .parser = parse, .children = children};

static const char *bytes(const json_t *item, const char *key, char out[static 32]) {
    return holm_text_bytes((uint64_t)json_integer_value(json_object_get(item, key)), out, 32);
}

static void add_row(table *out, const json_t *item) {
    char a[32], b[32];
    table_add(out, cli_text(item, "name"));
    table_add_format(out, "%.1f %%", json_number_value(json_object_get(item, "cpuPercentOfOneCore")));
    table_add_format(out, "%.1f %% of %g", json_number_value(json_object_get(item, "cpuPercentOfShare")),
                     json_number_value(json_object_get(item, "cpus")));
    table_add_format(out, "%s / %s", bytes(item, "memoryUsageBytes", a), bytes(item, "memoryLimitBytes", b));
    table_add(out, bytes(item, "hostMemoryBytes", a));
    table_add_format(out, "%s / %s", bytes(item, "networkRxBytes", a), bytes(item, "networkTxBytes", b));
    table_add_format(out, "%s / %s", bytes(item, "blockReadBytes", a), bytes(item, "blockWriteBytes", b));
    table_add_format(out, "%lld", (long long)json_integer_value(json_object_get(item, "processCount")));
}

static void print_table(const stats *self) {
    static const char *const titles[] = {
        "NAME",         ">CPU OF ONE CORE", ">OF ITS SHARE", ">MEMORY / LIMIT",
        ">HOST MEMORY", ">NET RX / TX",     ">READ / WRITE", ">PROCESSES"};
    table out;
    table_init(&out, titles, array_length(titles));
    const char *id;
    json_t *item;
    json_object_foreach (self->latest, id, item)
        add_row(&out, item);
    if (!self->once && isatty(STDOUT_FILENO))
        fputs("\x1b[H\x1b[J", stdout);
    table_print(&out);
    table_finish(&out);
    fflush(stdout);
}

static void repaint(uv_timer_t *timer) {
    print_table(timer->data);
}

static bool streams_documents(const stats *self) {
    return !self->once && !output_is_table(&self->output);
}

static void on_item(holm_watch *watch, json_t *item, void *data) {
    stats *self = data;
    (void)watch;
    if (streams_documents(self)) {
        cleanup_free char *line = json_dumps(item, JSON_COMPACT);
        if (strcmp(self->output.format, "json") == 0)
            puts(line);
        else
            output_print(&self->output, item);
        fflush(stdout);
        return;
    }
    json_object_set(self->latest, cli_text(item, "id"), item);
    if (!self->once && !uv_is_active((uv_handle_t *)&self->repaint))
        uv_timer_start(&self->repaint, repaint, 50, 0); // what belongs together comes together
}

static void on_ended(holm_watch *watch, const holm_error *error, void *data) {
    stats *self = data;
    (void)watch;
    uv_close((uv_handle_t *)&self->repaint, NULL);
    if (error) {
        cli_fail(&self->owner, error);
    } else if (self->once && output_is_table(&self->output)) {
        print_table(self);
    } else if (self->once) {
        json_t *list = json_array();
        const char *id;
        json_t *item;
        json_object_foreach (self->latest, id, item)
            json_array_append(list, item);
        self->owner.exit_code = output_print(&self->output, list);
        json_decref(list);
    }
}

int stats_command(int argc, char **argv) {
    stats self = {.latest = json_object()};
    cli_parse("container.stats", argc, argv, &self);
    json_t *wanted = self.references && self.references[0] ? json_array() : NULL;
    for (char **reference = self.references; wanted && *reference; reference++)
        json_array_append_new(wanted, json_string(*reference));
    if (cli_open(&self.owner)) {
        uv_timer_init(&self.owner.loop, &self.repaint);
        self.repaint.data = &self;
        holm_stats_watch(self.owner.client, wanted, self.once ? 0 : INTERVAL_MS, on_item, on_ended, &self);
    }
    json_decref(wanted);
    int exit_code = cli_close(&self.owner);
    json_decref(self.latest);
    return exit_code;
}
