#ifndef ISOGLOSS_COMM_SIBLINGS_H
#define ISOGLOSS_COMM_SIBLINGS_H

/** Ranks that mpirun started on this host, before MPI knows them. */

#include <stdbool.h>

/** True if fewer live than were started; false if that cannot be told (no mpirun above us). */
bool isg_siblings_missing(void);

#endif
