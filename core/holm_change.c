// What changes in a container's row where it is at rest, and is asked of its shim where that lives.
#include "core/holm_internal.h"

static int change_at_rest(holm_request *self, state *db, holm_error **error) {
    cleanup_error holm_error *cause = NULL;
    if (holm_request_look_up(self, db, error) < 0)
        return -1;
    if (self->alive)
        return 0;
    const char *id = holm_document_id(self->document);
    const holm_change *what = self->plan;
    int result = what->at_rest(self, db, id, &cause);
    if (result < 0 && holm_error_code_of(cause) == HOLM_ERROR_IN_USE &&
        container_is_alive(&self->handle.client->where, id)) {
        self->alive = true; // started a moment ago
        return 0;
    }
    if (result < 0) {
        holm_error_propagate(error, steal_pointer(&cause));
        return -1;
    }
    self->result = state_container_get(db, id, error);
    return self->result ? 0 : -1;
}

static int read_changed(holm_request *self, state *db, holm_error **error) {
    self->result = state_container_get(db, holm_document_id(self->document), error);
    return self->result ? 0 : -1;
}

void holm_change_done(holm_request *self, const ProtobufCMessage *answer) {
    (void)answer;
    holm_request_work(self, read_changed, holm_request_finish);
}

static void change_if_alive(holm_request *self);

// Its shim is gone: it has ended, or the next one has it now. Only once.
static void change_again(holm_request *self) {
    rpc_connection_destroy(steal_pointer(&self->connection));
    self->asked_again = true;
    holm_request_work(self, change_at_rest, change_if_alive);
}

static void change_if_alive(holm_request *self) {
    const holm_change *what = self->plan;
    if (self->result)
        holm_request_finish(self);
    else
        what->ask(self, self->asked_again ? NULL : change_again);
}

void holm_request_change(holm_request *self, const holm_change *what) {
    self->plan = what;
    holm_request_work(self, change_at_rest, change_if_alive);
}
