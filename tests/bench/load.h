// What the benchmarks of networks and storage let run in a container, in a bare machine and on the host: the
// same program everywhere, which measures by its own CLOCK_MONOTONIC.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_WORDS 8

/// Seconds since some moment.
double load_now(void);

/// Says what has failed, with errno's text, and ends the process.
_Noreturn void load_fail(const char *what);

/// What a number on the command line says; ends the process where it is none.
uint64_t load_number(const char *text);

/// serve PORT: takes connections of the others for ever. Prints "serving PORT"; 0: a free one.
void load_serve(char **words);
/// send|receive ADDRESS PORT BYTES: prints MiB a second.
void load_send(char **words);
void load_receive(char **words);
/// ping ADDRESS PORT COUNT: prints the median of the round trips of a byte, in microseconds.
void load_ping(char **words);
/// mirror ADDRESS PORT BYTES SEED: sends a stream that the seed says and takes it back from the server: each
/// byte must be the one that was sent. Prints MiB a second of one way.
void load_mirror(char **words);

/// tree FOLDER FILES FOLDERS: makes, looks at, reads, renames and removes files: prints the milliseconds of
/// each.
void load_tree(char **words);
/// stream FOLDER MIB: writes a file to the disk, and reads it back: prints MiB a second of both.
void load_stream(char **words);

/// PID 1 of a bare machine: one command a line from the console, among them
///   net ADDRESS NETMASK GATEWAY MTU, mount TYPE SOURCE PLACE, umount PLACE
/// What each prints begins with "= "; "= done CODE" is its end.
_Noreturn void load_init(void);

/// Runs one command in this process.
void load_run(char **words);
