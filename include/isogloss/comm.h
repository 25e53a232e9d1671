#ifndef ISOGLOSS_COMM_H
#define ISOGLOSS_COMM_H

/**
 * Ranks and short messages. Two implementations of one table: MPI, and a
 * single process (rank 0 of 1) that needs no MPI library at run time.
 *
 * After start-up nothing here is collective: dead ranks must not hang others.
 */

#include "isogloss/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { ISG_COMM_MAX_BYTES = 4096 }; /**< largest message */

typedef struct isg_comm isg_comm;

/** True if a launcher (mpirun, srun) started this process as part of a job. */
bool isg_comm_launched(void);

/**
 * Join the job if there is one (MPI_Init), else a single process.
 * Collective: all ranks of the job. @return ISG_OK; ISG_EMPI; ISG_EABSENT when
 * launched by mpirun but built without MPI.
 */
isg_err isg_comm_open(isg_comm **out);

/** A single process, whatever launched it. Collective: no. */
isg_err isg_comm_open_alone(isg_comm **out);

/**
 * Leave. If `orderly`, all ranks finalise together (with a limit); otherwise,
 * when ranks are known dead, leave without any collective call.
 */
void isg_comm_close(isg_comm **comm, bool orderly);

int isg_comm_rank(const isg_comm *comm);
int isg_comm_size(const isg_comm *comm);
bool isg_comm_is_mpi(const isg_comm *comm);

/** Start-up only. Worst code wins on every rank; the message travels with it. Collective: yes. */
isg_err isg_comm_agree(isg_comm *comm, isg_err rc);

/** Start-up only. Least value over ranks. Collective: yes. */
isg_err isg_comm_min_int(isg_comm *comm, int *value);

/**
 * Queue a message; returns at once. Bytes are copied. Messages between two
 * ranks arrive in order. A message to a dead rank is lost silently.
 * @param n  0 <= n <= ISG_COMM_MAX_BYTES
 */
isg_err isg_comm_send(isg_comm *comm, int to, const void *data, size_t n);

/** Take the next message if there is one. @param got false: nothing there. Never blocks. */
isg_err isg_comm_poll(isg_comm *comm, int *from, void *data /* [ISG_COMM_MAX_BYTES] */, size_t *n,
                      bool *got);

/** Messages of ours not yet handed to the network (a dead peer keeps them for ever). */
size_t isg_comm_unsent(const isg_comm *comm);

#endif
