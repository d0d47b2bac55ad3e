#include "core/network/dns_cache.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"

#define ANSWER_MOST 8192 // one that is longer is not kept
#define KEY_MOST    (1 + DNS_NAME_SIZE + 4)

typedef struct entry {
    struct entry *next, *previous; // by their last use
    uint64_t until_ms;
    uint32_t sum; // of the key: most others are told apart by it
    size_t key_length, length;
    uint8_t bytes[]; // the key, then the answer
} entry;

struct dns_cache {
    entry *newest, *oldest;
    size_t entries_most, bytes_most;
    size_t count, bytes;
};

// What is looked for: the bits of the query that matter, and its question in small letters.
typedef struct cache_key {
    uint8_t bytes[KEY_MOST];
    size_t length;
    uint32_t sum;
    size_t answer_most; // that the client can take
} cache_key;

dns_cache *dns_cache_create(size_t entries_most, size_t bytes_most) {
    dns_cache *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->entries_most = entries_most;
    self->bytes_most = bytes_most;
    return self;
}

static size_t cost_of(const entry *self) {
    return sizeof *self + self->key_length + self->length;
}

static void unlink_entry(dns_cache *self, entry *each) {
    *(each->previous ? &each->previous->next : &self->newest) = each->next;
    *(each->next ? &each->next->previous : &self->oldest) = each->previous;
}

static void link_newest(dns_cache *self, entry *each) {
    each->previous = NULL;
    each->next = self->newest;
    *(self->newest ? &self->newest->previous : &self->oldest) = each;
    self->newest = each;
}

static void drop(dns_cache *self, entry *each) {
    unlink_entry(self, each);
    self->count--;
    self->bytes -= cost_of(each);
    free(each);
}

void dns_cache_clear(dns_cache *self) {
    while (self->newest)
        drop(self, self->newest);
}

void dns_cache_destroy(dns_cache *self) {
    if (!self)
        return;
    dns_cache_clear(self);
    free(self);
}

size_t dns_cache_count(const dns_cache *self) {
    return self->count;
}

size_t dns_cache_bytes(const dns_cache *self) {
    return self->bytes;
}

// ---- keys ----

// False: an answer to such a query is nobody else's.
static bool key_of(const uint8_t *query, size_t length, const dns_question *question, cache_key *out) {
    dns_query asked;
    if (!dns_query_parse(query, length, question, &asked) || !asked.recursion || asked.options)
        return false;
    if (question->type >= DNS_TYPE_META || question->type == DNS_TYPE_OPT ||
        question->class == DNS_CLASS_ANY || question->operation != 0)
        return false;
    out->bytes[0] = (uint8_t)(asked.edns | asked.dnssec << 1 | asked.unchecked << 2 | asked.authentic << 3);
    out->length = 1 + question->end - DNS_HEADER;
    for (size_t i = 1; i < out->length; i++) // lengths of labels are no letters
        out->bytes[i] = (uint8_t)tolower(query[DNS_HEADER + i - 1]);
    memcpy(out->bytes + out->length - 4, query + question->end - 4, 4); // but type and class can be
    out->sum = hash_add(HASH_INIT, out->bytes, out->length);
    out->answer_most = asked.answer_most;
    return true;
}

static entry *find(const dns_cache *self, const cache_key *key) {
    entry *each = self->newest;
    while (each && (each->sum != key->sum || each->key_length != key->length ||
                    memcmp(each->bytes, key->bytes, key->length) != 0))
        each = each->next;
    return each;
}

// ---- for how long ----

typedef struct answer_life {
    bool found;       // a record that was asked for
    bool denied;      // there is an SOA
    uint32_t seconds; // the least
} answer_life;

static void look_at(const dns_question *question, const dns_record *record, answer_life *life) {
    if (record->section == DNS_ANSWER && record->type == question->type)
        life->found = true;
    // The top bit makes it 0 (RFC 2181, 8).
    uint32_t seconds = record->seconds & 0x80000000u ? 0 : record->seconds;
    if (record->section == DNS_AUTHORITY && record->type == DNS_TYPE_SOA && record->length >= 22) {
        life->denied = true;
        uint32_t least = dns_read32(record->data + record->length - 4);
        seconds = least < seconds ? least : seconds;
    }
    life->seconds = seconds < life->seconds ? seconds : life->seconds;
}

// 0: it is not to be kept.
static uint32_t life_of(const dns_question *question, const uint8_t *answer, size_t length) {
    answer_life life = {.seconds = DNS_CACHE_KEPT_MOST};
    dns_records records;
    dns_record record;
    unsigned code = dns_code(answer);
    if (dns_is_cut(answer) || (code != DNS_NO_ERROR && code != DNS_NO_SUCH_NAME))
        return 0;
    dns_records_begin(&records, answer, length, question);
    while (dns_records_next(&records, &record)) {
        if (record.type != DNS_TYPE_OPT)
            look_at(question, &record, &life);
        else if (record.seconds >> 16 || record.length)
            return 0; // more of the code, another version, or options for the one who asked
    }
    if (!dns_records_whole(&records))
        return 0;
    if (code == DNS_NO_ERROR && life.found)
        return life.seconds;
    if (!life.denied)
        return 0;
    return life.seconds < DNS_CACHE_DENIED_MOST ? life.seconds : DNS_CACHE_DENIED_MOST;
}

static void set_seconds(uint8_t *answer, size_t length, const dns_question *question, uint32_t seconds) {
    dns_records records;
    dns_record record;
    dns_records_begin(&records, answer, length, question);
    while (dns_records_next(&records, &record))
        if (record.type != DNS_TYPE_OPT)
            dns_write32(answer + (record.data - answer) - 6, seconds);
}

// ---- in and out ----

void dns_cache_put(dns_cache *self, const uint8_t *query, size_t query_length, const dns_question *question,
                   const uint8_t *answer, size_t length, uint64_t now_ms) {
    cache_key key;
    if (length > ANSWER_MOST || length < question->end || !key_of(query, query_length, question, &key))
        return;
    uint32_t seconds = life_of(question, answer, length);
    size_t cost = sizeof(entry) + key.length + length;
    if (!seconds || cost > self->bytes_most || !self->entries_most)
        return; // what was kept before stays: a cut answer to a client with less room, say
    entry *before = find(self, &key);
    if (before)
        drop(self, before);
    while (self->count >= self->entries_most || cost > self->bytes_most - self->bytes)
        drop(self, self->oldest);
    entry *made = malloc(cost);
    if (!made)
        abort();
    *made = (entry){.until_ms = now_ms + seconds * UINT64_C(1000),
                    .sum = key.sum,
                    .key_length = key.length,
                    .length = length};
    memcpy(made->bytes, key.bytes, key.length);
    memcpy(made->bytes + key.length, answer, length);
    link_newest(self, made);
    self->count++;
    self->bytes += cost;
}

size_t dns_cache_get(dns_cache *self, const uint8_t *query, size_t query_length, const dns_question *question,
                     uint64_t now_ms, uint8_t *out) {
    cache_key key;
    entry *found = key_of(query, query_length, question, &key) ? find(self, &key) : NULL;
    if (!found)
        return 0;
    uint32_t seconds = now_ms < found->until_ms ? (uint32_t)((found->until_ms - now_ms) / 1000) : 0;
    if (seconds == 0) {
        drop(self, found);
        return 0;
    }
    if (found->length > key.answer_most)
        return 0;
    unlink_entry(self, found);
    link_newest(self, found);
    memcpy(out, found->bytes + found->key_length, found->length);
    memcpy(out, query, 2);
    memcpy(out + DNS_HEADER, query + DNS_HEADER, question->end - DNS_HEADER);
    dns_clear_authority(out);
    set_seconds(out, found->length, question, seconds);
    return found->length;
}
