// One request for each of several references.
#include <string.h>

#include "tui/cli/cli.h"

typedef struct one {
    cli *owner;
    const char *reference;
    cli_print print;
} one;

static void done(json_t *result, const holm_error *error, void *data) {
    one *self = data;
    if (error)
        cli_fail(self->owner, error);
    else if (self->print)
        self->print(self->reference, result);
    else
        puts(self->reference);
    free(self);
}

int cli_each(char **references, cli_act act, cli_print print, const void *options) {
    cli self;
    if (!cli_open(&self))
        return cli_close(&self);
    for (; *references; references++) {
        one *item = malloc(sizeof *item);
        if (!item)
            abort();
        *item = (one){.owner = &self, .reference = *references, .print = print};
        act(&self, *references, done, item, options);
    }
    return cli_close(&self);
}
