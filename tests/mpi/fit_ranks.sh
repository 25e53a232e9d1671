#!/usr/bin/env bash
# The same bytes of a fit from one process and from 1, 2, 3 and 5 ranks, from every instruction set,
# and one error message, not five.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
say() { echo "fit_ranks: $*"; failed=$((failed + 1)); }

awk 'BEGIN {
    srand(7); print "run_id,family,N_params,D_tokens,loss"
    for (i = 0; i < 60; i++) {
        n = 1e7 * 10 ^ (3 * rand()); d = 1e9 * 10 ^ (2 * rand())
        printf "r%02d,%s,%.6g,%.6g,%.9f\n", i, i % 2 ? "x" : "y", n, d, (1.8 + 480 / n ^ .35 + 2100 / d ^ .37) * (1 + .01 * (rand() - .5))
    }
}' >"$dir/runs.csv"
args=(fit "$dir/runs.csv" --pool --bootstrap 500 --check=20 --json)
groups=(fit "$dir/runs.csv" --by family --bootstrap 100 --json)

"$ISOGLOSS" "${args[@]}" >"$dir/alone" || say "one process fails"
"$ISOGLOSS" "${groups[@]}" >"$dir/alone.by" || say "one process fails with --by"
grep -q '"converged": 500' "$dir/alone" || say "not every refit converged: nothing to compare"
for ranks in 1 2 3 5; do
    timeout 60 mpirun -n $ranks "$ISOGLOSS" "${args[@]}" >"$dir/ranks" || say "$ranks ranks fail"
    cmp "$dir/alone" "$dir/ranks" || say "$ranks ranks give other bytes"
done
timeout 60 mpirun -n 3 "$ISOGLOSS" "${groups[@]}" >"$dir/ranks" || say "3 ranks fail with --by"
cmp "$dir/alone.by" "$dir/ranks" || say "3 ranks give other bytes with --by"
for level in generic-1 avx2-1; do
    grep -q avx2 /proc/cpuinfo || [ $level = generic-1 ] || continue
    ISOGLOSS_NUMERICS=$level "$ISOGLOSS" "${args[@]}" >"$dir/isa" || say "$level fails"
    cmp "$dir/alone" "$dir/isa" || say "$level gives other bytes"
done

timeout 60 mpirun -n 3 "$ISOGLOSS" fit "$dir/runs.csv" >"$dir/out" 2>"$dir/err" && say "rows of two families are pooled"
[ "$(grep -c 'isogloss fit:' "$dir/err")" = 1 ] || { say "not one error message"; cat "$dir/err"; }
timeout 60 mpirun -n 3 "$ISOGLOSS" fit --help >"$dir/out" || say "no help"
[ "$(grep -c '^Usage:' "$dir/out")" = 1 ] || say "every rank prints the help"
timeout 60 mpirun -n 2 "$ISOGLOSS" fit "$dir/absent.csv" >"$dir/out" 2>"$dir/err" && say "an absent file is fitted"

echo "fit_ranks: $failed failed"
[ "$failed" = 0 ]
