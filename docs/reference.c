// Writes one reference page on standard output: reference commands|keys|config|holm.1|holm-config.5
#include "docs/reference.h"

#include <string.h>

#include "core/base/cleanup.h"

static void write_option(const struct argp_option *option, const struct argp_option *names,
                         reference_option function, FILE *out) {
    char written[256] = "";
    size_t length = 0;
    for (const struct argp_option *name = names; name == names || (name->flags & OPTION_ALIAS); name++) {
        const char *separator = length ? ", " : "";
        if (name->key > ' ' && name->key < 0x7f)
            length +=
                (size_t)snprintf(written + length, sizeof written - length, "%s-%c", separator, name->key);
        separator = length ? ", " : "";
        if (name->name)
            length +=
                (size_t)snprintf(written + length, sizeof written - length, "%s--%s", separator, name->name);
    }
    if (option->arg)
        snprintf(written + length, sizeof written - length,
                 (option->flags & OPTION_ARG_OPTIONAL) ? "[=%s]" : "=%s", option->arg);
    function(written, option->doc ? option->doc : "", out);
}

void reference_each_option(const struct argp *argp, reference_option function, FILE *out) {
    if (!argp)
        return;
    const struct argp_option *option = argp->options;
    for (; option && (option->name || option->key || option->doc || option->group); option++)
        if ((option->name || option->key) && !(option->flags & (OPTION_ALIAS | OPTION_HIDDEN | OPTION_DOC)))
            write_option(option, option, function, out);
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        reference_each_option(child->argp, function, out);
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
