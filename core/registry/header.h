// Header values that registries send, hostile as all they send.
#pragma once

#include <stdint.h>
#include <time.h>

#define HEADER_LINK_MAX       4096           ///< a longer Link header is not read
#define HEADER_RETRY_AFTER_MS (86400 * 1000) ///< a longer wait is told as this one

/// How long Retry-After (RFC 9110 section 10.2.3: seconds or a date) says to wait, in milliseconds from `now`
/// on. 0: it says nothing that can be understood, or that the time has come. text may be NULL.
unsigned header_retry_after_ms(const char *text, time_t now);

/// The target of the link with rel="next" in a Link header (RFC 8288), as it stands there: mostly relative to
/// the page's own address. NULL: there is none. The caller frees it. text may be NULL.
char *header_link_next(const char *text);
