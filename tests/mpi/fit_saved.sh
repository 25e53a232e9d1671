#!/usr/bin/env bash
# A saved fit has the same digest from one process and from 1, 2, 3, 5 and 8 ranks, with the rows of
# the source in any order; ranks read one that is complete, and refuse another with one message.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
say() { echo "fit_saved: $*"; failed=$((failed + 1)); }
/usr/bin/python3 -c 'import h5py' 2>/dev/null || { echo "skipped: h5py is not installed for this python"; exit 77; }
get() { # FILE ATTRIBUTE
    /usr/bin/python3 -c 'import h5py, sys; print(h5py.File(sys.argv[1], "r")["fits/it"].attrs[sys.argv[2]])' "$@"
}

awk 'BEGIN {
    srand(7); print "run_id,N_params,D_tokens,loss"
    for (i = 0; i < 60; i++) {
        n = 1e7 * 10 ^ (3 * rand()); d = 1e9 * 10 ^ (2 * rand())
        printf "r%02d,%.6g,%.6g,%.9f\n", i, n, d, (1.8 + 480 / n ^ .35 + 2100 / d ^ .37) * (1 + .01 * (rand() - .5))
    }
}' >runs.csv
{ head -1 runs.csv; tail -n +2 runs.csv | sort -t, -k4; } >shuffled.csv
cmp -s runs.csv shuffled.csv && say "the rows are not shuffled"
args=(--bootstrap 2000 --save it)

"$ISOGLOSS" fit runs.csv "${args[@]}" -o alone.h5 >/dev/null 2>err || say "one process fails: $(cat err)"
want=$(get alone.h5 digest)
[ ${#want} = 64 ] || say "no digest: '$want'"
for run in 1:runs 2:runs 3:runs 5:runs 8:runs 3:shuffled 8:shuffled; do
    ranks=${run%:*} source=${run#*:}
    timeout 60 mpirun -n "$ranks" "$ISOGLOSS" fit "$source.csv" "${args[@]}" -o "$source-$ranks.h5" >/dev/null 2>err ||
        say "$ranks ranks fail: $(cat err)"
    got=$(get "$source-$ranks.h5" digest)
    [ "$got" = "$want" ] || say "$ranks ranks, $source.csv: digest $got, one process has $want"
done

timeout 60 mpirun -n 3 "$ISOGLOSS" fit runs.csv "${args[@]}" -o alone.h5 >out 2>err || say "3 ranks do not read a complete fit"
grep -q "no refits" err || say "3 ranks make a complete fit again"
timeout 60 mpirun -n 3 "$ISOGLOSS" fit runs.csv "${args[@]}" --seed 2 -o alone.h5 >out 2>err && say "another seed is taken for this one"
[ "$(grep -c 'isogloss fit:' err)" = 1 ] || { say "not one error message"; cat err; }

echo "fit_saved: $failed failed"
[ "$failed" = 0 ]
