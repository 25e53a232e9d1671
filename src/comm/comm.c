/*
 * Ranks and messages. A rank's messages to itself never leave this file, so
 * that one process is leader and worker with the code that N ranks run; those
 * to others go through the transport, which a single process does not have.
 */
#include "isogloss/comm.h"

#include "transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct parcel {
    struct parcel *next;
    size_t n;
    unsigned char data[];
} parcel;

struct isg_comm {
    int rank, size;
    isg_transport *transport; /* NULL: a single process */
    parcel *first, **last;    /* messages to ourselves, oldest first */
    bool others_first;        /* whose turn it is, so that neither source starves */
};

bool isg_comm_launched(void)
{
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", NULL};
    for (const char *const *m = marks; *m; m++) {
        if (getenv(*m)) return true;
    }
    return false;
}

isg_err isg_comm_open_alone(isg_comm **out)
{
    isg_comm *comm = calloc(1, sizeof *comm);
    *out = comm;
    if (!comm) return ISG_FAIL(ISG_ENOMEM, "out of memory");
    comm->size = 1;
    comm->last = &comm->first;
    return ISG_OK;
}

isg_err isg_comm_open(isg_comm **out)
{
    isg_comm *comm;
    *out = NULL;
    ISG_TRY(isg_comm_open_alone(&comm));
    if (isg_comm_launched()) {
        isg_err rc = isg_transport_open(&comm->transport, &comm->rank, &comm->size);
        if (rc) {
            free(comm);
            return rc;
        }
    }
    *out = comm;
    return ISG_OK;
}

void isg_comm_close(isg_comm **comm, bool orderly)
{
    isg_comm *c = *comm;
    if (!c) return;
    while (c->first) {
        parcel *p = c->first;
        c->first = p->next;
        free(p);
    }
    if (c->transport) isg_transport_close(&c->transport, orderly);
    free(c);
    *comm = NULL;
}

int isg_comm_rank(const isg_comm *comm)
{
    return comm->rank;
}

int isg_comm_size(const isg_comm *comm)
{
    return comm->size;
}

bool isg_comm_is_mpi(const isg_comm *comm)
{
    return comm->transport != NULL;
}

isg_err isg_comm_agree(isg_comm *comm, isg_err rc)
{
    char text[512] = "";
    int worst = (int)rc, who = comm->rank;

    if (!comm->transport) return rc;
    ISG_TRY(isg_transport_max(comm->transport, &worst, &who));
    if (worst == ISG_OK) return ISG_OK;
    if (who == comm->rank) {
        size_t n = strnlen(isg_err_message(), sizeof text - 1);
        memcpy(text, isg_err_message(), n);
    }
    ISG_TRY(isg_transport_spread(comm->transport, who, text, (int)sizeof text));
    if (who == comm->rank) return rc;
    return ISG_FAIL((isg_err)worst, "rank %d: %s", who, text);
}

isg_err isg_comm_min_int(isg_comm *comm, int *value)
{
    int negative = -*value, who;
    if (!comm->transport) return ISG_OK;
    ISG_TRY(isg_transport_max(comm->transport, &negative, &who));
    *value = -negative;
    return ISG_OK;
}

static isg_err keep(isg_comm *comm, const void *data, size_t n)
{
    parcel *p = malloc(sizeof *p + n);
    if (!p) return ISG_FAIL(ISG_ENOMEM, "out of memory for a message of %zu bytes", n);
    p->next = NULL;
    p->n = n;
    if (n) memcpy(p->data, data, n);
    *comm->last = p;
    comm->last = &p->next;
    return ISG_OK;
}

static bool take_own(isg_comm *comm, int *from, void *data, size_t *n)
{
    parcel *p = comm->first;
    if (!p) return false;
    *from = comm->rank;
    *n = p->n;
    memcpy(data, p->data, p->n);
    comm->first = p->next;
    if (!comm->first) comm->last = &comm->first;
    free(p);
    return true;
}

isg_err isg_comm_send(isg_comm *comm, int to, const void *data, size_t n)
{
    assert(n <= ISG_COMM_MAX_BYTES && to >= 0 && to < comm->size);
    if (to == comm->rank) return keep(comm, data, n);
    return isg_transport_send(comm->transport, to, data, n);
}

isg_err isg_comm_poll(isg_comm *comm, int *from, void *data, size_t *n, bool *got)
{
    comm->others_first = comm->transport && !comm->others_first;
    *got = !comm->others_first && take_own(comm, from, data, n);
    if (*got || !comm->transport) return ISG_OK;
    ISG_TRY(isg_transport_poll(comm->transport, from, data, n, got));
    if (!*got && comm->others_first) *got = take_own(comm, from, data, n);
    return ISG_OK;
}

size_t isg_comm_unsent(const isg_comm *comm)
{
    return comm->transport ? isg_transport_unsent(comm->transport) : 0;
}
