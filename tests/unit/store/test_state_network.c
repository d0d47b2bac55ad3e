// Networks and places on them: defaults, what is refused, what is stable, and subnets as text and numbers.
#include "state_fixture.h"

#include "core/base/subnet.h"
#include "core/store/state_internal.h"

#define ID_A "aa11111111111111111111111111111111111111111111111111111111111111"
#define ID_B "bbbb000000000000000000000000000000000000000000000000000000000000"

static void insert(state *db, const char *id, const char *name) {
    cleanup_json json_t *document = container_document(id, name, NULL);
    assert_int_equal(state_container_insert(db, document, NULL), 0);
}

static const char *member(const json_t *document, const char *part, const char *key) {
    return json_string_value(json_object_get(json_object_get(document, part), key));
}

static json_t *make(state *db, const char *text, holm_error_code expected) {
    cleanup_error holm_error *error = NULL;
    cleanup_json json_t *asked = json_loads(text, 0, NULL);
    assert_non_null(asked);
    json_t *network = state_network_create(db, asked, &error);
    if ((error ? holm_error_code_of(error) : 0) != expected)
        fail_msg("%s: %s", text, error ? holm_error_message(error) : "no error");
    return network;
}

static void refuse(state *db, const char *text, holm_error_code expected) {
    assert_null(make(db, text, expected));
}

static void test_create(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *back =
        make(db, "{\"name\": \"back\", \"subnet\": \"10.200.1.77/24\", \"labels\": {\"a\": \"b\"}}", 0);
    assert_string_equal(member(back, "configuration", "subnet"), "10.200.1.0/24");
    assert_string_equal(member(back, "status", "gateway"), "10.200.1.1");
    cleanup_json json_t *other = make(db,
                                      "{\"name\": \"o\", \"subnet\": \"10.201.0.0/16\", \"gateway\": "
                                      "\"10.201.9.9\", \"internal\": true}",
                                      0);
    assert_string_equal(member(other, "status", "gateway"), "10.201.9.9");
    cleanup_json json_t *chosen = make(db, "{\"name\": \"chosen\"}", 0);
    cleanup_json json_t *next = make(db, "{\"name\": \"next\"}", 0);
    assert_string_not_equal(member(chosen, "configuration", "subnet"),
                            member(next, "configuration", "subnet"));
    cleanup_json json_t *small =
        make(db, "{\"name\": \"small\", \"mtu\": 1400, \"dns\": [\"192.0.2.1\", \"2001:db8::1\"]}", 0);
    const json_t *kept = json_object_get(small, "configuration");
    assert_int_equal(json_integer_value(json_object_get(kept, "mtu")), 1400);
    assert_int_equal(json_array_size(json_object_get(kept, "dns")), 2);
    assert_string_equal(member(small, "configuration", "driver"), "user");
    cleanup_json json_t *bridge = make(db, "{\"name\": \"bridge\", \"driver\": \"bridge\"}", 0);
    assert_string_equal(member(bridge, "configuration", "driver"), "bridge");
    refuse(db, "{\"name\": \"x\", \"dns\": [\"::1\", \"::2\", \"::3\", \"::4\"]}", HOLM_ERROR_LIMIT);
    refuse(db, "{\"name\": \"back\"}", HOLM_ERROR_EXISTS);
    refuse(db, "{\"name\": \"x\", \"subnet\": \"10.200.0.0/16\"}", HOLM_ERROR_IN_USE);
    const char *const wrong[] = {
        "{\"name\": \"none\"}",
        "{\"name\": \"x\", \"driver\": \"macvlan\"}",
        "{\"name\": \"x\", \"driver\": 1}",
        "{\"name\": \"../x\"}",
        "{\"name\": \"x\", \"subnet\": \"10.1.2.3\"}",
        "{\"name\": \"x\", \"subnet\": \"10.1.2.0/31\"}",
        "{\"name\": \"x\", \"subnet\": \"fd00::/64\"}",
        "{\"name\": \"x\", \"subnet\": \"169.254.1.0/24\"}",
        "{\"name\": \"x\", \"subnet\": \"169.0.0.0/8\"}",
        "{\"name\": \"x\", \"subnet\": \"127.1.0.0/16\"}",
        "{\"name\": \"x\", \"subnet\": \"0.0.0.0/8\"}",
        "{\"name\": \"x\", \"subnet\": \"224.1.0.0/24\"}",
        "{\"name\": \"x\", \"subnet\": \"255.255.255.0/24\"}",
        "{\"name\": \"x\", \"subnetV6\": \"fd12:3456:789a::/48\"}",
        "{\"name\": \"x\", \"subnetV6\": \"fd12:3456:789a::1\"}",
        "{\"name\": \"x\", \"subnetV6\": \"10.210.0.0/24\"}",
        "{\"name\": \"x\", \"subnetV6\": \"fe80::/64\"}",
        "{\"name\": \"x\", \"subnetV6\": \"fec0::/64\"}",
        "{\"name\": \"x\", \"subnetV6\": \"::/64\"}",
        "{\"name\": \"x\", \"subnetV6\": \"ff02::/64\"}",
        "{\"name\": \"x\", \"mtu\": 1279}",
        "{\"name\": \"x\", \"mtu\": 65521}",
        "{\"name\": \"x\", \"mtu\": \"1500\"}",
        "{\"name\": \"x\", \"dns\": \"192.0.2.1\"}",
        "{\"name\": \"x\", \"dns\": [\"one\"]}",
        "{\"name\": \"x\", \"dns\": [\"192.0.2.1\"], \"internal\": true}",
        "{\"name\": \"x\", \"colour\": \"red\"}",
        "{\"name\": \"x\", \"labels\": {\"a\": 1}}",
        "{\"name\": \"x\", \"subnet\": \"10.210.0.0/24\", \"gateway\": \"10.211.0.1\"}",
        "{\"name\": \"x\", \"subnet\": \"10.210.0.0/24\", \"gateway\": \"10.210.0.255\"}",
    };
    for (size_t i = 0; i < array_length(wrong); i++)
        refuse(db, wrong[i], HOLM_ERROR_INVALID);
    cleanup_json json_t *list = state_network_list(db, NULL);
    assert_int_equal(json_array_size(list), 7); // and the default one
}

static const char *place(state *db, const char *id, json_t **out, holm_error **error) {
    *out = state_address_take(db, "n", id, NULL, error);
    return json_string_value(json_object_get(*out, "address"));
}

static void test_places(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_error holm_error *error = NULL;
    char id[65];
    json_decref(make(db, "{\"name\": \"n\", \"subnet\": \"10.200.1.0/29\", \"gateway\": \"10.200.1.3\"}", 0));
    static const char *const expected[] = {"10.200.1.1", "10.200.1.2", "10.200.1.4", "10.200.1.5",
                                           "10.200.1.6"};
    for (size_t i = 0; i < array_length(expected); i++) {
        cleanup_json json_t *address = NULL;
        snprintf(id, sizeof id, "%064zx", i);
        insert(db, id, expected[i]);
        assert_string_equal(place(db, id, &address, NULL), expected[i]); // the gateway's own is left out
        assert_int_equal(json_integer_value(json_object_get(address, "prefix")), 29);
    }
    cleanup_json json_t *none = NULL;
    insert(db, ID_A, "late");
    assert_null(place(db, ID_A, &none, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_LIMIT);

    cleanup_json json_t *network = state_network_get(db, "n", NULL);
    assert_int_equal(json_array_size(json_object_get(json_object_get(network, "status"), "members")), 5);
    snprintf(id, sizeof id, "%064zx", (size_t)2);
    assert_int_equal(state_address_release(db, "other", id, NULL), 0); // it has none there
    json_decref(place(db, id, &none, NULL) ? none : NULL);
    none = NULL;
    assert_int_equal(state_address_release(db, "n", id, NULL), 0);
    assert_string_equal(place(db, ID_A, &none, NULL), expected[2]); // what was let go of is free
    assert_int_equal(state_address_release(db, "n", ID_A, NULL), 0);
    cleanup_error holm_error *used = NULL;
    assert_int_equal(state_network_delete(db, "n", &used), -1);
    assert_int_equal(holm_error_code_of(used), HOLM_ERROR_IN_USE);
    for (size_t i = 0; i < array_length(expected); i++) {
        snprintf(id, sizeof id, "%064zx", i);
        assert_int_equal(state_address_release(db, NULL, id, NULL), 0);
    }
    assert_int_equal(state_network_delete(db, "n", NULL), 0);
    assert_int_equal(state_network_delete(db, "default", NULL), -1);
}

static void ask(state *db, const char *id, const char *address, const char *mac, holm_error_code code) {
    cleanup_error holm_error *error = NULL;
    cleanup_json json_t *got =
        state_address_take(db, "n", id, &(state_address_wish){address, mac, NULL}, &error);
    assert_int_equal(got == NULL, code != 0);
    if (code) {
        assert_int_equal(holm_error_code_of(error), code);
        return;
    }
    if (address)
        assert_string_equal(json_string_value(json_object_get(got, "address")), address);
    if (mac)
        assert_int_equal(strcasecmp(json_string_value(json_object_get(got, "mac")), mac), 0);
}

static void test_wishes(void **test) {
    cleanup_state state *db = open_state(test);
    json_decref(make(db, "{\"name\": \"n\", \"subnet\": \"10.200.1.0/29\", \"gateway\": \"10.200.1.1\"}", 0));
    insert(db, ID_A, "a");
    insert(db, ID_B, "b");
    ask(db, ID_A, "10.200.1.5", "02:00:00:AB:cd:01", 0);
    const char *const addresses[] = {"10.200.1.0", "10.200.1.7", "10.200.2.1", "fd00::1", "", "10.200.1.6x"};
    for (size_t i = 0; i < array_length(addresses); i++)
        ask(db, ID_B, addresses[i], NULL, HOLM_ERROR_INVALID);
    const char *const macs[] = {"",
                                "02:00:00:00:00",
                                "01:00:00:00:00:01",
                                "00:00:00:00:00:00",
                                "02:00:00:00:00:0",
                                "02:00:00:00:00:011",
                                "2:0:0:0:0:1"};
    for (size_t i = 0; i < array_length(macs); i++)
        ask(db, ID_B, NULL, macs[i], HOLM_ERROR_INVALID);
    ask(db, ID_B, "10.200.1.5", NULL, HOLM_ERROR_IN_USE);
    ask(db, ID_B, "10.200.1.1", NULL, HOLM_ERROR_IN_USE);
    ask(db, ID_B, NULL, "02:00:00:ab:cd:01", HOLM_ERROR_IN_USE);
    ask(db, ID_B, "10.200.1.6", NULL, 0);
}

static json_t *ask6(state *db, const char *network, const char *id, const char *address6,
                    holm_error_code code) {
    cleanup_error holm_error *error = NULL;
    const state_address_wish wish = {.address6 = address6};
    json_t *got = state_address_take(db, network, id, &wish, &error);
    if ((error ? holm_error_code_of(error) : 0) != code)
        fail_msg("%s: %s", address6 ? address6 : "any", error ? holm_error_message(error) : "no error");
    return got;
}

static void is_at(json_t *got, const char *address6) {
    const char *is = json_string_value(json_object_get(got, "addressV6"));
    if (address6)
        assert_string_equal(is, address6);
    else
        assert_null(is);
    json_decref(got);
}

static void test_ip6(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *first = make(db, "{\"name\": \"first\"}", 0),
                        *second = make(db, "{\"name\": \"second\"}", 0);
    assert_memory_equal(member(first, "configuration", "subnetV6"), "fd", 2);
    assert_string_not_equal(member(first, "configuration", "subnetV6"),
                            member(second, "configuration", "subnetV6"));
    cleanup_json json_t *network =
        make(db,
             "{\"name\": \"n\", \"subnet\": \"10.200.1.0/24\", \"gateway\": \"10.200.1.9\","
             " \"subnetV6\": \"FD12:3456:789A::77/64\"}",
             0);
    assert_string_equal(member(network, "configuration", "subnetV6"), "fd12:3456:789a::/64");
    assert_string_equal(member(network, "status", "gatewayV6"), "fd12:3456:789a::1");
    refuse(db, "{\"name\": \"x\", \"subnetV6\": \"fd12:3456:789a::/64\"}", HOLM_ERROR_IN_USE);
    cleanup_json json_t *plain = make(db, "{\"name\": \"plain\", \"subnetV6\": \"none\"}", 0);
    assert_null(member(plain, "configuration", "subnetV6"));
    insert(db, ID_A, "a");
    insert(db, ID_B, "b");
    is_at(ask6(db, "plain", ID_A, NULL, 0), NULL);
    ask6(db, "plain", ID_B, "fd12:3456:789a::5", HOLM_ERROR_INVALID);
    // 10.200.1.1 is the first free one, and its like of IPv6 the gateway
    is_at(ask6(db, "n", ID_A, NULL, 0), "fd12:3456:789a::100:1");
    is_at(ask6(db, "n", ID_A, NULL, 0), "fd12:3456:789a::100:1");
    const char *const wrong[] = {"fd12:3456:789a:1::5", "fd12:3456:789a::", "10.200.1.7", "", "::1"};
    for (size_t i = 0; i < array_length(wrong); i++)
        ask6(db, "n", ID_B, wrong[i], HOLM_ERROR_INVALID);
    ask6(db, "n", ID_B, "fd12:3456:789a::1", HOLM_ERROR_IN_USE);
    ask6(db, "n", ID_B, "fd12:3456:789a:0::0100:1", HOLM_ERROR_IN_USE);
    is_at(ask6(db, "n", ID_B, "fd12:3456:789a:0:3:0:0:3", 0), "fd12:3456:789a:0:3::3");
    assert_int_equal(state_address_release(db, "n", ID_A, NULL), 0);
    assert_int_equal(state_address_release(db, "n", ID_B, NULL), 0);
    // who asks for one of IPv6 may have what another one would get
    is_at(ask6(db, "n", ID_B, "fd12:3456:789a::2", 0), "fd12:3456:789a::2");
    is_at(ask6(db, "n", ID_A, NULL, 0), "fd12:3456:789a::100:2");
}

static void test_subnets(void **test) {
    (void)test;
    subnet of;
    char text[SUBNET_TEXT];
    uint64_t number;
    assert_true(subnet_parse("192.168.13.77/20", AF_INET, &of));
    assert_string_equal(subnet_text(&of, text), "192.168.0.0/20");
    assert_int_equal(subnet_size(&of), 4096);
    assert_true(subnet_number(&of, "192.168.13.77", &number));
    assert_int_equal(number, 13 * 256 + 77);
    assert_string_equal(subnet_host(&of, number, text), "192.168.13.77");
    assert_false(subnet_number(&of, "192.168.16.0", &number));
    assert_true(subnet_parse("fd00:1:2:3::/64", AF_INET6, &of));
    assert_true(subnet_number(&of, "fd00:1:2:3::a", &number) && number == 10);
    assert_false(subnet_number(&of, "fd00:1:2:3:1::a", &number)); // more than can be counted
    const char *const wrong[] = {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/8x", "fd00::/64"};
    for (size_t i = 0; i < array_length(wrong); i++)
        assert_false(subnet_parse(wrong[i], AF_INET, &of));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_wishes, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_ip6, folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_places, folder_setup, folder_teardown),
        cmocka_unit_test(test_subnets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
