// state.db, one process: each noun, names and addresses that are never given twice, refusals.
#include "state_fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "core/base/subnet.h"
#include "core/store/state_internal.h"

#define ID_A  "aa11111111111111111111111111111111111111111111111111111111111111"
#define ID_B  "ab22222222222222222222222222222222222222222222222222222222222222"
#define IMAGE "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static void insert(state *db, const char *id, const char *name, const char *image) {
    cleanup_json json_t *document = container_document(id, name, image);
    assert_int_equal(state_container_insert(db, document, NULL), 0);
}

static void test_container(void **test) {
    cleanup_state state *db = open_state(test);
    insert(db, ID_A, "web", NULL);
    insert(db, ID_B, "db", NULL);
    cleanup_json json_t *by_prefix = state_container_get(db, "ab", NULL);
    assert_string_equal(json_string_value(json_object_get(by_prefix, "id")), ID_B);
    cleanup_error holm_error *error = NULL;
    assert_null(state_container_get(db, "nothing", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NOT_FOUND);

    cleanup_json json_t *changes = json_pack("{s:s, s:i}", "state", "running", "restartCount", 1);
    assert_int_equal(state_container_update(db, ID_A, "created", changes, NULL), 0);
    cleanup_error holm_error *wrong = NULL;
    assert_int_equal(state_container_update(db, ID_A, "created", changes, &wrong), -1);
    assert_int_equal(holm_error_code_of(wrong), HOLM_ERROR_STATE);
    cleanup_json json_t *ports = json_pack("{s:[i]}", "ports", 80);
    assert_int_equal(state_container_configure(db, ID_A, ports, NULL), 0);
    cleanup_json json_t *configured = state_container_get(db, ID_A, NULL);
    const json_t *kept = json_object_get(configured, "configuration");
    assert_int_equal(json_array_size(json_object_get(kept, "ports")), 1);
    assert_string_equal(json_string_value(json_object_get(kept, "name")), "web");
    cleanup_json json_t *running = state_container_list(db, false, NULL);
    assert_int_equal(json_array_size(running), 1);
    cleanup_json json_t *all = state_container_list(db, true, NULL);
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "id")), ID_B);
    cleanup_json json_t *states = state_container_states(db, NULL);
    assert_int_equal(json_object_size(states), 2);
    assert_string_equal(json_string_value(json_object_get(states, ID_A)), "running");
    assert_string_equal(json_string_value(json_object_get(states, ID_B)), "created");
    assert_int_equal(state_container_delete(db, ID_A, NULL), 0);
    assert_int_equal(state_container_delete(db, ID_A, NULL), -1);
}

static void test_name_is_unique(void **test) {
    cleanup_state state *db = open_state(test);
    insert(db, ID_A, "web", NULL);
    cleanup_json json_t *same = container_document(ID_B, "web", NULL);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(state_container_insert(db, same, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_EXISTS);
    insert(db, ID_B, "db", NULL);
    cleanup_error holm_error *renamed = NULL;
    assert_int_equal(state_container_rename(db, ID_B, "web", &renamed), -1);
    assert_int_equal(holm_error_code_of(renamed), HOLM_ERROR_EXISTS);
    assert_int_equal(state_container_rename(db, ID_B, "other", NULL), 0);
    cleanup_json json_t *document = state_container_get(db, "other", NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(document, "configuration"), "name")), "other");
}

static void test_ambiguous_prefix(void **test) {
    cleanup_state state *db = open_state(test);
    insert(db, "aa11", "one", NULL);
    insert(db, "aa12", "two", NULL);
    cleanup_error holm_error *error = NULL;
    assert_null(state_container_get(db, "aa1", &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INVALID);
}

static void test_inner_step_alone_is_undone(void **test) {
    cleanup_state state *db = open_state(test);
    assert_int_equal(state_begin(db, NULL), 0);
    insert(db, ID_A, "web", NULL);
    cleanup_json json_t *same = container_document(ID_B, "web", NULL);
    assert_int_equal(state_container_insert(db, same, NULL), -1);
    assert_int_equal(state_end(db, true, NULL), 0);
    assert_int_equal(state_begin(db, NULL), 0);
    insert(db, ID_B, "dropped", NULL);
    assert_int_equal(state_end(db, false, NULL), 0);
    cleanup_json json_t *all = state_container_list(db, true, NULL);
    assert_int_equal(json_array_size(all), 1);
}

static void test_image(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *document = image_document(IMAGE, "f1.ext4");
    assert_int_equal(state_image_put(db, "docker.io/library/a:latest", document, NULL), 0);
    assert_int_equal(state_reference_set(db, "docker.io/library/a:2", IMAGE, NULL), 0);
    assert_int_equal(state_reference_set(db, "docker.io/library/b:1", "sha256:none", NULL), -1);
    insert(db, ID_A, "web", IMAGE);

    cleanup_json json_t *found = state_image_get(db, "1111", NULL);
    assert_int_equal(json_array_size(json_object_get(json_object_get(found, "configuration"), "references")),
                     2);
    assert_int_equal(json_array_size(json_object_get(json_object_get(found, "status"), "containers")), 1);
    cleanup_json json_t *needed = state_image_needed(db, NULL);
    assert_int_equal(json_array_size(json_object_get(needed, "files")), 1);
    assert_int_equal(json_array_size(json_object_get(needed, "blobs")), 3);

    cleanup_error holm_error *error = NULL;
    assert_int_equal(state_image_delete(db, IMAGE, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_IN_USE);
    cleanup_json json_t *none = NULL, *gone = NULL;
    assert_int_equal(state_reference_delete(db, "docker.io/library/a:2", NULL, &none, NULL), 0);
    assert_int_equal(json_array_size(none), 0);
    assert_int_equal(state_reference_delete(db, "docker.io/library/a:latest", NULL, &gone, NULL), 0);
    assert_string_equal(json_string_value(json_array_get(gone, 0)), IMAGE);
    assert_int_equal(state_container_delete(db, ID_A, NULL), 0);
    assert_int_equal(state_image_delete(db, IMAGE, NULL), 0);
    cleanup_json json_t *left = state_image_list(db, NULL);
    assert_int_equal(json_array_size(left), 0);
}

#define INDEX "sha256:9999999999999999999999999999999999999999999999999999999999999999"
#define OTHER "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define NAME  "docker.io/library/a:latest"

static void put_index(state *db, const char *name, const char *image, const char *file) {
    cleanup_json json_t *document = image_document(image, file);
    cleanup_json json_t *images = json_pack("[O]", document);
    cleanup_json json_t *index =
        json_pack("{s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}], s:[s]}", "id", INDEX, "mediaType", "index",
                  "platforms", "digest", IMAGE, "platform", "linux/amd64", "digest", OTHER, "platform",
                  "linux/arm64", "blobs", INDEX);
    assert_int_equal(state_index_put(db, name, index, images, NULL), 0);
}

static size_t count_found(state *db, const char *text) {
    cleanup_json json_t *found = state_image_find(db, text, NULL);
    return json_array_size(found);
}

static bool is_needed(state *db, const char *digest) {
    cleanup_json json_t *needed = state_image_needed(db, NULL);
    size_t at;
    json_t *each;
    json_array_foreach (json_object_get(needed, "blobs"), at, each)
        if (strcmp(json_string_value(each), digest) == 0)
            return true;
    return false;
}

static void test_index(void **test) {
    cleanup_state state *db = open_state(test);
    put_index(db, NAME, IMAGE, "f1.ext4");
    put_index(db, NAME, OTHER, "f2.ext4"); // beside the first
    assert_int_equal(count_found(db, NAME), 2);
    assert_int_equal(count_found(db, INDEX), 2);
    assert_int_equal(count_found(db, "999"), 2);
    assert_int_equal(count_found(db, OTHER), 1);
    assert_int_equal(count_found(db, "docker.io/library/a@" INDEX), 2);
    assert_int_equal(count_found(db, "docker.io/library/b@" INDEX), 0);
    cleanup_json json_t *first = state_image_get(db, NAME, NULL);
    const json_t *status = json_object_get(first, "status");
    assert_string_equal(json_string_value(json_object_get(status, "digest")), INDEX);
    assert_int_equal(json_array_size(json_object_get(status, "platforms")), 2);
    assert_true(
        json_is_true(json_object_get(json_array_get(json_object_get(status, "platforms"), 1), "present")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(status, "repositoryDigests"), 0)),
                        "docker.io/library/a@" INDEX);

    // Another name for the same, which keeps the index when the first one goes.
    assert_int_equal(state_reference_copy(db, "docker.io/library/b:1", NAME, NULL), 0);
    assert_int_equal(count_found(db, "docker.io/library/b:1"), 2);
    assert_int_equal(state_reference_delete(db, NAME, NULL, NULL, NULL), 0);
    assert_true(is_needed(db, INDEX));
    // Its only name given to the index once more: nothing changes.
    assert_int_equal(state_reference_copy(db, "docker.io/library/b:1", INDEX, NULL), 0);
    assert_int_equal(count_found(db, "docker.io/library/b:1"), 2);
    // One platform less; then the name moves to the other image alone, and nothing needs the index.
    assert_int_equal(state_image_delete(db, IMAGE, NULL), 0);
    assert_int_equal(count_found(db, "docker.io/library/b:1"), 1);
    assert_int_equal(state_reference_set(db, "docker.io/library/b:1", OTHER, NULL), 0);
    assert_false(is_needed(db, INDEX));
}

#define WITHOUT_SCHEMA_5 "DROP INDEX addresses_address6; ALTER TABLE addresses DROP COLUMN address6;"

// What was here before names could stand for an index.
static void test_names_of_schema_2(void **test) {
    static const char before[] = "CREATE TABLE old(reference TEXT PRIMARY KEY NOT NULL,"
                                 "  image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE);"
                                 "INSERT INTO old SELECT reference, image FROM image_references;"
                                 "DROP TABLE image_references; ALTER TABLE old RENAME TO image_references;"
                                 "CREATE INDEX image_references_image ON image_references(image);"
                                 "DROP TABLE indexes;" WITHOUT_SCHEMA_5 "PRAGMA user_version=2;";
    state *older = open_state(test);
    cleanup_json json_t *document = image_document(IMAGE, "f1.ext4");
    assert_int_equal(state_image_put(older, NAME, document, NULL), 0);
    insert(older, ID_A, "web", IMAGE);
    assert_int_equal(sqlite3_exec(older->database, before, NULL, NULL, NULL), SQLITE_OK);
    state_close(older);
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *found = state_image_get(db, NAME, NULL);
    assert_string_equal(json_string_value(json_object_get(found, "id")), IMAGE);
    cleanup_free char *target = state_reference_target(db, NAME, NULL);
    assert_string_equal(target, IMAGE);
    put_index(db, NAME, IMAGE, "f1.ext4");
    assert_true(is_needed(db, INDEX));
    assert_int_equal(count_found(db, NAME), 1);
    assert_int_equal(state_image_delete(db, IMAGE, NULL), -1); // the container still holds it
}

static void test_image_stays_unpacked(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *document = image_document(IMAGE, "f1.ext4"), *bare = json_deep_copy(document);
    json_object_del(json_array_get(json_object_get(json_object_get(bare, "status"), "layers"), 0), "file");
    assert_int_equal(state_image_put(db, NAME, document, NULL), 0);
    assert_int_equal(state_image_put(db, NAME, bare, NULL), 0);
    cleanup_json json_t *found = state_image_get(db, NAME, NULL);
    assert_true(json_is_true(json_object_get(json_object_get(found, "status"), "unpacked")));
}

static void test_container_of_missing_image(void **test) {
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *document = container_document(ID_A, "web", IMAGE);
    cleanup_error holm_error *error = NULL;
    assert_int_equal(state_container_insert(db, document, &error), -1);
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_NOT_FOUND);
}

static char *address_of(state *db, const char *id) {
    cleanup_json json_t *address = state_address_take(db, "default", id, NULL, NULL);
    assert_non_null(address);
    assert_int_equal(strlen(json_string_value(json_object_get(address, "mac"))), 17);
    return strdup(json_string_value(json_object_get(address, "address")));
}

static void test_address(void **test) {
    cleanup_state state *db = open_state(test);
    insert(db, ID_A, "web", NULL);
    insert(db, ID_B, "db", NULL);
    cleanup_free char *first = address_of(db, ID_A);
    cleanup_free char *second = address_of(db, ID_B);
    cleanup_free char *again = address_of(db, ID_A);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    assert_int_equal(state_container_delete(db, ID_A, NULL), 0);
    insert(db, ID_A, "third", NULL);
    cleanup_free char *reused = address_of(db, ID_A);
    assert_string_equal(first, reused);
    assert_null(state_address_take(db, "nowhere", ID_A, NULL, NULL));
}

static void test_addresses_run_out(void **test) {
    cleanup_state state *db = open_state(test);
    assert_int_equal(state_begin(db, NULL), 0);
    for (int i = 0; i <= 253; i++) {
        char id[80], name[16];
        snprintf(id, sizeof id, "%064x", i);
        snprintf(name, sizeof name, "c%d", i);
        insert(db, id, name, NULL);
        cleanup_error holm_error *error = NULL;
        cleanup_json json_t *address = state_address_take(db, "default", id, NULL, &error);
        assert_true(i < 253 ? address != NULL : holm_error_code_of(error) == HOLM_ERROR_LIMIT);
    }
    assert_int_equal(state_end(db, true, NULL), 0);
}

static void test_events(void **test) {
    cleanup_state state *db = open_state(test);
    int64_t last = -1;
    json_decref(state_event_list(db, -1, 10, &last, NULL));
    assert_int_equal(last, 0);
    cleanup_json json_t *attributes = json_pack("{s:i}", "exitCode", 7);
    assert_int_equal(state_event_add(db, "container", "start", ID_A, "web", NULL, NULL), 0);
    assert_int_equal(state_event_add(db, "container", "die", ID_A, "web", attributes, NULL), 0);
    cleanup_json json_t *events = state_event_list(db, 0, 10, &last, NULL);
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(last, 2);
    json_t *die = json_array_get(events, 1);
    assert_string_equal(json_string_value(json_object_get(die, "action")), "die");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(die, "attributes"), "exitCode")), 7);
    cleanup_json json_t *later = state_event_list(db, last, 10, &last, NULL);
    assert_int_equal(json_array_size(later), 0);
    assert_int_equal(last, 2);
    cleanup_free char *announced = path_join(*test, "state/events", NULL);
    struct stat status;
    assert_int_equal(stat(announced, &status), 0);
}

static void test_events_are_bounded(void **test) {
    cleanup_state state *db = open_state(test);
    assert_int_equal(state_begin(db, NULL), 0);
    for (int i = 0; i < 10200; i++)
        assert_int_equal(state_event_add(db, "container", "start", "", "", NULL, NULL), 0);
    assert_int_equal(state_end(db, true, NULL), 0);
    cleanup_json json_t *events = state_event_list(db, 0, 100000, NULL, NULL);
    assert_int_equal(json_array_size(events), 10000);
}

static void test_newer_schema_is_refused(void **test) {
    state_close(open_state(test));
    cleanup_free char *path = path_join(*test, "state/state.db", NULL);
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    cleanup_error holm_error *error = NULL;
    assert_null(state_open(*test, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_UNSUPPORTED);
    assert_non_null(strstr(holm_error_message(error), "99"));
}

// A container of the third schema had "addresses", each with its "network".
static void test_addresses_become_networks(void **test) {
    cleanup_state state *db = open_state(test);
    insert(db, ID_A, "web", NULL);
    insert(db, ID_B, "db", NULL);
    cleanup_json json_t *old =
        json_pack("{s:[{s:s, s:s}], s:n}", "addresses", "network", "back", "address", "10.9.0.2", "networks");
    assert_int_equal(state_container_update(db, ID_A, NULL, old, NULL), 0);
    state_close(steal_pointer(&db));
    cleanup_free char *path = path_join(*test, "state/state.db", NULL);
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, WITHOUT_SCHEMA_5 "PRAGMA user_version=3", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(raw);
    db = state_open(*test, NULL);
    cleanup_json json_t *web = state_container_get(db, "web", NULL),
                        *other = state_container_get(db, "db", NULL);
    cleanup_json json_t *wanted = json_pack("[{s:s, s:s}]", "name", "back", "address", "10.9.0.2");
    const json_t *status = json_object_get(web, "status");
    assert_true(json_equal(json_object_get(status, "networks"), wanted));
    assert_null(json_object_get(status, "addresses"));
    assert_null(json_object_get(json_object_get(other, "status"), "networks"));
}

// The default network gets IPv6, for it cannot be made anew; others stay as they are, and so do places on it.
static void test_default_network_gets_ip6(void **test) {
    static const char before[] =
        WITHOUT_SCHEMA_5 "UPDATE networks SET document = json_remove(document, '$.configuration.subnetV6',"
                         "  '$.status.gatewayV6', '$.configuration.driver'); PRAGMA user_version=4;";
    state *older = open_state(test);
    cleanup_json json_t *asked = json_pack("{s:s}", "name", "other");
    insert(older, ID_A, "web", NULL);
    json_decref(state_network_create(older, asked, NULL));
    json_decref(state_address_take(older, "default", ID_A, NULL, NULL));
    assert_int_equal(sqlite3_exec(older->database, before, NULL, NULL, NULL), SQLITE_OK);
    state_close(older);
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *usual = state_network_get(db, "default", NULL),
                        *other = state_network_get(db, "other", NULL),
                        *place = state_address_take(db, "default", ID_A, NULL, NULL);
    const char *text =
        json_string_value(json_object_get(json_object_get(usual, "configuration"), "subnetV6"));
    const char *gateway = json_string_value(json_object_get(json_object_get(usual, "status"), "gatewayV6"));
    subnet of;
    char same[SUBNET_TEXT];
    assert_true(text && subnet_parse(text, AF_INET6, &of));
    assert_int_equal(of.base[0], 0xfd);
    assert_string_equal(subnet_text(&of, same), text);
    assert_string_equal(subnet_host(&of, 1, same), gateway);
    const json_t *configuration = json_object_get(other, "configuration");
    assert_null(json_object_get(configuration, "subnetV6"));
    assert_string_equal(json_string_value(json_object_get(configuration, "driver")), "user");
    assert_null(json_object_get(place, "addressV6"));
    insert(db, ID_B, "db", NULL);
    cleanup_json json_t *next = state_address_take(db, "default", ID_B, NULL, NULL);
    assert_string_equal(json_string_value(json_object_get(next, "addressV6")), subnet_host(&of, 3, same));
}

static void test_garbage_is_refused(void **test) {
    cleanup_free char *folder = path_join(*test, "state", NULL);
    cleanup_free char *path = path_join(folder, "state.db", NULL);
    assert_int_equal(path_make_directories(folder, NULL), 0);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 4096; i++)
        fputc('x', file);
    fclose(file);
    cleanup_error holm_error *error = NULL;
    assert_null(state_open(*test, &error));
    assert_int_equal(holm_error_code_of(error), HOLM_ERROR_INTEGRITY);
}

// Each command opens and closes it, and nobody else has it open.
static void test_log_stays_short(void **test) {
    cleanup_free char *path = path_join(*test, "state/state.db-wal", NULL);
    struct stat status;
    off_t most = 0;
    for (int i = 0; i < 300; i++) {
        cleanup_state state *db = open_state(test);
        assert_int_equal(state_event_add(db, "container", "create", ID_A, "one", NULL, NULL), 0);
        assert_int_equal(stat(path, &status), 0);
        most = status.st_size > most ? status.st_size : most;
    }
    assert_in_range(most, 1, 2 << 20);
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *events = state_event_list(db, 0, 1000, NULL, NULL);
    assert_int_equal(json_array_size(events), 300);
}

static void test_network_file_systems_are_known(void **test) {
    (void)test;
    assert_string_equal(state_network_file_system(0x6969), "NFS");
    assert_string_equal(state_network_file_system((long)0xff534d42), "CIFS");
    assert_null(state_network_file_system(0xef53));     // ext4
    assert_null(state_network_file_system(0x01021994)); // tmpfs
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_container),
        TEST(test_name_is_unique),
        TEST(test_ambiguous_prefix),
        TEST(test_inner_step_alone_is_undone),
        TEST(test_image),
        TEST(test_index),
        TEST(test_image_stays_unpacked),
        TEST(test_names_of_schema_2),
        TEST(test_container_of_missing_image),
        TEST(test_address),
        TEST(test_addresses_run_out),
        TEST(test_events),
        TEST(test_events_are_bounded),
        TEST(test_addresses_become_networks),
        TEST(test_newer_schema_is_refused),
        TEST(test_default_network_gets_ip6),
        TEST(test_log_stays_short),
        TEST(test_garbage_is_refused),
        TEST(test_network_file_systems_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
