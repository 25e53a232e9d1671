#include "protocol.h"

#include "isogloss/numerics.h"
#include "isogloss/recipe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_LIMIT = 1 << 20 };

isg_err isg_inbox_open(int fd, isg_inbox *out)
{
    *out = (isg_inbox){.fd = fd, .runs = json_array()};
    return out->runs ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for orders");
}

void isg_inbox_close(isg_inbox *inbox)
{
    isg_str_free(&inbox->text);
    json_decref(inbox->runs);
    *inbox = (isg_inbox){.fd = -1};
}

static isg_err take_order(isg_inbox *inbox, const char *line, size_t n)
{
    json_t *order;
    ISG_TRY(isg_json_parse(line, n, "order", &order));
    json_t *run = json_object_get(order, "run"), *stop = json_object_get(order, "stop");
    isg_err rc = ISG_OK;
    if (json_is_object(run)) {
        inbox->stop = false; /* a stop before was meant for the run before */
        if (json_array_append(inbox->runs, run))
            rc = ISG_FAIL(ISG_ENOMEM, "out of memory for orders");
    } else if (json_is_string(stop) && !strcmp(json_string_value(stop), "checkpoint")) {
        inbox->stop = true;
    } else if (json_is_true(json_object_get(order, "quit"))) {
        inbox->quit = true;
    } else {
        rc = ISG_FAIL(ISG_EPROTO,
                      "an order is {\"run\":{...}}, {\"stop\":\"checkpoint\"} or "
                      "{\"quit\":true}; got %.80s",
                      line);
    }
    json_decref(order);
    return rc;
}

/* Obey every whole line; keep the rest. */
static isg_err take_lines(isg_inbox *inbox)
{
    isg_err rc = ISG_OK;
    char *at = inbox->text.data, *end = at + inbox->text.len, *stop;
    while (!rc && (stop = memchr(at, '\n', (size_t)(end - at)))) {
        *stop = '\0';
        if (stop > at) rc = take_order(inbox, at, (size_t)(stop - at));
        at = stop + 1;
    }
    inbox->text.len = (size_t)(end - at);
    memmove(inbox->text.data, at, inbox->text.len);
    if (!rc && inbox->text.len > LINE_LIMIT)
        rc = ISG_FAIL(ISG_EPROTO, "an order longer than %d bytes", LINE_LIMIT);
    return rc;
}

isg_err isg_inbox_poll(isg_inbox *inbox, bool wait)
{
    struct pollfd p = {.fd = inbox->fd, .events = POLLIN};
    while (!inbox->ended) {
        int ready = poll(&p, 1, wait ? -1 : 0);
        if (ready < 0 && errno != EINTR)
            return ISG_FAIL(ISG_EIO, "cannot wait for orders: %s", strerror(errno));
        if (ready == 0) break;
        if (ready < 0) continue;

        ISG_TRY(isg_str_reserve(&inbox->text, 65536));
        ssize_t got = read(inbox->fd, inbox->text.data + inbox->text.len, 65536);
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            return ISG_FAIL(ISG_EIO, "cannot read orders: %s", strerror(errno));
        }
        if (got == 0) inbox->quit = inbox->ended = true;
        if (got > 0) {
            inbox->text.len += (size_t)got;
            ISG_TRY(take_lines(inbox));
            wait = false;
        }
    }
    return ISG_OK;
}

json_t *isg_inbox_take_run(isg_inbox *inbox)
{
    json_t *run = json_incref(json_array_get(inbox->runs, 0));
    if (run) json_array_remove(inbox->runs, 0);
    return run;
}

isg_err isg_hello_json(size_t threads, json_t **out)
{
    char numerics[32];
    ISG_TRY(isg_numerics_best(numerics));
    *out = json_pack("{s:s,s:i,s:s,s:s,s:b,s:i,s:s,s:s,s:I}", "event", "hello", "protocol", 1,
                     "trainer", "proxy-cpu", "version", ISG_PROXY_VERSION, "exact", 1, "lanes", 1,
                     "device", "cpu", "numerics", numerics, "threads", (json_int_t)threads);
    return *out ? ISG_OK : ISG_FAIL(ISG_ENOMEM, "out of memory for an event");
}

isg_err isg_event_send(json_t *event)
{
    char *line = event ? isg_json_line(event) : NULL;
    json_decref(event);
    if (!line) return ISG_FAIL(ISG_ENOMEM, "out of memory for an event");
    bool sent = fputs(line, stdout) >= 0 && fputc('\n', stdout) != EOF && !fflush(stdout);
    free(line);
    return sent ? ISG_OK : ISG_FAIL(ISG_EIO, "cannot write an event: %s", strerror(errno));
}
