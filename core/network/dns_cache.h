// What the host's resolvers have answered, kept for as long as they allow: the answers to names of a
// network's own never come here. Pure: the time is the caller's.
//
// An answer is kept for one question: name, type and class, and what of the query changes the answer (EDNS,
// DO, CD, AD). It is one that a resolver without trust in its source can tell is whole: NOERROR with records
// asked for, for the least of all its TTLs; NXDOMAIN and NODATA with the SOA that says for how long (RFC
// 2308). What is cut off, failed, or goes with options of EDNS (RFC 6891) is not kept.
#pragma once

#include "core/network/dns_message.h"

#define DNS_CACHE_KEPT_MOST   300 ///< seconds: the host may be on another network then
#define DNS_CACHE_DENIED_MOST 60  ///< the same of what is not there

typedef struct dns_cache dns_cache;

/// Bounded by both; those not asked for longest make room.
dns_cache *dns_cache_create(size_t entries_most, size_t bytes_most);
void dns_cache_destroy(dns_cache *self); ///< Accepts NULL.
void dns_cache_clear(dns_cache *self);

/// Keeps the answer to a query where it can be kept. `question` is the query's, and so is the answer's.
void dns_cache_put(dns_cache *self, const uint8_t *query, size_t query_length, const dns_question *question,
                   const uint8_t *answer, size_t length, uint64_t now_ms);
/// The answer to a query into `out` (room for DNS_MESSAGE_MOST): with its id and its spelling of the name,
/// and the seconds that are left. Returns the length; 0: there is none, or it does not fit into the datagram
/// that the client can take.
size_t dns_cache_get(dns_cache *self, const uint8_t *query, size_t query_length, const dns_question *question,
                     uint64_t now_ms, uint8_t *out);

size_t dns_cache_count(const dns_cache *self);
size_t dns_cache_bytes(const dns_cache *self); ///< of all answers with what they cost besides
