#ifndef ISG_RUN_LIMIT_H
#define ISG_RUN_LIMIT_H

/** How long this job may still run. */

/**
 * @param asked_s  --time-limit [s], 0: not given
 * @return seconds from now: the shorter of what was asked and what Slurm says
 * ($SLURM_JOB_END_TIME, else squeue, asked for at most 10 s); INFINITY: no limit
 */
double isg_time_left(double asked_s);

#endif
