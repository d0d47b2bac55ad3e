// Writes one reference page on standard output: reference commands|keys|config|holm.1|holm-config.5
#include "docs/reference.h"

#include <string.h>

#include "core/base/cleanup.h"
#include "tui/cli/options_walk.h"

typedef struct option_writer {
    reference_option function;
    FILE *out;
} option_writer;

static void write_option(const struct argp_option *option, void *data) {
    const option_writer *self = data;
    if (option->flags & OPTION_HIDDEN)
        return;
    char written[256] = "";
    size_t length = 0;
    for (const struct argp_option *name = option; name == option || (name->flags & OPTION_ALIAS); name++) {
        if (name->key > ' ' && name->key < 0x7f)
            length += (size_t)snprintf(written + length, sizeof written - length, "%s-%c", length ? ", " : "",
                                       name->key);
        if (name->name)
            length += (size_t)snprintf(written + length, sizeof written - length, "%s--%s",
                                       length ? ", " : "", name->name);
    }
    if (option->arg)
        snprintf(written + length, sizeof written - length,
                 (option->flags & OPTION_ARG_OPTIONAL) ? "[=%s]" : "=%s", option->arg);
    self->function(written, option->doc ? option->doc : "", self->out);
}

void reference_each_option(const struct argp *argp, reference_option function, FILE *out) {
    option_writer writer = {function, out};
    options_walk(argp, write_option, &writer);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*write)(FILE *out);
    } pages[] = {
        {"commands", reference_commands_markdown}, {"keys", reference_keys_markdown},
        {"config", reference_config_markdown},     {"holm.1", reference_holm_man},
        {"holm-config.5", reference_config_man},
    };
    for (size_t i = 0; argc == 2 && i < array_length(pages); i++)
        if (strcmp(argv[1], pages[i].name) == 0) {
            pages[i].write(stdout);
            return fflush(stdout) == 0 ? 0 : 1;
        }
    fprintf(stderr, "usage: reference commands|keys|config|holm.1|holm-config.5\n");
    return 2;
}
