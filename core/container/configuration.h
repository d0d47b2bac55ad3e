// What a container is made of: the "configuration" of its document, and what it becomes for the agent and on
// disk.
//
// docs/protocol.md lists the keys of a configuration and of a request. Two are only told here: "log",
// {"maxBytes", "maxFiles"} of the container's log, and "diskBytes", the nominal size of the writable layer.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/container/shim.pb-c.h"
#include "guest/agent.pb-c.h"

#define CONFIGURATION_HOST        "host-gateway" // an address of "hosts": where the loopback of the host is
#define CONFIGURATION_MOUNTS_MOST 16             // each volume is a disk of the machine
#define CONFIGURATION_SHARES      "holm" // the tag of the bind mounts: each is there by its number among them

#define CONFIGURATION_ALIASES_MOST   16
#define CONFIGURATION_CARD           "eth%u" // by their order
#define CONFIGURATION_CARD_SIZE      16
#define CONFIGURATION_NETWORKS_MOST  8 // of one container: each is a card of the machine
#define CONFIGURATION_RESOLVERS_MOST 3 // as many as resolv.conf(5) knows

/// Where the container finds the user's SSH agent, when "ssh" is asked for.
#define CONFIGURATION_SSH_SOCKET "/run/host-services/ssh-auth.sock"

/// What the user's configuration file and the host say, for what a request leaves open.
typedef struct configuration_defaults {
    double cpus;                    ///< 0: 4
    uint64_t memory_bytes;          ///< 0: 1 GiB
    unsigned host_cpus;             ///< never more than these are given; 0: asked of the system
    uint64_t log_max_bytes;         ///< of one log file; 0: 8 MiB
    unsigned log_max_files;         ///< 0: 3
    uint64_t disk_bytes;            ///< 0: 128 GiB
    const char *publish_address;    ///< see configuration_complete_port_list
    bool host_loopback;             ///< CONFIGURATION_HOST is among the hosts of each that has a network
    const char *const *environment; ///< NULL-terminated additions below the image's, or NULL
} configuration_defaults;

/// Completes a request from the image's document and the defaults. Every value is checked, unknown keys are
/// refused. `id` gives the name and hostname that nobody chose. The caller owns the result.
json_t *configuration_complete(const json_t *request, const json_t *image, const char *id,
                               const configuration_defaults *defaults, holm_error **error);

/// "ports" as a request has them: checked, and every entry gets all of its keys. `usual_address` (NULL:
/// 0.0.0.0) is that of the host where one is published without.
int configuration_complete_port_list(json_t *ports, const char *usual_address, holm_error **error);
/// "ports" of a whole configuration in a short form for a command line, and back. The caller owns the result.
json_t *configuration_ports_pack(const json_t *ports);
json_t *configuration_ports_unpack(const json_t *packed);

/// What the types of a request's values do not tell: names of capabilities and limits, absolute paths.
int configuration_check(const json_t *request, holm_error **error);

/// Of one entry of "networks", whose types are right: whether its name and aliases can be.
int configuration_check_network(const json_t *network, holm_error **error);
/// Whether the driver of a network (as container_network_describe has it) is "bridge": its cards are taps.
bool configuration_network_is_bridge(const json_t *network);

/// "TERM", "SIGTERM", "15", "RTMIN+3" to its number on Linux; 0: there is no such signal.
int configuration_signal(const char *name);

/// The OCI runtime form (runtime-spec 1.1, config.json) of a whole configuration, with the configuration
/// itself under the extra key "holm". The caller owns it.
json_t *configuration_to_oci(const json_t *configuration, const char *id);

/// The init process for CreateProcess. Freed with holm__agent__v1__process__free_unpacked.
Holm__Agent__V1__Process *configuration_process(const json_t *configuration);

/// A process made by exec: the container's environment, directory and user where the request leaves them
/// open.
Holm__Agent__V1__Process *configuration_exec(const json_t *configuration,
                                             const Holm__Shim__V1__ProcessConfiguration *request);

/// Everything the agent needs to set up the machine, but for the entropy (added here) and the devices, which
/// are /dev/vda (layers) and /dev/vdb (writable). `networks` are those it is on, as
/// container_network_describe has them: each is a card, "eth0" and so on. Freed with
/// holm__agent__v1__prepare_request__free_unpacked.
Holm__Agent__V1__PrepareRequest *configuration_prepare(const json_t *configuration, const char *id,
                                                       const json_t *networks, holm_error **error);
/// Whether it reaches the loopback of the host: by --add-host NAME:host-gateway.
bool configuration_reaches_host(const json_t *configuration);
/// Parts of the same, for one network more or less. Freed with the types' own functions.
Holm__Agent__V1__Interface *configuration_interface(const json_t *network, const char *card);
Holm__Agent__V1__Hosts *configuration_hosts(const json_t *configuration, const json_t *networks);
/// NULL: resolv.conf is the image's.
Holm__Agent__V1__Dns *configuration_dns(const json_t *configuration, const json_t *networks);
/// The default route: by the first network that leads outside, which is the card of that place. NULL: none.
Holm__Agent__V1__RouteRequest *configuration_route(const json_t *network, const char *card);
/// The first of the networks that leads outside: the default route and the published ports are there. -1:
/// none.
int configuration_network_outside(const json_t *networks);

/// Shape of the VM: whole CPUs, and memory with what kernel and agent need on top of the container's.
unsigned configuration_vm_cpus(const json_t *configuration);
/// Whether an entry of "mounts" is a folder or file of the host, and no volume.
bool configuration_mount_is_bind(const json_t *mount);
/// Whether an entry is one of "tmpfs", and none of "mounts".
bool configuration_mount_is_tmpfs(const json_t *mount);
/// Whether a place in a container is this folder or in it, by what is spelt.
bool configuration_place_is_in(const char *place, const char *folder);
/// Whether it is where each container has file systems of its own (/proc, /sys, /dev), which the agent cannot
/// reach once they are there.
bool configuration_place_is_standard(const char *place);
/// Of {"mounts": [ONE]} or {"tmpfs": [ONE]}, as in a request: whether it can be added to a container.
int configuration_check_mount(const json_t *asked, holm_error **error);
/// The same entry for MountAdd, on the device with this name: the tag of a share, the serial of a disk. Freed
/// with the type's own function.
Holm__Agent__V1__MountRequest *configuration_mount_live(const json_t *mount, const char *device);

uint64_t configuration_vm_memory(const json_t *configuration);
