#include "core/network/dns_message.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MOST 63
#define WIRE_MOST  255 // RFC 1035, 2.3.4: of a name with all lengths and the root
#define POINTER    0xc0
#define UDP_PLAIN  512 // what everybody takes

static uint16_t read16(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void write16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

// The name of a question has nothing before it to point to: pointers are refused. Returns where it ends, 0:
// it is none.
static size_t read_name(const uint8_t *bytes, size_t length, size_t at, char out[DNS_NAME_SIZE]) {
    const size_t start = at;
    size_t written = 0;
    for (;;) {
        if (at >= length || bytes[at] > LABEL_MOST)
            return 0;
        size_t label = bytes[at++];
        if (label == 0)
            break;
        if (label > length - at || at - start + label + 1 > WIRE_MOST)
            return 0;
        if (written)
            out[written++] = '.';
        for (size_t i = 0; i < label; i++) {
            uint8_t byte = bytes[at + i];
            bool plain = byte > 0x20 && byte < 0x7f && byte != '.';
            out[written++] = plain ? (char)tolower(byte) : '?';
        }
        at += label;
    }
    out[written] = 0;
    return at;
}

bool dns_question_parse(const uint8_t *bytes, size_t length, dns_question *out) {
    *out = (dns_question){0};
    if (length < DNS_HEADER || length > DNS_MESSAGE_MOST || read16(bytes + 4) != 1)
        return false;
    out->id = read16(bytes);
    out->response = bytes[2] & 0x80;
    out->operation = (bytes[2] >> 3) & 15;
    size_t at = read_name(bytes, length, DNS_HEADER, out->name);
    if (at == 0 || length - at < 4)
        return false;
    out->type = read16(bytes + at);
    out->class = read16(bytes + at + 2);
    out->end = at + 4;
    return true;
}

// ---- records ----

uint32_t dns_read32(const uint8_t *bytes) {
    return (uint32_t)read16(bytes) << 16 | read16(bytes + 2);
}

void dns_write32(uint8_t *bytes, uint32_t value) {
    write16(bytes, (uint16_t)(value >> 16));
    write16(bytes + 2, (uint16_t)value);
}

// Where a name ends, which is not read: a pointer is its end. 0: it is none.
static size_t skip_name(const uint8_t *bytes, size_t length, size_t at) {
    while (at < length && bytes[at] && bytes[at] <= LABEL_MOST)
        at += 1u + bytes[at];
    if (at >= length || (bytes[at] && bytes[at] < POINTER))
        return 0;
    at += bytes[at] ? 2 : 1;
    return at <= length ? at : 0;
}

void dns_records_begin(dns_records *self, const uint8_t *bytes, size_t length, const dns_question *question) {
    *self = (dns_records){.bytes = bytes, .length = length, .at = question->end};
    for (unsigned i = 0; i < DNS_SECTIONS; i++)
        self->left[i] = read16(bytes + 6 + 2 * i);
}

bool dns_records_next(dns_records *self, dns_record *out) {
    unsigned section = 0;
    while (section < DNS_SECTIONS && !self->left[section])
        section++;
    if (section == DNS_SECTIONS || self->broken)
        return false;
    size_t at = skip_name(self->bytes, self->length, self->at);
    const uint8_t *head = self->bytes + at;
    self->broken = at == 0 || self->length - at < 10 || self->length - at - 10 < read16(head + 8);
    if (self->broken)
        return false;
    *out = (dns_record){.section = section,
                        .type = read16(head),
                        .class = read16(head + 2),
                        .seconds = dns_read32(head + 4),
                        .data = head + 10,
                        .length = read16(head + 8)};
    self->at = at + 10 + out->length;
    self->left[section]--;
    return true;
}

bool dns_records_whole(const dns_records *self) {
    return !self->broken && self->at == self->length;
}

bool dns_query_parse(const uint8_t *bytes, size_t length, const dns_question *question, dns_query *out) {
    dns_records records;
    dns_record record;
    *out = (dns_query){.recursion = bytes[2] & 0x01,
                       .authentic = bytes[3] & 0x20,
                       .unchecked = bytes[3] & 0x10,
                       .answer_most = UDP_PLAIN};
    dns_records_begin(&records, bytes, length, question);
    while (dns_records_next(&records, &record)) {
        bool root = record.data == bytes + question->end + 11; // its name is one byte
        if (record.section != DNS_ADDITIONAL || record.type != DNS_TYPE_OPT || out->edns || !root ||
            record.seconds >> 16)
            return false;
        out->edns = true;
        out->dnssec = record.seconds & 0x8000;
        out->options = record.length > 0;
        if (record.class > UDP_PLAIN) // of an OPT its size
            out->answer_most = record.class;
    }
    return dns_records_whole(&records);
}

// ---- answers ----

void dns_answer_begin(dns_answer *self, const uint8_t *query, const dns_question *question, unsigned code) {
    // A question is at most 12 + 255 + 4 bytes long.
    memset(self->bytes, 0, DNS_HEADER);
    memcpy(self->bytes, query, 2);
    memcpy(self->bytes + DNS_HEADER, query + DNS_HEADER, question->end - DNS_HEADER);
    self->bytes[2] = (uint8_t)(0x84 | (query[2] & 0x79)); // an answer, with authority; RD as asked
    self->bytes[3] = (uint8_t)(0x80 | code);              // recursion is available
    write16(self->bytes + 4, 1);
    self->length = question->end;
}

// A record of the name in the question, which is where the header ends.
static uint8_t *add_record(dns_answer *self, uint16_t type, uint32_t seconds, size_t data_length) {
    size_t size = 12 + data_length;
    if (size > sizeof self->bytes - self->length)
        return NULL;
    uint8_t *record = self->bytes + self->length;
    write16(record, POINTER << 8 | DNS_HEADER);
    write16(record + 2, type);
    write16(record + 4, DNS_CLASS_IN);
    write16(record + 6, (uint16_t)(seconds >> 16));
    write16(record + 8, (uint16_t)seconds);
    write16(record + 10, (uint16_t)data_length);
    self->length += size;
    write16(self->bytes + 6, (uint16_t)(read16(self->bytes + 6) + 1));
    return record + 12;
}

bool dns_answer_add_address(dns_answer *self, uint32_t ip, uint32_t seconds) {
    uint8_t *data = add_record(self, DNS_TYPE_A, seconds, 4);
    if (data) {
        write16(data, (uint16_t)(ip >> 16));
        write16(data + 2, (uint16_t)ip);
    }
    return data != NULL;
}

bool dns_answer_add_address6(dns_answer *self, const uint8_t ip6[16], uint32_t seconds) {
    uint8_t *data = add_record(self, DNS_TYPE_AAAA, seconds, 16);
    if (data)
        memcpy(data, ip6, 16);
    return data != NULL;
}

bool dns_answer_add_name(dns_answer *self, const char *name, uint32_t seconds) {
    uint8_t wire[DNS_NAME_SIZE];
    size_t length = 0;
    for (const char *at = name; *at;) {
        size_t label = strcspn(at, ".");
        if (label == 0 || label > LABEL_MOST || length + label + 2 > sizeof wire)
            return false;
        wire[length++] = (uint8_t)label;
        memcpy(wire + length, at, label);
        length += label;
        at += label + (at[label] == '.');
    }
    wire[length++] = 0;
    uint8_t *data = add_record(self, DNS_TYPE_PTR, seconds, length);
    if (data)
        memcpy(data, wire, length);
    return data != NULL;
}

unsigned dns_code(const uint8_t *message) {
    return message[3] & 15;
}

void dns_set_code(uint8_t *message, unsigned code) {
    message[3] = (uint8_t)((message[3] & 0xf0) | code);
}

bool dns_is_cut(const uint8_t *message) {
    return message[2] & 0x02;
}

void dns_clear_authority(uint8_t *message) {
    message[2] &= (uint8_t)~0x04;
}

bool dns_reverse_parse(const char *name, uint32_t *ip) {
    unsigned part[4];
    int end = 0;
    if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &part[3], &part[2], &part[1], &part[0], &end) != 4 ||
        end == 0 || name[end])
        return false;
    *ip = part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3];
    return part[0] <= 255 && part[1] <= 255 && part[2] <= 255 && part[3] <= 255;
}

bool dns_reverse6_parse(const char *name, uint8_t ip6[16]) {
    static const char digits[] = "0123456789abcdef";
    memset(ip6, 0, 16);
    for (unsigned i = 0; i < 32; i++, name += 2) {
        const char *digit = *name ? strchr(digits, tolower((unsigned char)*name)) : NULL;
        if (!digit || name[1] != '.')
            return false;
        ip6[15 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 ? 4 : 0));
    }
    return strcmp(name, "ip6.arpa") == 0;
}

size_t dns_servers_parse(const char *text, char out[][46], size_t most) {
    size_t count = 0;
    for (const char *line = text; *line && count < most; line += strcspn(line, "\n"), line += *line == '\n') {
        char address[46], rest[8];
        uint8_t bytes[16];
        size_t length = strcspn(line, "\n");
        char copy[128];
        snprintf(copy, sizeof copy, "%.*s", (int)(length < sizeof copy ? length : sizeof copy - 1), line);
        if (sscanf(copy, "nameserver %45s%7s", address, rest) < 1 ||
            (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1))
            continue;
        memcpy(out[count++], address, strlen(address) + 1);
    }
    return count;
}
