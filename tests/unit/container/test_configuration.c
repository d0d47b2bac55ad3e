// A request and an image become a whole configuration, and that becomes messages for the agent.
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/container/configuration.h"
#include "core/network/port.h"
#include "core/network/switch.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char image_text[] =
    "{\"id\": \"sha256:aa\", \"configuration\": {\"platform\": \"linux/amd64\", \"stopSignal\": \"SIGQUIT\","
    " \"labels\": {\"a\": \"1\"}, \"process\": {\"entrypoint\": [\"/e\"], \"command\": [\"c\"],"
    " \"environment\": [\"A=1\", \"PATH=/x\"], \"directory\": \"/w\", \"user\": \"u\"}},"
    " \"status\": {\"layers\": [{\"file\": \"l1\", \"digest\": \"d\"}, {\"file\": \"l2\"}]}}";

static json_t *complete(const char *request_text, holm_error **error) {
    json_t *request = json_loads(request_text, 0, NULL), *image = json_loads(image_text, 0, NULL);
    const configuration_defaults defaults = {.host_cpus = 3};
    json_t *whole = configuration_complete(request, image, ID, &defaults, error);
    json_decref(request);
    json_decref(image);
    return whole;
}

static const char *argument(const json_t *whole, size_t index) {
    const json_t *process = json_object_get(whole, "process");
    return json_string_value(json_array_get(json_object_get(process, "arguments"), index));
}

static void image_defaults_apply(void **data) {
    (void)data;
    json_t *whole = complete("{\"image\": \"i\"}", NULL);
    assert_non_null(whole);
    assert_string_equal(argument(whole, 0), "/e");
    assert_string_equal(argument(whole, 1), "c");
    assert_string_equal(json_string_value(json_object_get(whole, "name")), "0123456789ab");
    assert_int_equal(json_integer_value(json_object_get(whole, "stopSignal")), SIGQUIT);
    json_t *resources = json_object_get(whole, "resources");
    assert_int_equal((int)json_number_value(json_object_get(resources, "cpus")), 3);
    assert_int_equal(json_integer_value(json_object_get(resources, "memoryBytes")), 1 << 30);
    json_decref(whole);
}

static void a_command_replaces_and_an_entrypoint_forgets(void **data) {
    (void)data;
    json_t *whole = complete("{\"image\": \"i\", \"process\": {\"command\": [\"x\", \"y\"]}}", NULL);
    assert_string_equal(argument(whole, 0), "/e");
    assert_string_equal(argument(whole, 2), "y");
    json_decref(whole);
    whole = complete("{\"image\": \"i\", \"process\": {\"entrypoint\": [\"/n\"]}}", NULL);
    assert_string_equal(argument(whole, 0), "/n");
    assert_null(argument(whole, 1));
    json_decref(whole);
    holm_error *error = NULL;
    assert_null(complete("{\"image\": \"i\", \"process\": {\"entrypoint\": []}}", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    holm_error_free(error);
}

static void wrong_values_are_named(void **data) {
    (void)data;
    static const char *const wrong[] = {
        "{\"image\": \"i\", \"nonsense\": 1}",
        "{\"image\": \"i\", \"process\": {\"terminal\": 1}}",
        "{\"image\": \"i\", \"name\": \"../x\"}",
        "{\"image\": \"i\", \"hostname\": \"a b\"}",
        "{\"image\": \"i\", \"resources\": {\"cpus\": 0}}",
        "{\"image\": \"i\", \"resources\": {\"memoryBytes\": 1}}",
        "{\"image\": \"i\", \"process\": {\"rlimits\": [{\"name\": \"nofile\", \"soft\": -2}]}}",
        "{\"image\": \"i\", \"stopSignal\": 65}",
        "{\"image\": \"i\", \"resources\": {\"memoryPriority\": \"urgent\"}}",
        "{\"image\": \"i\", \"labels\": {\"a\": 1}}",
        "{\"image\": \"i\", \"sockets\": [{\"source\": \"/a\", \"destination\": \"b\"}]}",
        "{\"image\": \"i\", \"sockets\": [{\"destination\": \"/b\"}]}",
        "[]",
    };
    for (size_t i = 0; i < array_length(wrong); i++) {
        holm_error *error = NULL;
        assert_null(complete(wrong[i], &error));
        assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
        holm_error_free(error);
    }
}

static void the_agent_gets_all_of_it(void **data) {
    (void)data;
    json_t *whole =
        complete("{\"image\": \"i\", \"readOnly\": true, \"resources\": {\"cpus\": 0.5, \"memoryBytes\": "
                 "134217728}, \"tmpfs\": [{\"destination\": \"/t\", \"options\": [\"size=1m\"]}],"
                 " \"sysctls\": {\"net.core.somaxconn\": \"7\"}, \"process\": {\"environment\": [\"A=2\"],"
                 " \"rlimits\": [{\"name\": \"nofile\", \"soft\": 10, \"hard\": -1}]}}",
                 NULL);
    Holm__Agent__V1__Process *process = configuration_process(whole);
    assert_int_equal(process->n_environment, 2);
    assert_string_equal(process->environment[0], "PATH=/x");
    assert_string_equal(process->environment[1], "A=2");
    assert_true(process->rlimits[0]->hard == UINT64_MAX);
    holm__agent__v1__process__free_unpacked(process, NULL);
    json_t *networks = json_pack("[{s:s, s:i, s:s, s:s}]", "address", "10.88.0.5", "prefix", 24, "gateway",
                                 "10.88.0.1", "mac", "02:00:00:00:00:01");
    Holm__Agent__V1__PrepareRequest *request = configuration_prepare(whole, ID, networks, NULL);
    assert_int_equal(request->limits->cpu_quota_us, 50000);
    assert_int_equal(request->limits->memory_bytes, 134217728);
    assert_int_equal(request->root->layer_count, 2);
    assert_string_equal(request->root->writable_device, "/dev/vdb");
    assert_true(request->root->read_only);
    assert_string_equal(request->interfaces[0]->addresses[0], "10.88.0.5/24");
    assert_string_equal(request->dns->nameservers[0], "10.88.0.1");
    assert_string_equal(request->mounts[request->n_mounts - 1]->destination, "/t");
    assert_int_equal(configuration_vm_cpus(whole), 1);
    assert_true(configuration_vm_memory(whole) > 134217728);
    holm__agent__v1__prepare_request__free_unpacked(request, NULL);
    json_t *form = configuration_to_oci(whole, ID);
    assert_non_null(form);
    assert_true(json_equal(json_object_get(form, "holm"), whole));
    json_decref(form);
    json_decref(networks);
    json_decref(whole);
}

static json_t *asked_networks(const char *networks, holm_error **error) {
    char request[1024];
    snprintf(request, sizeof request, "{\"image\": \"i\", \"networks\": %s}", networks);
    return complete(request, error);
}

static void several_networks(void **data) {
    (void)data;
    static const struct {
        const char *networks;
        holm_error_code code;
    } wrong[] = {
        {"[{\"name\": \"a\"}, {\"name\": \"a\"}]", HOLM_ERROR_INVALID},
        {"[{\"name\": \"../a\"}]", HOLM_ERROR_INVALID},
        {"[{}]", HOLM_ERROR_INVALID},
        {"[{\"name\": \"a\", \"aliases\": [\"b c\"]}]", HOLM_ERROR_INVALID},
        {"[{\"name\": \"a\", \"colour\": \"red\"}]", HOLM_ERROR_INVALID},
        {"[{\"name\":\"1\"},{\"name\":\"2\"},{\"name\":\"3\"},{\"name\":\"4\"},{\"name\":\"5\"},{\"name\":"
         "\"6\"},"
         "{\"name\":\"7\"},{\"name\":\"8\"},{\"name\":\"9\"}]",
         HOLM_ERROR_LIMIT},
    };
    for (size_t i = 0; i < array_length(wrong); i++) {
        cleanup_error holm_error *error = NULL;
        assert_null(asked_networks(wrong[i].networks, &error));
        assert_int_equal(holm_error_code_of(error), wrong[i].code);
    }
    json_t *usual = complete("{\"image\": \"i\"}", NULL), *none = asked_networks("[]", NULL);
    const json_t *first = json_array_get(json_object_get(usual, "networks"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "default");
    assert_int_equal(json_array_size(json_object_get(none, "networks")), 0);
    json_decref(usual);

    cleanup_error holm_error *error = NULL;
    assert_null(complete("{\"image\": \"i\", \"dns\": {\"none\": true, \"searches\": [\"a\"]}}", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    json_t *alone = complete("{\"image\": \"i\", \"dns\": {\"none\": true}}", NULL);
    assert_null(configuration_dns(alone, NULL));
    json_decref(alone);

    // Inside first: the route leads by the second card, and three resolvers are all that can be named.
    json_t *four = json_array();
    for (int i = 0; i < 4; i++) {
        char address[16], gateway[16];
        snprintf(address, sizeof address, "10.9.%d.2", i);
        snprintf(gateway, sizeof gateway, "10.9.%d.1", i);
        json_array_append_new(four,
                              json_pack("{s:s, s:i, s:s, s:s, s:b}", "address", address, "prefix", 24,
                                        "gateway", gateway, "mac", "02:00:00:00:00:01", "internal", i == 0));
    }
    Holm__Agent__V1__PrepareRequest *request = configuration_prepare(none, ID, four, NULL);
    assert_int_equal(request->n_interfaces, 4);
    assert_string_equal(request->interfaces[3]->name, "eth3");
    assert_string_equal(request->interfaces[3]->addresses[0], "10.9.3.2/24");
    assert_int_equal(request->n_routes, 1);
    assert_string_equal(request->routes[0]->interface, "eth1");
    assert_string_equal(request->routes[0]->gateway, "10.9.1.1");
    assert_int_equal(request->dns->n_nameservers, CONFIGURATION_RESOLVERS_MOST);
    assert_string_equal(request->dns->nameservers[2], "10.9.2.1");
    assert_string_equal(request->hosts->entries[2]->address, "10.9.0.2");
    assert_int_equal(request->hosts->n_entries, 3);
    assert_int_equal(request->interfaces[1]->n_addresses, 1);
    assert_string_equal(request->routes[0]->gateway6, "");
    holm__agent__v1__prepare_request__free_unpacked(request, NULL);
    for (size_t i = 0; i < 2; i++) { // with IPv6, too, and an MTU of its own
        json_t *network = json_array_get(four, i), *more;
        more = json_pack("{s:s, s:i, s:s, s:i}", "addressV6", i ? "fd12::2" : "fd11::2", "prefixV6", 64,
                         "gatewayV6", i ? "fd12::1" : "fd11::1", "mtu", 1400);
        json_object_update(network, more);
        json_decref(more);
    }
    request = configuration_prepare(none, ID, four, NULL);
    assert_string_equal(request->interfaces[0]->addresses[1], "fd11::2/64");
    assert_string_equal(request->interfaces[1]->addresses[1], "fd12::2/64");
    assert_int_equal(request->interfaces[1]->mtu, 1400);
    assert_int_equal(request->interfaces[2]->mtu, 65520);
    assert_int_equal(request->n_routes, 1);
    assert_string_equal(request->routes[0]->gateway6, "fd12::1");
    assert_string_equal(request->hosts->entries[3]->address, "fd11::2");
    holm__agent__v1__prepare_request__free_unpacked(request, NULL);
    json_decref(four);
    json_decref(none);
}

static void the_host_is_reached_by_who_asks(void **data) {
    (void)data;
    cleanup_error holm_error *error = NULL;
    assert_null(
        complete("{\"image\": \"i\", \"hosts\": [{\"address\": \"host\", \"names\": [\"a\"]}]}", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
    json_t *other =
        complete("{\"image\": \"i\", \"hosts\": [{\"address\": \"::2\", \"names\": [\"a\"]}]}", NULL);
    assert_false(configuration_reaches_host(other));
    json_decref(other);
    json_t *given = complete(
        "{\"image\": \"i\", \"hosts\": [{\"address\": \"host-gateway\", \"names\": [\"here\"]}]}", NULL);
    assert_true(configuration_reaches_host(given));
    json_t *outside = json_pack("[{s:s, s:b}]", "address", "10.9.0.2", "internal", 0);
    json_t *outside6 =
        json_pack("[{s:s, s:s, s:b}]", "address", "10.9.0.2", "addressV6", "fd12::2", "internal", 0);
    json_t *inside = json_pack("[{s:s, s:b}]", "address", "10.9.0.2", "internal", 1);
    Holm__Agent__V1__Hosts *there = configuration_hosts(given, outside),
                           *there6 = configuration_hosts(given, outside6),
                           *no = configuration_hosts(given, inside);
    assert_int_equal(there->n_entries, 4);
    assert_string_equal(there->entries[3]->address, NETWORK_HOST);
    assert_string_equal(there->entries[3]->names[0], "here");
    assert_int_equal(there6->n_entries, 6); // its own name has another address, too
    assert_string_equal(there6->entries[4]->address, NETWORK_HOST);
    assert_string_equal(there6->entries[5]->address, NETWORK_HOST6);
    assert_string_equal(there6->entries[5]->names[0], "here");
    const uint8_t host6[] = SWITCH_HOST_IP6;
    uint8_t parsed6[sizeof host6];
    assert_int_equal(inet_pton(AF_INET6, NETWORK_HOST6, parsed6), 1);
    assert_memory_equal(parsed6, host6, sizeof host6);
    assert_int_equal(no->n_entries, 3); // there is no way to it
    holm__agent__v1__hosts__free_unpacked(there, NULL);
    holm__agent__v1__hosts__free_unpacked(there6, NULL);
    holm__agent__v1__hosts__free_unpacked(no, NULL);
    json_decref(outside6);
    json_decref(outside);
    json_decref(inside);
    json_decref(given);
}

static void signals_have_names(void **data) {
    (void)data;
    assert_int_equal(configuration_signal("SIGTERM"), SIGTERM);
    assert_int_equal(configuration_signal("hup"), SIGHUP);
    assert_int_equal(configuration_signal("9"), SIGKILL);
    assert_int_equal(configuration_signal("RTMIN+3"), 37);
    assert_int_equal(configuration_signal("65"), 0);
    assert_int_equal(configuration_signal("nonsense"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_defaults_apply),
        cmocka_unit_test(a_command_replaces_and_an_entrypoint_forgets),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(the_agent_gets_all_of_it),
        cmocka_unit_test(several_networks),
        cmocka_unit_test(the_host_is_reached_by_who_asks),
        cmocka_unit_test(signals_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
