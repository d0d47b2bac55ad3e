// The hostile end of a socket pair.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/// Makes the pair: returns our end, *other is for the code under test.
int peer_open(int *other);
/// Sends the bytes in pieces while the loop runs and takes what comes back; then hangs up and runs the loop
/// until nothing is left on it. Closes fd.
void peer_play(uv_loop_t *loop, int fd, const uint8_t *data, size_t length, size_t piece);
