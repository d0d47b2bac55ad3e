// Questions, answers that are kept, and lists of servers of any kind.
#include <stdlib.h>
#include <string.h>

#include "core/network/dns_cache.h"

// The first two bytes say how long the query is, the rest is the answer to it.
static void keep(const uint8_t *bytes, size_t size) {
    static uint8_t out[DNS_MESSAGE_MOST];
    size_t length = size >= 2 ? (size_t)(bytes[0] << 8 | bytes[1]) : size;
    if (length + 2 > size)
        return;
    const uint8_t *query = bytes + 2, *answer = query + length;
    size_t answer_length = size - 2 - length;
    dns_question question, answered;
    if (!dns_question_parse(query, length, &question) ||
        !dns_question_parse(answer, answer_length, &answered) || strcmp(question.name, answered.name) != 0 ||
        question.type != answered.type || question.class != answered.class)
        return;
    dns_cache *cache = dns_cache_create(2, 4096);
    dns_cache_put(cache, query, length, &question, answer, answer_length, 1000);
    if (dns_cache_bytes(cache) > 4096)
        abort();
    size_t got = dns_cache_get(cache, query, length, &question, 2000, out);
    if (got && (got != answer_length || memcmp(out, query, 2) != 0 ||
                !dns_question_parse(out, got, &answered) || strcmp(question.name, answered.name) != 0))
        abort(); // what is kept is what was asked
    if (dns_cache_get(cache, query, length, &question, 1000 + 1000 * (DNS_CACHE_KEPT_MOST + 1), out))
        abort();
    dns_cache_destroy(cache);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    keep(bytes, size);
    dns_question question, again;
    dns_answer answer;
    uint32_t ip;
    uint8_t ip6[16] = {0};
    if (dns_question_parse(bytes, size, &question)) {
        if (question.end > size || strlen(question.name) >= DNS_NAME_SIZE)
            abort();
        dns_answer_begin(&answer, bytes, &question, DNS_NO_ERROR);
        dns_reverse_parse(question.name, &ip);
        dns_reverse6_parse(question.name, ip6);
        for (int i = 0; i < 64; i++)
            if (!dns_answer_add_address(&answer, 0x0a000001, 1) || !dns_answer_add_address6(&answer, ip6, 1))
                break;
        dns_answer_add_name(&answer, question.name, 1);
        if (answer.length > sizeof answer.bytes || !dns_question_parse(answer.bytes, answer.length, &again) ||
            !again.response || strcmp(again.name, question.name) != 0)
            abort(); // what is answered is what was asked
    }
    char *text = malloc(size + 1), servers[3][46];
    memcpy(text, bytes, size);
    text[size] = 0;
    if (dns_servers_parse(text, servers, 3) > 3)
        abort();
    free(text);
    return 0;
}
