#include "core/network/bridge_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/netlink.h"
#include "core/network/bridge_rules.h"
#include "core/network/nft.h"
#include "core/network/port.h"
#include "core/network/tap.h"

void bridge_name(const char *folder, char out[BRIDGE_NAME_SIZE]) {
    snprintf(out, BRIDGE_NAME_SIZE, BRIDGE_PREFIX "%08" PRIx32, hash_add(HASH_INIT, folder, strlen(folder)));
}

int bridge_check(holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    int tap = tap_open(&cause);
    if (tap < 0) {
        holm_error_set(error, HOLM_ERROR_DENIED,
                       "a network with the driver bridge needs CAP_NET_ADMIN in this network namespace: %s",
                       holm_error_message(cause));
        holm_error_hint(error,
                        "do it as root, or in a namespace of your own (unshare --map-root-user --net); "
                        "the driver user needs no rights");
        return -1;
    }
    close(tap);
    cleanup_free char *program = nft_find();
    if (!program) {
        holm_error_set(error, HOLM_ERROR_UNAVAILABLE,
                       "a network with the driver bridge needs the program nft, and there is none");
        holm_error_hint(error, "install nftables");
        return -1;
    }
    static const bridge_network like = {.name = "holm-check",
                                        .ip = 0x0a580001,
                                        .netmask = 0xffffff00,
                                        .has_ip6 = true,
                                        .ip6 = {0xfd, [15] = 1},
                                        .names_port = 1024,
                                        .stream_port = 1024,
                                        .door = {1024, 1024, 1024, 1024}};
    static const uint8_t mac[ETHERNET_ADDRESS] = {2};
    static const bridge_card card = {.name = "holm0",
                                     .mac = mac,
                                     .is = {.ip = 0x0a580002, .has_ip6 = true, .ip6 = {0xfd, [15] = 2}},
                                     .loopback = true};
    cleanup_buffer buffer rules = BUFFER_INIT;
    bridge_rules_begin(&rules, &like);
    bridge_rules_add(&rules, like.name, &card);
    return nft_run(program, buffer_text(&rules), true, error);
}

int bridge_clean(const paths *where, const char *const *words, holm_error **error) {
    char name[BRIDGE_NAME_SIZE];
    cleanup_free char *folder = network_runtime_folder(where, words);
    cleanup_free char *life = path_join(folder, "lock", NULL), *program = nft_find();
    if (access(life, F_OK) < 0)
        return 0; // it never ran
    cleanup_close int lock = file_lock(life, true, false, NULL);
    if (lock < 0)
        return 0;
    bridge_name(folder, name);
    cleanup_buffer buffer rules = BUFFER_INIT;
    bridge_rules_end(&rules, name);
    if (netlink_remove_link(name, error) < 0)
        return -1;
    return program ? nft_run(program, buffer_text(&rules), false, error) : 0;
}
