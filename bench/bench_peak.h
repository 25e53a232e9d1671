#ifndef ISG_BENCH_PEAK_H
#define ISG_BENCH_PEAK_H

/**
 * What a loop of independent double fused multiply-adds reaches on this core with the widest
 * vectors of `numerics` [flop/s]: the best of some short tries in CPU time.
 */
double isg_bench_fma_peak(const char *numerics);

#endif
