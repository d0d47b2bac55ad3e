// The echo service of the tests.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/rpc/rpc.h"
#include "tests/unit/rpc/echo.pb-c.h"

#define ECHO_DIGEST_START 0xcbf29ce484222325u

extern const rpc_service echo_service;

/// What an open call has seen; shared by all calls of a server for the tests to look at.
typedef struct echo_state {
    unsigned opened, closed;
    rpc_code last_code;
} echo_state;

/// FNV-1a over eight bytes at a time.
uint64_t echo_digest(uint64_t digest, const uint8_t *data, size_t length);
void echo_fill(uint8_t *data, size_t length, uint64_t seed);
