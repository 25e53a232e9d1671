#ifndef ISOGLOSS_COMM_SEGMENTS_H
#define ISOGLOSS_COMM_SEGMENTS_H

/**
 * Files of Open MPI's shared-memory transport in /dev/shm. It removes them in
 * MPI_Finalize only, so killed jobs would leave 4 MB each, for ever.
 */

/** Unlink the files this process has mapped (all local peers must have, too). */
void isg_segments_unlink_own(void);

/**
 * Just before MPI_Finalize: an empty file in place of this rank's own one, which
 * MPI would else complain not to find.
 */
void isg_segments_put_back(int rank);

/** Unlink this user's files on this host that no process has mapped. */
void isg_segments_clear_dead(void);

#endif
