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
# A sweep of three settings in mixtures of K languages: further variables, groupings, envelopes.
awk 'BEGIN {
    srand(8); print "run_id,N_params,D_tokens,tokens_de,n_languages,eval_language,lr,loss"
    for (i = 0; i < 40; i++) {
        k = 2 ^ (i % 4); n = 1e7 * 3 ^ (i % 5); d = 1e9 * (1 + int(i / 4)); de = d / k
        for (lr = 1; lr <= 4; lr *= 2) {
            loss = 1.8 + 480 * k ^ .1 / n ^ .35 + 2100 / de ^ .37 * k ^ -.05 + .01 * (lr - 2) ^ 2
            printf "r%02d-%d,%.6g,%.6g,%.6g,%d,de,%d,%.9f\n", i, lr, n, d, de, k, lr, loss * (1 + .01 * (rand() - .5))
        }
    }
}' >"$dir/sweep.csv"
{ head -1 "$dir/sweep.csv"; tail -n +2 "$dir/sweep.csv" | sort -t, -k8; } >"$dir/sorted.csv"
sweep=(--law curse --best-over lr --bootstrap 100 --json)
args=(fit "$dir/runs.csv" --pool --bootstrap 500 --json)
groups=(fit "$dir/runs.csv" --by family --bootstrap 100 --json)

"$ISOGLOSS" "${args[@]}" >"$dir/alone" || say "one process fails"
"$ISOGLOSS" "${groups[@]}" >"$dir/alone.by" || say "one process fails with --by"
grep -q '"converged": 500' "$dir/alone" || say "not every refit converged: nothing to compare"
for ranks in 1 2 3 5; do
    timeout 60 mpirun -n $ranks "$ISOGLOSS" "${args[@]}" >"$dir/ranks" || say "$ranks ranks fail"
    cmp "$dir/alone" "$dir/ranks" || say "$ranks ranks give other bytes"
done
check=(fit "$dir/runs.csv" --pool --bootstrap 60 --check=20 --json)
"$ISOGLOSS" "${check[@]}" >"$dir/alone.check" || say "one process fails with --check"
timeout 60 mpirun -n 3 "$ISOGLOSS" "${check[@]}" >"$dir/ranks" || say "3 ranks fail with --check"
cmp "$dir/alone.check" "$dir/ranks" || say "3 ranks give other bytes with --check"
timeout 60 mpirun -n 3 "$ISOGLOSS" "${groups[@]}" >"$dir/ranks" || say "3 ranks fail with --by"
cmp "$dir/alone.by" "$dir/ranks" || say "3 ranks give other bytes with --by"
"$ISOGLOSS" fit "$dir/sweep.csv" "${sweep[@]}" >"$dir/sweep" || say "a sweep fails"
grep -q '"runs": 120' "$dir/sweep" || say "the sweep has not 120 runs"
timeout 60 mpirun -n 3 "$ISOGLOSS" fit "$dir/sweep.csv" "${sweep[@]}" >"$dir/ranks" || say "3 ranks fail on a sweep"
cmp "$dir/sweep" "$dir/ranks" || say "3 ranks give other bytes of a sweep"
"$ISOGLOSS" fit "$dir/sorted.csv" "${sweep[@]}" | sed 's/sorted.csv/sweep.csv/; /sha256/d' >"$dir/ranks"
sed /sha256/d "$dir/sweep" | cmp - "$dir/ranks" || say "shuffled rows give other bytes of a sweep"
for level in generic-2 avx2-2; do
    grep -q avx2 /proc/cpuinfo || [ $level = generic-2 ] || continue
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
