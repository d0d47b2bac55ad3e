// What the files of the made-up libholm share: the client with its data, and answers that come from the loop.
#pragma once

#include "tests/tui/fake/fake_holm.h"

struct holm_client {
    uv_loop_t *loop;
    json_t *containers, *images, *networks, *volumes;
    holm_watch *watches;
    uv_signal_t *removal; ///< SIGUSR2: another process removes the first container
    int next_id;
};

struct holm_watch {
    holm_client *client;
    enum { WATCH_EVENTS, WATCH_STATS, WATCH_TASKS, WATCH_PULL } kind;
    holm_watch_item item;
    holm_watch_ended ended;
    void *data;
    uv_timer_t timer;
    json_t *task;
    unsigned steps;
    bool closed;
    holm_watch *next;
};

/// Calls back from the loop after so many milliseconds; owns result and error.
void fake_reply(holm_client *client, json_t *result, holm_error *error, uint64_t delay, holm_done done,
                void *data);
/// For what the dashboard does not ask for, but the table's commands link.
void fake_refuse(holm_client *client, holm_done done, void *data);
/// Whether HOLM_FAKE_LOST names a file that is there: lists and events fail; and the error.
bool fake_lost(void);
holm_error *fake_loss(void);
/// What a prune that found nothing but so many bytes answers.
void fake_cancel_pull(holm_client *client, const char *task);
json_t *fake_pruned(json_int_t bytes);
/// Tells the watches of events that something of this kind has changed.
void fake_announce(holm_client *client, const char *kind);
holm_watch *fake_watch_new(holm_client *client, int kind, holm_watch_item item, holm_watch_ended ended,
                           void *data);
int64_t fake_now_ns(void);
