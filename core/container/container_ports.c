// The ports of the host that lead into a container, in state.db: asked for with its creation, more and fewer
// later.
#include <string.h>

#include "core/container/container_internal.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static const json_t *list_of(const json_t *document, const char *part) {
    return json_object_get(json_object_get(document, part), "ports");
}

// Whether `asked` means a port, which the last time became `chosen`.
static bool is_meant(const json_t *port, const json_t *chosen, const json_t *asked) {
    const char *address = text_of(asked, "hostAddress"), *protocol = text_of(asked, "protocol");
    json_int_t host = number_of(asked, "hostPort");
    return number_of(port, "containerPort") == number_of(asked, "containerPort") &&
           strcmp(text_of(port, "protocol"), *protocol ? protocol : "tcp") == 0 &&
           (!*address || strcmp(text_of(port, "hostAddress"), address) == 0) &&
           (!host || number_of(port, "hostPort") == host || number_of(chosen, "hostPort") == host);
}

// A shim that was killed may have left other ports in the status than in the configuration.
json_t *container_ports_chosen(const json_t *document) {
    json_t *chosen = json_array(), *last = json_array(), *port;
    size_t index, at;
    json_array_extend(last, (json_t *)list_of(document, "status"));
    json_array_foreach (list_of(document, "configuration"), index, port) {
        json_t *each, *found = NULL;
        json_array_foreach (last, at, each)
            if (is_meant(port, each, each)) {
                found = json_incref(json_object_get(each, "hostPort"));
                json_array_remove(last, at);
                break;
            }
        json_array_append_new(chosen, found ? found : json_integer(0));
    }
    json_decref(last);
    return chosen;
}

// ---- one more, one less: both change `ports` and `chosen`, which are beside each other ----

static int add(const json_t *document, json_t *ports, const json_t *asked, holm_error **error) {
    if (json_array_size(json_object_get(json_object_get(document, "status"), "networks")) == 0) {
        holm_error_set(error, HOLM_ERROR_INVALID, "a container without a network can publish no ports");
        return -1;
    }
    json_array_extend(ports, (json_t *)asked);
    return configuration_complete_port_list(ports, NULL, error);
}

static int remove_meant(const json_t *document, json_t *ports, json_t *chosen, const json_t *asked,
                        holm_error **error) {
    bool found = false;
    for (size_t i = json_array_size(ports); i-- > 0;) {
        if (!is_meant(json_array_get(ports, i), json_array_get(chosen, i), asked))
            continue;
        json_array_remove(ports, i);
        json_array_remove(chosen, i);
        found = true;
    }
    if (found)
        return 0;
    const char *protocol = text_of(asked, "protocol");
    holm_error_set(error, HOLM_ERROR_NOT_FOUND, "the port %d/%s of %s is not published%s",
                   (int)number_of(asked, "containerPort"), *protocol ? protocol : "tcp",
                   text_of(json_object_get(document, "configuration"), "name"),
                   number_of(asked, "hostPort") || *text_of(asked, "hostAddress") ? " so" : "");
    return -1;
}

static int change(const json_t *document, const json_t *asked, bool adds, json_t *ports, json_t *chosen,
                  holm_error **error) {
    if (adds)
        return add(document, ports, asked, error);
    size_t index;
    json_t *each;
    json_array_foreach ((json_t *)asked, index, each)
        if (remove_meant(document, ports, chosen, each, error) < 0)
            return -1;
    return 0;
}

// The configuration's ports as they were the last time.
static json_t *last_of(const json_t *document) {
    json_t *chosen = container_ports_chosen(document), *port;
    json_t *last = json_deep_copy(list_of(document, "configuration"));
    size_t index;
    json_array_foreach (last, index, port)
        json_object_set(port, "hostPort", json_array_get(chosen, index));
    json_decref(chosen);
    return last;
}

static int write_lists(state *db, const char *id, json_t *ports, json_t *chosen, holm_error **error) {
    json_t *configuration = json_pack("{s:O}", "ports", ports);
    json_t *status = json_pack("{s:O*}", "ports", chosen);
    int result = state_container_configure(db, id, configuration, error) < 0 ||
                         (chosen && state_container_update(db, id, NULL, status, error) < 0)
                     ? -1
                     : 0;
    json_decref(configuration);
    json_decref(status);
    return result;
}

int container_ports_change(state *db, const char *id, const json_t *asked, bool adds, bool at_rest,
                           json_t **before, json_t **now, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error);
    json_t *ports = json_deep_copy(list_of(document, "configuration")), *chosen = last_of(document);
    bool done =
        document && change(document, asked, adds, ports, chosen, error) == 0 &&
        write_lists(db, id, ports, at_rest && list_of(document, "status") ? chosen : NULL, error) == 0 &&
        (!at_rest || container_ports_tell(db, document, adds, error) == 0);
    done = state_end(db, done, done ? error : NULL) == 0 && done;
    if (done && before)
        *before = json_incref(json_object_get(json_object_get(document, "configuration"), "ports"));
    if (done && now)
        *now = json_incref(ports);
    json_decref(document);
    json_decref(ports);
    json_decref(chosen);
    return done ? 0 : -1;
}

int container_ports_tell(state *db, const json_t *document, bool adds, holm_error **error) {
    return state_event_add(db, "container", adds ? "publish" : "unpublish", text_of(document, "id"),
                           text_of(json_object_get(document, "configuration"), "name"), NULL, error);
}

int container_ports_opened(state *db, const char *id, json_t *chosen, bool adds, holm_error **error) {
    if (state_begin(db, error) < 0)
        return -1;
    json_t *document = state_container_get(db, id, error), *status = json_pack("{s:O}", "ports", chosen);
    bool done = document && state_container_update(db, id, NULL, status, error) == 0 &&
                container_ports_tell(db, document, adds, error) == 0;
    json_decref(document);
    json_decref(status);
    return state_end(db, done, done ? error : NULL) == 0 && done ? 0 : -1;
}

int container_ports_restore(state *db, const char *id, json_t *before, holm_error **error) {
    return write_lists(db, id, before, NULL, error);
}

int container_ports_change_at_rest(const paths *where, state *db, const char *id, const json_t *asked,
                                   bool adds, holm_error **error) {
    cleanup_close int lock = container_hold_at_rest(where, db, id, error);
    return lock < 0 ? -1 : container_ports_change(db, id, asked, adds, true, NULL, NULL, error);
}
