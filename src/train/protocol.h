#ifndef ISG_TRAIN_PROTOCOL_H
#define ISG_TRAIN_PROTOCOL_H

/** The trainer's side of the protocol: orders in as lines, events out as lines. */

#include "isogloss/json.h"
#include "isogloss/str.h"

#include <stdbool.h>

/** Orders received and not yet obeyed. */
typedef struct isg_inbox {
    int fd;
    isg_str text; /**< bytes after the last whole line */
    json_t *runs; /**< array: values of "run", oldest first */
    bool stop;    /**< the current run shall write a checkpoint and end */
    bool quit;    /**< take the orders at hand, then leave (also: end of file) */
    bool ended;   /**< end of file: nothing more will come */
} isg_inbox;

isg_err isg_inbox_open(int fd, isg_inbox *out);
void isg_inbox_close(isg_inbox *inbox);

/**
 * Take in what has arrived; with `wait`, sleep until there is something.
 * @return ISG_EPROTO for a line that is no order, or longer than 1 MiB
 */
isg_err isg_inbox_poll(isg_inbox *inbox, bool wait);

/** The oldest run ordered; NULL if there is none. New reference. */
json_t *isg_inbox_take_run(isg_inbox *inbox);

/** What this trainer is: the event `hello`. New reference. */
isg_err isg_hello_json(size_t threads, json_t **out);

/** Write one event (stolen reference, NULL for out of memory) as a line on stdout. */
isg_err isg_event_send(json_t *event);

#endif
