#!/usr/bin/env bash
# Messages on 1, 2, 3 and 5 ranks; a dead rank does not stop the others; a
# killed job leaves no shared-memory file.
set -u
program=$ISOGLOSS_BUILD/tests/bin/mpi_comm
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

say() { echo "comm: $*"; failed=$((failed + 1)); }

for ranks in 1 2 3 5; do
    timeout 60 mpirun -n $ranks "$program" >"$dir/out" 2>&1 || { say "$ranks ranks fail"; cat "$dir/out"; }
    [ "$(grep -c ', 0 failed' "$dir/out")" = $ranks ] || say "$ranks ranks: not every rank passed"
done

# Under recovery the survivors of a dead rank exchange all messages and leave.
for dead in 0 2; do
    timeout 60 mpirun --enable-recovery -n 3 "$program" survive $dead >"$dir/out" 2>&1 || say "rank $dead dead: mpirun fails"
    [ "$(grep -c ', 0 failed' "$dir/out")" = 2 ] || { say "rank $dead dead: the others do not finish"; cat "$dir/out"; }
done

# Kill a whole job in mid-run: nothing of it in /dev/shm.
timeout 60 mpirun -n 3 "$program" hold >"$dir/out" 2>/dev/null &
for _ in $(seq 200); do
    [ "$(grep -c ready "$dir/out")" = 3 ] && break
    sleep 0.05
done
pids=$(awk '/ready/ {print $2}' "$dir/out")
[ "$(echo $pids | wc -w)" = 3 ] || say "the held job did not start"
for pid in $pids; do
    grep -q vader_segment "/proc/$pid/maps" || say "rank $pid maps no segment: this test would see nothing"
    grep vader_segment "/proc/$pid/maps" | grep -v deleted && say "a segment of rank $pid is still a file"
done
kill -9 $pids
wait

# A file left by a job that died at its start goes at the next launch.
left=/dev/shm/vader_segment.$(hostname).$(id -u).deadbeef.0
: >"$left"
timeout 60 mpirun -n 2 "$program" >/dev/null 2>&1 || say "the launch after a kill fails"
[ -e "$left" ] && { say "$left was not cleared"; rm -f "$left"; }

[ $failed = 0 ] && echo "comm: all good"
exit $failed
