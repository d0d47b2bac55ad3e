// The options of stop and restart.
#pragma once

#include <argp.h>

typedef struct stop_options {
    char **references;
    int signal;
    unsigned grace_ms;
} stop_options;

error_t stop_parse(int key, char *argument, struct argp_state *state);
