// The packets of a virtio socket device (virtio 1.2, section 5.10.6).
#pragma once

#include <stdint.h>

#define VSOCK_HOST_CONTEXT_ID 2U
#define VSOCK_TYPE_STREAM     1

enum vsock_operation {
    VSOCK_REQUEST = 1,
    VSOCK_RESPONSE = 2,
    VSOCK_RST = 3,
    VSOCK_SHUTDOWN = 4,
    VSOCK_RW = 5,
    VSOCK_CREDIT_UPDATE = 6,
    VSOCK_CREDIT_REQUEST = 7,
};

// In the flags of SHUTDOWN: what the sender of the packet will no more do.
#define VSOCK_NO_MORE_RECEIVE 1U
#define VSOCK_NO_MORE_SEND    2U
#define VSOCK_NO_MORE         3U

/// Little-endian in memory, as are the hosts we run on.
typedef struct vsock_header {
    uint64_t source_context_id;
    uint64_t destination_context_id;
    uint32_t source_port;
    uint32_t destination_port;
    uint32_t length;
    uint16_t type;
    uint16_t operation;
    uint32_t flags;
    uint32_t buffer_size; ///< "buf_alloc": what the sender of the packet has room for in all
    uint32_t forwarded;   ///< "fwd_cnt": what it has handed on so far, modulo 2^32
} __attribute__((packed)) vsock_header;

_Static_assert(sizeof(vsock_header) == 44, "virtio 1.2, section 5.10.6");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the packets are read in place");
