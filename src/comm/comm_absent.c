/* Built without MPI: only the single process of comm.c remains. */
#include "transport.h"

isg_err isg_transport_open(isg_transport **out, int *rank, int *size)
{
    *out = NULL;
    *rank = 0;
    *size = 1;
    return ISG_FAIL(ISG_EABSENT,
                    "started by an MPI launcher, but built without MPI: start it without "
                    "mpirun, or build with -DISOGLOSS_MPI=ON");
}

void isg_transport_close(isg_transport **transport, bool orderly)
{
    (void)orderly;
    *transport = NULL;
}

isg_err isg_transport_send(isg_transport *t, int to, const void *data, size_t n)
{
    (void)t;
    (void)data;
    return ISG_FAIL(ISG_EABSENT, "no rank %d for a message of %zu bytes: built without MPI", to, n);
}

isg_err isg_transport_poll(isg_transport *t, int *from, void *data, size_t *n, bool *got)
{
    (void)t;
    (void)from;
    (void)data;
    *n = 0;
    *got = false;
    return ISG_OK;
}

size_t isg_transport_unsent(const isg_transport *t)
{
    (void)t;
    return 0;
}

isg_err isg_transport_max(isg_transport *t, int *value, int *rank)
{
    (void)t;
    (void)value;
    *rank = 0;
    return ISG_OK;
}

isg_err isg_transport_spread(isg_transport *t, int root, void *data, int n)
{
    (void)t;
    (void)root;
    (void)data;
    (void)n;
    return ISG_OK;
}
