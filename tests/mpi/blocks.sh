#!/usr/bin/env bash
# Blocks of plain computation: the same bytes without a launcher and on 1, 2, 3
# and 5 ranks; with recovery a killed rank costs its block one more attempt.
set -u
program=$ISOGLOSS_BUILD/tests/bin/mpi_blocks
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
say() { echo "blocks: $*"; failed=$((failed + 1)); }

want=$("$program" 3000 2>"$dir/err") || say "one process fails: $(cat "$dir/err")"
[ ${#want} = 64 ] || say "no hash: '$want'"
for ranks in 1 2 3 5; do
    got=$(timeout 60 mpirun -n $ranks "$program" 3000 2>"$dir/err") || say "$ranks ranks fail: $(cat "$dir/err")"
    [ "$got" = "$want" ] || say "$ranks ranks give $got, one process $want"
    echo "$ranks ranks: $(grep -h blocks/s "$dir/err")"
done

# Blocks that are there already are not computed; where all are, nobody waits for anybody.
for ranks in 1 2 3 5; do
    for step in 3 1; do
        got=$(timeout 60 mpirun -n $ranks "$program" 3000 $step 2>"$dir/err") || say "$ranks ranks fail with blocks there: $(cat "$dir/err")"
        [ "$got" = "$want" ] || say "$ranks ranks with every ${step}th block there give $got, one process $want"
        grep -q "blocks/s of $((step == 1 ? 0 : 2000))," "$dir/err" || say "$ranks ranks: $(cat "$dir/err")"
    done
done

want=$("$program" 60 2>/dev/null)
timeout 60 mpirun --enable-recovery -n 4 "$program" 60 0 2 "$dir/dies" >/dev/null 2>"$dir/err"
got=$(cat "$dir/dies.hash")
[ "$got" = "$want" ] || say "after a killed rank: '$got', wanted '$want': $(cat "$dir/err")"
grep -q 'rank 2 on .* is dead or silent' "$dir/err" || say "the dead rank was not noticed"

[ $failed = 0 ] && echo "blocks: all good"
exit $failed
