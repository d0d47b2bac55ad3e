#include "tui/cli/references.h"

#include "tui/cli/cli.h"

error_t references_parse(int key, struct argp_state *state, unsigned least, unsigned most, char ***out) {
    switch (key) {
    case ARGP_KEY_ARGS: {
        unsigned count = (unsigned)(state->argc - state->next);
        if (count < least || count > most)
            cli_usage_error(state, "%s %s argument%s", state->name,
                            count < least ? "needs at least one more" : "takes fewer",
                            count < least ? "" : "s");
        *out = state->argv + state->next;
        return 0;
    }
    case ARGP_KEY_NO_ARGS:
        if (least > 0)
            cli_usage_error(state, "%s needs an argument", state->name);
        *out = state->argv + state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}
