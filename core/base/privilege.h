// The names of capabilities (capabilities(7)) and resource limits (getrlimit(2)), for those who ask for them
// and for the agent that applies them.
#pragma once

#include <stdbool.h>

/// The number of "NET_ADMIN", "CAP_NET_ADMIN", "net_admin"; -1 when there is no such. ALL is none.
int capability_number(const char *name);
/// Whether it stands for every capability: "ALL", "CAP_ALL".
bool capability_is_all(const char *name);
/// How many are known by name: numbers are below it.
int capability_count(void);
/// The number of "nofile" or "RLIMIT_NOFILE"; -1 when there is no such.
int rlimit_number(const char *name);
