// Questions and lists of servers of any kind.
#include <stdlib.h>
#include <string.h>

#include "core/network/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    dns_question question, again;
    dns_answer answer;
    uint32_t ip;
    if (dns_question_parse(bytes, size, &question)) {
        if (question.end > size || strlen(question.name) >= DNS_NAME_SIZE)
            abort();
        dns_answer_begin(&answer, bytes, &question, DNS_NO_ERROR);
        dns_reverse_parse(question.name, &ip);
        for (int i = 0; i < 64; i++)
            dns_answer_add_address(&answer, 0x0a000001, 1);
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
