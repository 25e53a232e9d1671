#!/usr/bin/env bash
# Proxy trainers in slots: one process serves several runs of changing shape; a
# stop, a killed trainer and a killed guard cost an attempt, not a bit of the result.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export ISOGLOSS_LIBEXEC=${ISOGLOSS_LIBEXEC:-$ISOGLOSS_BUILD/bin}
/usr/bin/python3 -c 'import numpy, h5py' 2>/dev/null || { echo "proxy_slots: skipped, needs python3-h5py"; exit 77; }

say() { echo "proxy_slots: $*"; failed=$((failed + 1)); }

/usr/bin/python3 "$ISOGLOSS_SOURCE/tests/support/make_corpus.py" "$dir/corpus" --languages en,de --bytes 400000 --shards 4 >"$dir/corpus.log" 2>&1 ||
    { say "no corpus"; cat "$dir/corpus.log"; exit 1; }
cat >"$dir/c.yaml" <<EOF
isogloss: 1
name: slots
seed: 3
corpus: corpus
trainer: {kind: proxy}
sizes: [12k, 25k]
tokens: [300k]
evaluate: {languages: [en, de], points: {count: 3, spacing: log}, bytes: 4k, shards: 4}
checkpoints: {every: 500ms}
families:
  - {name: mono, mixture: monolingual, languages: [en, de]}
EOF

drive() { # NAME SLOTS [STOP_AFTER]
    mkdir -p "$dir/$1"
    timeout 110 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/c.yaml" "$dir/$1" "$2" ${3:-} >"$dir/$1.out" 2>"$dir/$1.err" ||
        { say "$1: the driver fails"; cat "$dir/$1.out" "$dir/$1.err"; }
}

drive straight 1
drive stopped 2 0.5
grep -q ' stopped ' "$dir/stopped.out" || say "nothing was stopped"

# Kill the trainer and its guard by turns, while a driver of our own runs.
mkdir "$dir/killed"
timeout 110 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/c.yaml" "$dir/killed" 2 >"$dir/killed.out" 2>"$dir/killed.err" &
driver=$!
below() { # PID NAME: descendants of that name
    local p
    for p in $(pgrep -P "$1"); do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ] && echo "$p"
        below "$p" "$2"
    done
}
for name in isogloss-train isogloss-guard; do
    for _ in $(seq 100); do
        victim=$(below $driver $name | head -1)
        [ -n "$victim" ] && break
        sleep 0.02
    done
    sleep 0.3
    [ -n "$victim" ] && kill -9 "$victim" || say "no $name to kill"
done
wait $driver || { say "killed: the driver fails"; cat "$dir/killed.out" "$dir/killed.err"; }
[ "$(grep -c ' killed ' "$dir/killed.out")" = 2 ] || { say "two attempts should end as killed"; cat "$dir/killed.out"; }
grep -q 'its guard was killed' "$dir/killed.out" || say "the guard's death has no name"

/usr/bin/python3 - "$dir" <<'EOF' || failed=$((failed + 1))
import sys, h5py
stores = {n: h5py.File(f"{sys.argv[1]}/{n}/s.h5") for n in ("straight", "stopped", "killed")}
for name in ("tokens", "loss", "shard_loss", "seen", "lr_state"):
    bytes_of = {n: s["points"][name][:].tobytes() for n, s in stores.items()}
    for n in bytes_of:
        if bytes_of[n] != bytes_of["straight"]:
            sys.exit(f"proxy_slots: {name} differs in '{n}'")
EOF
[ $failed = 0 ] && echo "proxy_slots: all good"
exit $failed
