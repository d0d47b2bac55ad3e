// What nobody should see: asked for on the terminal without echo, or read from standard input.
#pragma once

#define SECRET_MAX (32u << 10)

/// Asks on the terminal that is standard input, and shows nothing of what is typed. NULL: it was left with
/// ctrl-c or ctrl-d, or there is no terminal. The caller wipes and frees it.
char *secret_ask(const char *question);
/// All of standard input without the last end of line; NULL where that cannot be read or is too long.
char *secret_read(void);
/// Overwrites and frees it. Accepts NULL.
void secret_free(char *secret);
