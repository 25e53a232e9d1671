#!/usr/bin/env bash
# A user's own training script, stopped half-way and resumed, gives the losses
# of one that was never stopped; the children it forgets do not outlive it.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export ISOGLOSS_LIBEXEC=${ISOGLOSS_LIBEXEC:-$ISOGLOSS_BUILD/bin}
/usr/bin/python3 -c 'import numpy, h5py' 2>/dev/null || { echo "own_trainer: skipped, needs python3-numpy and python3-h5py"; exit 77; }
cp "$ISOGLOSS_SOURCE/tests/support/tiny_trainer.py" "$dir/"

say() { echo "own_trainer: $*"; failed=$((failed + 1)); }

run() { # NAME MILLISECONDS [STOP_AFTER]
    mkdir "$dir/$1"
    # Milliseconds come from the environment: the same command, so the same campaign.
    cat >"$dir/c.yaml" <<EOF
isogloss: 1
name: own
seed: 5
corpus: {languages: {en: {train_bytes: 9M, held_bytes: 1M}, de: {train_bytes: 9M, held_bytes: 1M}}}
trainer: {kind: command, command: [sh, -c, 'exec /usr/bin/python3 tiny_trainer.py \$MS "\$1"', sh, pids]}
sizes: [12k, 25k]
tokens: [20k]
evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 4k, shards: 4}
families:
  - {name: mono, mixture: monolingual, languages: [en], checkpoint: true}
  - {name: pair, mixture: uniform, sets: {both: [en, de]}}
EOF
    MS=$2 timeout 100 "$ISOGLOSS_BUILD/tests/bin/exec_driver" "$dir/c.yaml" "$dir/$1" 4 ${3:-} >"$dir/$1.out" 2>"$dir/$1.err" ||
        { say "$1: the driver fails"; cat "$dir/$1.out" "$dir/$1.err"; }
}

run straight 0
run stopped 30 1.5
grep -q ' 1 stopped ' "$dir/stopped.out" || say "nothing was stopped"
grep -q ' 2 ok ' "$dir/stopped.out" || say "nothing was resumed"
for pid in $(cat "$dir/pids"); do
    kill -0 "$pid" 2>/dev/null && { say "process $pid outlives its run"; kill -9 "$pid"; }
done
[ "$(find "$dir/stopped/s.work" -name 'ckpt-20000' | wc -l)" = 2 ] || say "the final checkpoints that were asked for are not kept"
[ "$(find "$dir/stopped/s.work" -name 'ckpt-*' | wc -l)" = 2 ] || say "other checkpoints are left"

/usr/bin/python3 - "$dir" <<'EOF' || failed=$((failed + 1))
import sys, h5py
a, b = (h5py.File(f"{sys.argv[1]}/{n}/s.h5")["points"] for n in ("straight", "stopped"))
for name in ("tokens", "loss", "shard_loss", "seen", "lr_state"):
    if a[name][:].tobytes() != b[name][:].tobytes():
        sys.exit(f"own_trainer: {name} differs after stop and resume")
loss = a["loss"][:]
if not (loss[:, -1, 0] < loss[:, 0, 0] - 0.2).all():
    sys.exit(f"own_trainer: it learns nothing: {loss[:, :, 0]}")
EOF
[ $failed = 0 ] && echo "own_trainer: all good"
exit $failed
