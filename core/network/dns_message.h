// Messages of the DNS (RFC 1035) as far as a resolver needs them that answers a few names itself: questions
// read from untrusted bytes, and answers to them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_SIZE    256 ///< of a name as text, with its end
#define DNS_HEADER       12
#define DNS_MESSAGE_MOST 65535

#define DNS_TYPE_A    1
#define DNS_TYPE_SOA  6
#define DNS_TYPE_PTR  12
#define DNS_TYPE_AAAA 28
#define DNS_TYPE_OPT  41
#define DNS_TYPE_META 249 ///< from here on they are about messages, or stand for several types
#define DNS_TYPE_ANY  255
#define DNS_CLASS_IN  1
#define DNS_CLASS_ANY 255

#define DNS_NO_ERROR       0
#define DNS_FORMAT_ERROR   1
#define DNS_SERVER_FAILURE 2
#define DNS_NO_SUCH_NAME   3
#define DNS_NOT_SUPPORTED  4
#define DNS_REFUSED        5

typedef struct dns_question {
    uint16_t id;
    bool response; ///< QR: it is an answer
    unsigned operation;
    uint16_t type;
    uint16_t class;
    char name[DNS_NAME_SIZE]; ///< lower case, without the last dot; bytes that are no printable ASCII are "?"
    size_t end;               ///< where the question ends within the message
} dns_question;

/// Reads the header and the one question of a query or an answer; false when there is not exactly one.
bool dns_question_parse(const uint8_t *bytes, size_t length, dns_question *out);

/// What of a query changes its answer, besides the question.
typedef struct dns_query {
    bool recursion; ///< RD
    bool authentic; ///< AD
    bool unchecked; ///< CD
    bool edns;
    bool dnssec;        ///< DO
    bool options;       ///< of EDNS
    size_t answer_most; ///< that the client takes in a datagram
} dns_query;

/// Reads what follows the question, which dns_question_parse has read; false where that is anything but one
/// OPT of version 0, or where there is more than the message has.
bool dns_query_parse(const uint8_t *bytes, size_t length, const dns_question *question, dns_query *out);

/// The records of an answer, one after the other.
typedef enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS } dns_section;

typedef struct dns_record {
    dns_section section;
    uint16_t type, class;
    uint32_t seconds;    ///< TTL
    const uint8_t *data; ///< within the message, `length` bytes; the TTL is six bytes before it
    size_t length;
} dns_record;

typedef struct dns_records {
    const uint8_t *bytes;
    size_t length, at;
    unsigned left[DNS_SECTIONS];
    bool broken;
} dns_records;

void dns_records_begin(dns_records *self, const uint8_t *bytes, size_t length, const dns_question *question);
/// False at the end, and where the next one cannot be read.
bool dns_records_next(dns_records *self, dns_record *out);
/// At its end: whether all of them were read, and there is nothing behind them.
bool dns_records_whole(const dns_records *self);

uint32_t dns_read32(const uint8_t *bytes);
void dns_write32(uint8_t *bytes, uint32_t value);

/// An answer in the making.
typedef struct dns_answer {
    uint8_t bytes[512]; ///< what fits into UDP without any agreement
    size_t length;
} dns_answer;

/// Begins the answer to a query that was read: its question, and this code.
void dns_answer_begin(dns_answer *self, const uint8_t *query, const dns_question *question, unsigned code);
/// Adds a record of the name asked for; false when it has no room.
bool dns_answer_add_address(dns_answer *self, uint32_t ip, uint32_t seconds);
bool dns_answer_add_address6(dns_answer *self, const uint8_t ip6[16], uint32_t seconds);
bool dns_answer_add_name(dns_answer *self, const char *name, uint32_t seconds);

/// The code of a message that was read, and another one in its place.
unsigned dns_code(const uint8_t *message);
void dns_set_code(uint8_t *message, unsigned code);

/// Whether not all of it had room (TC).
bool dns_is_cut(const uint8_t *message);
/// It is no longer from who has authority over the name (AA).
void dns_clear_authority(uint8_t *message);

/// "10.0.88.2.in-addr.arpa" backwards; false when it is no such name.
bool dns_reverse_parse(const char *name, uint32_t *ip);
/// The same of IPv6: 32 hexadecimal digits, each with a dot behind it, and "ip6.arpa" (RFC 3596).
bool dns_reverse6_parse(const char *name, uint8_t ip6[16]);

/// The name servers of a resolv.conf(5), IPv4 and IPv6, in its order; what cannot be read is left out.
/// Returns how many there are in `out`.
size_t dns_servers_parse(const char *text, char out[][46], size_t most);
