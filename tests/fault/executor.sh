#!/usr/bin/env bash
# Every way in which a trainer goes wrong is its own cause, within its limits,
# and the runs beside it are well. (fault/bad_trainers.sh asks the same of the
# whole program.)
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export ISOGLOSS_LIBEXEC=${ISOGLOSS_LIBEXEC:-$ISOGLOSS_BUILD/bin}

say() { echo "executor: $*"; failed=$((failed + 1)); }

campaign() { # COMMAND SEEDS LIMITS
    cat <<EOF
isogloss: 1
name: bad
seed: 0
corpus: {languages: {en: {train_bytes: 9M, held_bytes: 1M}}}
trainer: {kind: command, command: $1}
sizes: [12k]
tokens: [8k]
evaluate: {languages: [en], points: {count: 2, spacing: log}, bytes: 16k, shards: 1}
seeds: $2
limits: $3
families: [{name: mono, mixture: monolingual, languages: [en]}]
EOF
}

cp "$ISOGLOSS_SOURCE/tests/support/bad_trainer.py" "$dir/"
campaign "[/usr/bin/python3, bad_trainer.py]" "[0,1,2,3,4,5,6,7,8,9,10,11,12,13]" "{run_time: 6s, silence: 3s}" >"$dir/bad.yaml"
start=$SECONDS
timeout 100 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/bad.yaml" "$dir" 14 >"$dir/out" 2>"$dir/err" || say "the driver fails"
[ $((SECONDS - start)) -le 30 ] || say "took $((SECONDS - start)) s"

wants() { # RUN CAUSE CODE TEXT
    grep -qE "^$1 1 $2 $3 - \| .*$4" "$dir/out" || say "run $1: wanted $2 $3 '$4', got: $(grep "^$1 1 " "$dir/out")"
}
wants 0 ok 0 ''
wants 1 crash 11 'killed by signal 11'
wants 2 exit 3 'exit status 3: no more disk on the moon'
wants 3 silence 0 'was silent for longer than allowed \(3 s\)'
wants 4 protocol 0 'line "Traceback \(most recent call last\):"'
wants 5 diverged 0 'the loss diverged'
wants 6 protocol 0 'line "yyyy'
wants 7 protocol 0 'a line of more than 1048576 bytes, which begins "zzzz'
wants 8 ok 0 ''
wants 9 protocol 0 'exit status 0 without an end event'
wants 10 killed 9 'killed by signal 9'
wants 11 protocol 0 'wanted a name inside the attempt directory'
wants 12 time 0 'ran longer than its run_time \(6 s\)'
wants 13 protocol 0 "checkpoint 'never-written' was announced, but is not in"
[ "$(wc -l <"$dir/daemon.pids")" = 3 ] || say "the daemons did not start"
for pid in $(cat "$dir/daemon.pids"); do
    kill -0 "$pid" 2>/dev/null && { say "daemon $pid outlives its run"; kill -9 "$pid"; }
done
# What failed keeps its last words; what is committed leaves nothing.
[ "$(ls "$dir/s.work/runs" | wc -l)" = 11 ] || say "$(ls "$dir/s.work/runs" | wc -l) of 14 run directories are left, wanted those of 11 failures"
grep -rqs 'no more disk on the moon' --include=stderr.txt "$dir/s.work" || say "no stderr.txt with the last words"

# Programs that cannot be started.
rm -rf "$dir/s.h5" "$dir/s.work"
campaign "[/usr]" "[0]" "{}" >"$dir/directory.yaml"
timeout 60 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/directory.yaml" "$dir" 1 >"$dir/out" 2>>"$dir/err"
wants 0 exit 127 "cannot start the command '/usr': Is a directory"
rm -rf "$dir/s.h5" "$dir/s.work"
campaign "[no-such-program, '{run.id}']" "[0]" "{}" >"$dir/absent.yaml"
timeout 60 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/absent.yaml" "$dir" 1 >"$dir/out" 2>>"$dir/err"
wants 0 exit 127 "cannot start the command 'no-such-program': No such file or directory"

[ $failed = 0 ] && echo "executor: all good" || cat "$dir/err"
exit $failed
