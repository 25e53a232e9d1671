#!/bin/bash
# A store written under mpirun by 1, 2, 3 and 5 ranks, and by one process without mpirun, has the
# same results; opening through MPI leaves nothing in shared memory.
set -eu
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
tool=$ISOGLOSS_BUILD/tests/bin/store_tool
campaign=$ISOGLOSS_SOURCE/tests/data/tiny.yaml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$tool" create "$dir/0.h5" "$campaign"
for n in 1 2 3 5; do cp "$dir/0.h5" "$dir/store-$$-$n.h5"; done
"$tool" fill "$dir/0.h5" "$campaign" >/dev/null
wanted=$("$ISOGLOSS" export --results-digest "$dir/0.h5")
[[ $wanted == *"  48 runs" ]]
for n in 1 2 3 5; do
    store=$dir/store-$$-$n.h5
    timeout 60 mpirun -n "$n" "$tool" fill "$store" "$campaign" --mpi --step "$n" >/dev/null
    got=$("$ISOGLOSS" export --results-digest "$store")
    [ "$got" = "$wanted" ] || { echo "$n ranks: $got, wanted $wanted"; exit 1; }
    "$ISOGLOSS" status --verify --exit-code "$store" >/dev/null
done
left=$(find /dev/shm -name "*store-$$-*" 2>/dev/null || true)
[ -z "$left" ] || { echo "left in shared memory: $left"; exit 1; }
echo "4 numbers of ranks, equal results"
