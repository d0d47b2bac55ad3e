#include "core/base/subnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned bytes_of(const subnet *self) {
    return self->family == AF_INET ? 4 : 16;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits) {
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & (0xff << (8 - rest)) & 0xff) == 0;
}

bool subnet_parse(const char *text, int family, subnet *out) {
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    *out = (subnet){.family = family};
    if (!slash || (size_t)(slash - text) >= sizeof address || strlen(slash + 1) > 3 || !slash[1] ||
        slash[1 + strspn(slash + 1, "0123456789")])
        return false;
    snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
    out->prefix = (unsigned)atoi(slash + 1);
    if (out->prefix > 8 * bytes_of(out) || inet_pton(family, address, out->base) != 1)
        return false;
    for (unsigned bit = out->prefix; bit < 8 * bytes_of(out); bit++)
        out->base[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return true;
}

const char *subnet_text(const subnet *self, char out[static SUBNET_TEXT]) {
    char address[INET6_ADDRSTRLEN];
    snprintf(out, SUBNET_TEXT, "%s/%u", subnet_host(self, 0, address), self->prefix);
    return out;
}

uint64_t subnet_size(const subnet *self) {
    unsigned bits = 8 * bytes_of(self) - self->prefix;
    return UINT64_C(1) << (bits > 32 ? 32 : bits);
}

// The base has zeros where the number goes: no carry.
const char *subnet_host(const subnet *self, uint64_t number, char out[static INET6_ADDRSTRLEN]) {
    uint8_t address[16];
    memcpy(address, self->base, sizeof address);
    for (unsigned i = 0; i < 4; i++)
        address[bytes_of(self) - 1 - i] |= (uint8_t)(number >> 8 * i);
    inet_ntop(self->family, address, out, INET6_ADDRSTRLEN);
    return out;
}

bool subnet_contains(const subnet *self, const uint8_t *address) {
    return same_bits(self->base, address, self->prefix);
}

bool subnet_number(const subnet *self, const char *address, uint64_t *number) {
    uint8_t bytes[16];
    if (inet_pton(self->family, address, bytes) != 1 || !subnet_contains(self, bytes))
        return false;
    *number = 0;
    for (unsigned i = 0; i < bytes_of(self); i++) {
        uint8_t host = bytes[i] ^ self->base[i];
        if (i < bytes_of(self) - 4 && host)
            return false;
        *number = *number << 8 | host;
    }
    return true;
}

bool subnet_overlaps(const subnet *self, const subnet *other) {
    return self->family == other->family &&
           same_bits(self->base, other->base, self->prefix < other->prefix ? self->prefix : other->prefix);
}
