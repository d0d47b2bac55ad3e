// The rules of nf_tables(8), by the program nft: its library has another licence than holm.
#pragma once

#include <stdbool.h>

#include "core/base/error.h"

/// Where nft is, or NULL. The caller frees it.
char *nft_find(void);
/// Has nft at `program` read these commands, all of which count or none; `try`: says only whether they would.
/// Blocks for some ten milliseconds. An error has what nft says.
int nft_run(const char *program, const char *commands, bool try, holm_error **error);
