// state.db, many processes at once: nothing is lost, given twice, or locked; kill -9 within a transaction
// harms nobody.
#include "state_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/store/state_internal.h"

#define WRITERS 50
#define ROUNDS  10

// One writer: containers with addresses, status changes, events; all from its own handle. 0 when all went
// well.
static int write_much(const char *folder, int writer) {
    cleanup_state state *db = state_open(folder, NULL);
    if (!db)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        char id[80], name[32];
        snprintf(id, sizeof id, "%032x%032x", writer, round);
        snprintf(name, sizeof name, "c-%d-%d", writer, round);
        cleanup_json json_t *document = container_document(id, name, NULL);
        cleanup_json json_t *changes = json_pack("{s:s}", "state", "exited");
        cleanup_json json_t *address = NULL;
        if (state_container_insert(db, document, NULL) < 0 ||
            (round == 0 && !(address = state_address_take(db, "default", id, NULL, NULL))) ||
            state_container_update(db, id, "created", changes, NULL) < 0 ||
            state_event_add(db, "container", "create", id, name, NULL, NULL) < 0)
            return 2;
    }
    return 0;
}

static void test_many_writers(void **test) {
    pid_t writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0)
            _exit(write_much(*test, i));
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    cleanup_state state *db = open_state(test);
    cleanup_json json_t *all = state_container_list(db, true, NULL);
    assert_int_equal(json_array_size(all), WRITERS * ROUNDS);
    cleanup_json json_t *events = state_event_list(db, 0, 100000, NULL, NULL);
    assert_int_equal(json_array_size(events), WRITERS * ROUNDS);
    cleanup_statement sqlite3_stmt *statement =
        state_prepare(db, NULL, "SELECT count(DISTINCT host), max(host) FROM addresses", "");
    assert_int_equal(state_step(db, statement, NULL), 1);
    assert_int_equal(sqlite3_column_int(statement, 0), WRITERS);
    assert_int_equal(sqlite3_column_int(statement, 1), WRITERS + 1);
}

static void one_name_many_want(const char *folder, int result) {
    cleanup_state state *db = state_open(folder, NULL);
    char id[80];
    snprintf(id, sizeof id, "%064x", (unsigned)getpid());
    cleanup_json json_t *document = container_document(id, "wanted", NULL);
    char won = db && state_container_insert(db, document, NULL) == 0;
    if (write(result, &won, 1) != 1)
        abort();
    _exit(0);
}

static void test_one_name_for_one(void **test) {
    int results[2];
    assert_int_equal(pipe(results), 0);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0)
            one_name_many_want(*test, results[1]);
    int winners = 0;
    for (int i = 0; i < WRITERS; i++) {
        char won;
        assert_int_equal(read(results[0], &won, 1), 1);
        winners += won;
        wait(NULL);
    }
    close(results[0]);
    close(results[1]);
    assert_int_equal(winners, 1);
}

// Dies by SIGKILL within a transaction that has written.
static void die_writing(const char *folder) {
    state *db = state_open(folder, NULL);
    cleanup_json json_t *document = container_document("dead", "dead", NULL);
    if (db && state_begin(db, NULL) == 0 && state_container_insert(db, document, NULL) == 0)
        raise(SIGKILL);
    _exit(1);
}

static void test_killed_while_writing(void **test) {
    state_close(open_state(test));
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0)
            die_writing(*test);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        cleanup_state state *db = open_state(test);
        cleanup_json json_t *before = state_container_list(db, true, NULL);
        assert_int_equal(json_array_size(before), i);
        char id[80], name[16];
        snprintf(id, sizeof id, "%064x", i);
        snprintf(name, sizeof name, "c%d", i);
        cleanup_json json_t *document = container_document(id, name, NULL);
        assert_int_equal(state_container_insert(db, document, NULL), 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

static void *open_once(void *folder) {
    holm_error *error = NULL;
    state *db = state_open(folder, &error);
    char *problem = db ? NULL : strdup(holm_error_message(error));
    holm_error_free(error);
    state_close(db);
    return problem;
}

// Whoever comes first makes it, with the others already looking.
static void test_made_by_many(void **test) {
    for (int round = 0; round < 30; round++) {
        char *folder = NULL;
        assert_true(asprintf(&folder, "%s/round%d", (char *)*test, round) > 0);
        pthread_t threads[6];
        for (size_t i = 0; i < array_length(threads); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, open_once, folder), 0);
        for (size_t i = 0; i < array_length(threads); i++) {
            void *problem;
            pthread_join(threads[i], &problem);
            if (problem)
                fail_msg("%s", (char *)problem);
        }
        free(folder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_many_writers),
        TEST(test_one_name_for_one),
        TEST(test_killed_while_writing),
        TEST(test_made_by_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
