#!/usr/bin/env bash
# Stopping and going on: a first signal drains with 75, a second leaves at once,
# a time limit ends in time, failed runs end with 3, a full disk takes nothing;
# the same command then ends where an unbroken campaign does.
set -u
digest=$ISOGLOSS_BUILD/tests/bin/store_digest
dir=$(mktemp -d)
trap 'umount "$dir/small" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
say() { echo "drain: $*"; failed=$((failed + 1)); }

campaign() { # name, trainer, further lines
    cat >"$1.yaml" <<END
isogloss: 1
name: $1
seed: 1
corpus: {languages: {aa: {train_bytes: 4M, held_bytes: 256k}}}
trainer: $2
sizes: [12k, 25k]
tokens: [1M, 2M]
evaluate: {languages: [aa], points: {count: 4, spacing: log}, bytes: 16k, shards: 16}
families:
  - {name: mono, mixture: monolingual, languages: [aa], seeds: 5}
${3:-}
END
}
campaign slow '{kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}, seconds_per_run: 0.3}'

"$ISOGLOSS" run -o whole.h5 slow.yaml >out 2>err || say "the unbroken campaign fails: $(cat err)"
want=$("$digest" whole.h5)
[ "${want##* }" = 20 ] || say "digest '$want', wanted 20 runs"

finish() { # store, what happened
    "$ISOGLOSS" run -o "$1" slow.yaml >out 2>err || say "$2: resuming fails: $(cat err)"
    [ "$("$digest" "$1")" = "$want" ] || say "$2: resumed results differ"
    grep -q '; 0 of them now\|; 20 of them now' out && say "$2: nothing was kept, or nothing was left: $(head -1 out)"
}

"$ISOGLOSS" run -j 1 -o one.h5 slow.yaml >out 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? = 75 ] || say "TERM does not end with 75: $(cat out err)"
grep -q 'run the same command again' err || say "TERM: no word of what to do: $(cat err)"
finish one.h5 "TERM without a launcher"

timeout 60 mpirun -n 3 "$ISOGLOSS" run -o two.h5 slow.yaml >out 2>err &
for _ in $(seq 100); do # until the first result is committed
    sleep 0.1
    got=$("$digest" two.h5 2>/dev/null) && [ "${got##* }" -gt 0 ] && break
done
pkill -USR1 -P $! mpirun 2>/dev/null || kill -USR1 $!
wait $!
[ $? = 75 ] || say "USR1 to mpirun does not end with 75: $(cat out err)"
finish two.h5 "USR1 to mpirun"

"$ISOGLOSS" run -j 1 -t 2s -o limit.h5 slow.yaml >out 2>err
[ $? = 75 ] || say "a time limit does not end with 75: $(cat out err)"
grep -q 'time limit' err || say "a time limit is not named: $(cat err)"
finish limit.h5 "time limit"

campaign stubborn '{kind: command, command: [/bin/sh, -c, "trap : TERM; sleep 71.25 & wait; sleep 71.25"]}'
"$ISOGLOSS" run -j 2 stubborn.yaml >out 2>err &
sleep 1
kill -TERM $!
sleep 0.5
kill -TERM $!
start=$(date +%s)
wait $!
[ $? = 75 ] || say "a second TERM does not end with 75: $(cat out err)"
[ $(($(date +%s) - start)) -le 15 ] || say "a second TERM takes more than 15 s"
sleep 0.2
pgrep -f 'sleep 71.25' >/dev/null && say "a trainer is left after a second TERM"

campaign broken '{kind: command, command: [/bin/sh, -c, "exit 3"]}' 'limits: {retries: {exit: 1}}'
for call in first second; do
    "$ISOGLOSS" run broken.yaml >out 2>err
    [ $? = 3 ] || say "$call call: failed runs do not end with 3: $(cat out err)"
    grep -q '20 failed' out || say "$call call: $(head -1 out)"
done

# The store has all its room from the start: a disk that fills up later takes nothing from it.
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=2m tmpfs small 2>/dev/null; then
    "$ISOGLOSS" run -j 1 -o small/slow.h5 slow.yaml >out 2>err &
    for _ in $(seq 200); do [ -e small/slow.h5 ] && break; sleep 0.05; done; sleep 0.3
    dd if=/dev/zero of=small/ballast bs=4k 2>/dev/null
    wait $! || say "a full disk: $(cat out err)"
    [ "$("$digest" small/slow.h5)" = "$want" ] || say "on a full disk the results differ"
else
    echo "drain: no right to mount a small file system, so nothing was tried on a full one"
fi

[ $failed = 0 ] && echo "drain: all good"
exit $failed
