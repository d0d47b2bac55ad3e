// Option groups that several commands share, each an argp of its own to be named as a child. Its input is the
// structure of the same name.
#pragma once

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>

#include "core/holm.h"

// ---- options_output.c: --format; for lists of what has ids also -q ----
typedef struct output_options {
    const char *format; ///< "table", "json", "yaml", "toml"; NULL: table
    bool quiet;
} output_options;
extern const struct argp output_argp, list_output_argp;
/// Prints a document (not as a table). Returns the exit code.
int output_print(const output_options *self, const json_t *document);
bool output_is_table(const output_options *self);

// ---- options_filter.c: -f, --filter KEY=VALUE ----
typedef struct filter_options {
    json_t *filters; ///< object of arrays, or NULL; owned
} filter_options;
extern const struct argp filter_argp;
void filter_options_add(filter_options *self, const struct argp_state *state, const char *text);

// ---- options_process.c: what run, create and exec say about the process ----
typedef struct process_options_group {
    json_t *process; ///< as in docs/protocol.md; owned
    const char *uid, *gid;
} process_options_group;
extern const struct argp process_argp;
void process_options_init(process_options_group *self);
/// Joins --uid and --gid into "user".
void process_options_complete(process_options_group *self);

// ---- options_health.c: --health-…; its input is the container's configuration ----
extern const struct argp health_argp;

// ---- options_ports.c: -p ----
/// Appends what -p TEXT asks for to "ports" of a configuration.
/// Returns what is wrong with TEXT; NULL: nothing.
const char *port_options_parse(json_t *ports, const char *text);
void port_options_add(const struct argp_state *state, json_t *ports, const char *text);
/// Prints an entry of "ports" as a line: "80/tcp -> 0.0.0.0:8080", or `only` that of the host.
void port_print(const json_t *port, bool only);
/// "0.0.0.0:8080->80" of an entry of "ports"; into the caller's buffer, which is returned.
const char *port_text(const json_t *port, char *out, size_t size);

// ---- options_mounts.c: -v, --mount ----
/// Adds to "sockets" of a configuration what --publish-socket TEXT asks for.
void mount_options_add_socket(const struct argp_state *state, json_t *configuration, const char *text);
/// Adds to "mounts" or "tmpfs" of a configuration what -v TEXT or --mount TEXT asks for.
/// False: TEXT is nothing that -v takes.
bool mount_options_parse_volume(json_t *configuration, const char *text);
void mount_options_add_volume(const struct argp_state *state, json_t *configuration, const char *text);
void mount_options_add(const struct argp_state *state, json_t *configuration, const char *text);

/// --detach-keys: what it was given, checked. Ends the command where that is wrong, terminal or not.
const char *detach_keys_option(const struct argp_state *state, const char *text);

// ---- options_container.c: what run and create say about the container ----
typedef struct container_options {
    process_options_group process;
    json_t *configuration; ///< as in docs/protocol.md, without "process" until it is complete; owned
    const char *cidfile;
    const char *pull;        ///< "missing" (default), "always", "never"
    const char *scheme;      ///< of the registry: NULL, "http", "https"
    const char *detach_keys; ///< NULL: as configured; checked
    bool quiet;
} container_options;
extern const struct argp container_argp;
/// The value of this key, made by `make` (json_array, json_object) where there is none. Borrowed.
json_t *options_child(json_t *object, const char *key, json_t *(*make)(void));
void container_options_init(container_options *self);
/// Image, command and arguments: argv of what is left.
void container_options_set_image(container_options *self, char **arguments);
/// The whole request; the caller owns it.
json_t *container_options_steal(container_options *self);
