#ifndef ISOGLOSS_COMM_TRANSPORT_H
#define ISOGLOSS_COMM_TRANSPORT_H

/** What carries messages between different ranks; comm.c keeps those of a rank to itself. */

#include "isogloss/comm.h"

typedef struct isg_transport isg_transport;

/**
 * Join the launched job. Collective: yes.
 * @return ISG_EABSENT in a build without MPI
 */
isg_err isg_transport_open(isg_transport **out, int *rank, int *size);

/** See isg_comm_close(). Collective if orderly. */
void isg_transport_close(isg_transport **transport, bool orderly);

isg_err isg_transport_send(isg_transport *t, int to, const void *data, size_t n);
isg_err isg_transport_poll(isg_transport *t, int *from, void *data, size_t *n, bool *got);
size_t isg_transport_unsent(const isg_transport *t);

/** Greatest of `value` over ranks and the first rank that has it. Collective: yes. */
isg_err isg_transport_max(isg_transport *t, int *value, int *rank);

/** Copy `n` bytes from `root` to all. Collective: yes. */
isg_err isg_transport_spread(isg_transport *t, int root, void *data, int n);

#endif
