// Subnets of IPv4 and IPv6 as text and numbers: "10.88.0.0/24", "fd12::/64" (RFC 4632, RFC 4291 section 2.3),
// and the hosts in them, counted from their first address.
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#define SUBNET_TEXT (INET6_ADDRSTRLEN + 4) ///< room for "ADDRESS/PREFIX"

typedef struct subnet {
    int family; ///< AF_INET or AF_INET6
    unsigned prefix;
    uint8_t base[16]; ///< network byte order; 4 bytes of it for IPv4
} subnet;

/// Reads "ADDRESS/PREFIX" of that family; the bits behind the prefix are cleared. false: it is none.
bool subnet_parse(const char *text, int family, subnet *out);
/// "10.88.0.0/24" into `out`, which is returned.
const char *subnet_text(const subnet *self, char out[static SUBNET_TEXT]);

/// How many hosts can be counted; at most 2^32.
uint64_t subnet_size(const subnet *self);
/// The address of the host with this number, as text into `out`, which is returned.
const char *subnet_host(const subnet *self, uint64_t number, char out[static INET6_ADDRSTRLEN]);
/// The number of the host with this address. false: it is not an address within the subnet that can be
/// counted.
bool subnet_number(const subnet *self, const char *address, uint64_t *number);
bool subnet_overlaps(const subnet *self, const subnet *other);
/// Whether these bytes (4 or 16, by the family) are an address within.
bool subnet_contains(const subnet *self, const uint8_t *address);
