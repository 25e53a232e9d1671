#!/usr/bin/env bash
# A user's own training script, drained half-way by a signal and resumed, gives
# the losses of one that was never stopped; children it forgets do not outlive it.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
/usr/bin/python3 -c 'import numpy, h5py' 2>/dev/null || { echo "own_trainer: skipped, needs python3-numpy and python3-h5py"; exit 77; }
cd "$dir" || exit 1
cp "$ISOGLOSS_SOURCE/tests/support/tiny_trainer.py" .

say() { echo "own_trainer: $*"; failed=$((failed + 1)); }

# Milliseconds a step come from the environment: the same command, so the same campaign.
cat >own.yaml <<'EOF'
isogloss: 1
name: own
seed: 5
corpus: {languages: {en: {train_bytes: 9M, held_bytes: 1M}, de: {train_bytes: 9M, held_bytes: 1M}}}
trainer: {kind: command, command: [sh, -c, 'exec /usr/bin/python3 tiny_trainer.py $MS "$1"', sh, pids]}
sizes: [12k, 25k]
tokens: [20k]
evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 4k, shards: 4}
families:
  - {name: mono, mixture: monolingual, languages: [en], checkpoint: true}
  - {name: pair, mixture: uniform, sets: {both: [en, de]}}
EOF

MS=0 timeout 100 "$ISOGLOSS" run -j 4 -o straight.h5 own.yaml >out 2>err || say "the unbroken campaign fails: $(cat out err)"

# Stopped once every run has a point behind it.
MS=30 timeout 100 "$ISOGLOSS" run -j 4 -o stopped.h5 own.yaml >out 2>err &
job=$!
for _ in $(seq 600); do
    [ "$(grep -l '"point"' stopped.work/runs/*/attempt-1/events.jsonl 2>/dev/null | wc -l)" = 4 ] && break
    sleep 0.1
done
kill -USR1 "$(pgrep -P "$job")"
wait "$job"
[ $? = 75 ] || say "a drained campaign does not exit 75: $(cat out err)"
[ "$(ls -d stopped.work/runs/*/attempt-1/checkpoint.json 2>/dev/null | wc -l)" = 4 ] || say "not every run left a checkpoint"
for pid in $(cat pids); do
    kill -0 "$pid" 2>/dev/null && { say "process $pid outlives the launch"; kill -9 "$pid"; }
done
MS=0 timeout 100 "$ISOGLOSS" run -j 4 -o stopped.h5 own.yaml >out 2>err || say "the resumed campaign fails: $(cat out err)"
for pid in $(cat pids); do
    kill -0 "$pid" 2>/dev/null && { say "process $pid outlives its run"; kill -9 "$pid"; }
done
[ "$(find stopped.work -name 'ckpt-20000' | wc -l)" = 2 ] || say "the final checkpoints that were asked for are not kept"
[ "$(find stopped.work -name 'ckpt-*' | wc -l)" = 2 ] || say "other checkpoints are left"

/usr/bin/python3 - <<'EOF' || failed=$((failed + 1))
import sys, h5py
a, b = (h5py.File(f"{n}.h5")["points"] for n in ("straight", "stopped"))
for name in ("tokens", "loss", "shard_loss", "seen", "lr_state"):
    if a[name][:].tobytes() != b[name][:].tobytes():
        sys.exit(f"own_trainer: {name} differs after stop and resume")
loss = a["loss"][:]
if not (loss[:, -1, 0] < loss[:, 0, 0] - 0.2).all():
    sys.exit(f"own_trainer: it learns nothing: {loss[:, :, 0]}")
EOF
[ $failed = 0 ] && echo "own_trainer: all good"
exit $failed
