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
# One campaign at two paces, which are no part of it: slow enough to be stopped at its first result on a
# busy machine, and at once.
law='kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}'
campaign quick "{$law}"
campaign slow "{$law, seconds_per_run: 2}"
campaign paced "{$law, seconds_per_run: 0.3}"
sed -i 's/^name: .*/name: slow/' quick.yaml paced.yaml

"$ISOGLOSS" run -o whole.h5 quick.yaml >out 2>err || say "the unbroken campaign fails: $(cat err)"
want=$("$digest" whole.h5)
[ "${want##* }" = 20 ] || say "digest '$want', wanted 20 runs"

finish() { # store, what happened
    "$ISOGLOSS" run -o "$1" quick.yaml >out 2>err || say "$2: resuming fails: $(cat err)"
    [ "$("$digest" "$1")" = "$want" ] || say "$2: resumed results differ"
    grep -q '; 0 of them now\|; 20 of them now' out && say "$2: nothing was kept, or nothing was left: $(head -1 out)"
}

results() { # store -> how many
    local got
    got=$("$digest" "$1" 2>/dev/null) && echo "${got##* }" || echo 0
}

until_it() { # words of a command: until it succeeds, for a minute
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.1
    done
    say "in vain: $*"
}
has_results() { [ "$(results "$1")" -gt 0 ]; }

"$ISOGLOSS" run -j 1 -o one.h5 slow.yaml >out 2>err &
until_it has_results one.h5
kill -TERM $!
wait $!
[ $? = 75 ] || say "TERM does not end with 75: $(cat out err)"
grep -q 'run the same command again' err || say "TERM: no word of what to do: $(cat err)"
finish one.h5 "TERM without a launcher"

timeout 100 mpirun -n 3 "$ISOGLOSS" run -o two.h5 slow.yaml >out 2>err &
until_it has_results two.h5
pkill -USR1 -P $! mpirun 2>/dev/null || kill -USR1 $!
wait $!
[ $? = 75 ] || say "USR1 to mpirun does not end with 75: $(cat out err)"
finish two.h5 "USR1 to mpirun"

for limit in 2s 4s; do # the second on a machine where the first is over before anything is done
    "$ISOGLOSS" run -j 1 -t $limit -o limit.h5 paced.yaml >out 2>err
    [ $? = 75 ] || say "a time limit does not end with 75: $(cat out err)"
    has_results limit.h5 && break
done
grep -q 'time limit' err || say "a time limit is not named: $(cat err)"
finish limit.h5 "time limit"

nap="sleep 71.$$" # of this test alone
campaign stubborn "{kind: command, command: [/bin/sh, -c, 'trap : TERM; $nap & wait; $nap']}"
"$ISOGLOSS" run -j 2 stubborn.yaml >out 2>err &
trained_twice() { [ "$(pgrep -fcx "$nap")" = 2 ]; }
until_it trained_twice
kill -TERM $!
sleep 0.5
kill -INT $! # not TERM again: two of one kind may arrive as one
start=$(date +%s)
wait $!
[ $? = 75 ] || say "a second signal does not end with 75: $(cat out err)"
[ $(($(date +%s) - start)) -le 40 ] || say "after a second signal a trainer is waited for"
pgrep -fx "$nap" >/dev/null && say "a trainer is left after a second signal"

campaign broken '{kind: command, command: [/bin/sh, -c, "exit 3"]}' 'limits: {retries: {exit: 1}}'
for call in first second; do
    "$ISOGLOSS" run broken.yaml >out 2>err
    [ $? = 3 ] || say "$call call: failed runs do not end with 3: $(cat out err)"
    grep -q '20 failed' out || say "$call call: $(head -1 out)"
done

# The store has all its room from the start: a disk that fills up later takes nothing from it.
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=2m tmpfs small 2>/dev/null; then
    "$ISOGLOSS" run -j 1 -o small/slow.h5 paced.yaml >out 2>err &
    until_it has_results small/slow.h5
    dd if=/dev/zero of=small/ballast bs=4k 2>/dev/null
    wait $! || say "a full disk: $(cat out err)"
    [ "$("$digest" small/slow.h5)" = "$want" ] || say "on a full disk the results differ"
else
    echo "drain: no right to mount a small file system, so nothing was tried on a full one"
fi

[ $failed = 0 ] && echo "drain: all good"
exit $failed
