#include "tui/cli/options_walk.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_end(const struct argp_option *option) {
    return !option->name && !option->key && !option->doc && !option->group;
}

void options_walk(const struct argp *argp, options_visit visit, void *data) {
    if (!argp)
        return;
    for (const struct argp_option *option = argp->options; option && !is_end(option); option++)
        if (option->key && !(option->flags & OPTION_ALIAS))
            visit(option, data);
    for (const struct argp_child *child = argp->children; child && child->argp; child++)
        options_walk(child->argp, visit, data);
}
