// -p, --publish, as Docker writes it: [ADDRESS:][[HOSTPORT]:]PORT[/udp], ports also as ranges.
#include <stdio.h>
#include <string.h>

#include "tui/cli/cli.h"
#include "tui/cli/options.h"

typedef struct port_range {
    unsigned first, last;
} port_range;

static bool parse_range(const char *text, size_t length, port_range *out) {
    char copy[16], rest;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    if (strspn(copy, "0123456789-") != length)
        return false;
    int fields = sscanf(copy, "%5u-%5u%c", &out->first, &out->last, &rest);
    if (fields == 1 && !strchr(copy, '-'))
        out->last = out->first;
    else if (fields != 2)
        return false;
    return out->first <= out->last && out->last <= UINT16_MAX;
}

static void append(json_t *ports, const char *address, size_t address_length, unsigned host,
                   unsigned container, const char *protocol) {
    json_t *port = json_pack("{s:i, s:i, s:s}", "hostPort", (int)host, "containerPort", (int)container,
                             "protocol", protocol);
    if (address_length)
        json_object_set_new(port, "hostAddress", json_stringn(address, address_length));
    json_array_append_new(ports, port);
}

// The last colon that is not within brackets, before `end`; NULL: none.
static const char *colon_before(const char *text, const char *end) {
    while (end > text && *--end != ':')
        if (*end == ']')
            return NULL;
    return end >= text && *end == ':' ? end : NULL;
}

const char *port_options_parse(json_t *ports, const char *text) {
    const char *slash = strchr(text, '/'), *end = slash ? slash : text + strlen(text);
    const char *protocol = slash ? slash + 1 : "tcp";
    const char *inner = colon_before(text, end), *outer = inner ? colon_before(text, inner) : NULL;
    const char *address = text, *container_text = inner ? inner + 1 : text;
    size_t address_length = outer ? (size_t)(outer - text) : 0;
    const char *host_text = outer ? outer + 1 : text;
    size_t host_length = inner ? (size_t)(inner - host_text) : 0;
    if (inner && !outer && text[0] == '[') { // [::1]:80 without a port of the host
        address_length = host_length;
        host_length = 0;
    }
    if (address_length >= 2 && address[0] == '[' && address[address_length - 1] == ']') {
        address++;
        address_length -= 2;
    }
    port_range container, host = {0};
    if (!parse_range(container_text, (size_t)(end - container_text), &container) || container.first == 0 ||
        (host_length && !parse_range(host_text, host_length, &host)) ||
        (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
        return "it needs [ADDRESS:][[HOSTPORT]:]PORT[/udp]";
    if (host.last && host.last - host.first != container.last - container.first)
        return "the ranges are not of the same length";
    for (unsigned i = 0; i <= container.last - container.first; i++)
        append(ports, address, address_length, host.last ? host.first + i : 0, container.first + i, protocol);
    return NULL;
}

void port_options_add(const struct argp_state *state, json_t *ports, const char *text) {
    const char *problem = port_options_parse(ports, text);
    if (problem)
        cli_usage_error(state, "-p %s: %s", text, problem);
}

const char *port_text(const json_t *port, char *out, size_t size) {
    const char *address = cli_text(port, "hostAddress"), *protocol = cli_text(port, "protocol");
    bool v6 = strchr(address, ':') != NULL;
    snprintf(out, size, "%s%s%s:%d->%d%s", v6 ? "[" : "", address, v6 ? "]" : "",
             (int)json_integer_value(cli_member(port, "hostPort")),
             (int)json_integer_value(cli_member(port, "containerPort")),
             strcmp(protocol, "udp") == 0 ? "/udp" : "");
    return out;
}

void port_print(const json_t *port, bool only) {
    const char *address = cli_text(port, "hostAddress");
    bool v6 = strchr(address, ':') != NULL;
    if (!only)
        printf("%d/%s -> ", (int)json_integer_value(cli_member(port, "containerPort")),
               cli_text(port, "protocol"));
    printf("%s%s%s:%d\n", v6 ? "[" : "", address, v6 ? "]" : "",
           (int)json_integer_value(cli_member(port, "hostPort")));
}
