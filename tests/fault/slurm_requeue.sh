#!/bin/bash
# A real Slurm (a throw-away one) hits the time limit of a campaign, requeues it, and it finishes
# with the results of an unbroken run, by slurm/campaign.sbatch as a user would submit it.
set -u
PATH=$PATH:/usr/sbin:/sbin
for program in munged slurmctld slurmd sbatch scontrol; do
    command -v "$program" >/dev/null || { echo "no $program: Slurm is not installed"; exit 77; }
done
dir=$(mktemp -d)
slurm=$ISOGLOSS_SOURCE/tests/support/throwaway_slurm.sh
trap '"$slurm" stop "$dir/slurm"; rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    tail -n 40 "$dir"/job.log "$dir"/slurm/jobcomp.log 2>/dev/null
    exit 1
}

# 72 runs of one second on two workers take 36 s. The limit is the least there is, a minute, and
# Slurm sends its signal 30 to 60 s before that: always too early for this campaign.
cat >"$dir/long.yaml" <<YAML
isogloss: 1
name: requeue
seed: 7
corpus: {languages: {en: {train_bytes: 10M, held_bytes: 100k}}, shards: 16}
trainer: {kind: synthetic, law: {E: 0.7, A: 30, B: 400, alpha: 0.35, beta: 0.4}, noise: {run: 0.01}, seconds_per_run: 1s}
sizes: [12k, 25k, 49k]
tokens: [1M, 2M, 4M]
evaluate: {languages: [en], points: 2}
families: [{name: mono, mixture: monolingual, languages: [en], seeds: 8}]
YAML
sed 's/, seconds_per_run: 1s//' "$dir/long.yaml" >"$dir/short.yaml"

result() { "$ISOGLOSS" export --results-digest "$1"; }

"$slurm" start "$dir/slurm" 4 || { echo "the throw-away Slurm does not start"; exit 1; }
eval "$("$slurm" env "$dir/slurm")"

job=$(cd "$dir" && CAMPAIGN=$dir/long.yaml STORE=$dir/long.h5 ISOGLOSS=$ISOGLOSS \
    sbatch --parsable --ntasks=3 --time=1 --signal=B:USR2@30 --output="$dir/job.log" \
    "$ISOGLOSS_SOURCE/slurm/campaign.sbatch") || fail "sbatch refuses the script"

for _ in $(seq 300); do
    state=$(squeue -h -j "$job" -o %T 2>/dev/null)
    [ -z "$state" ] || [ "$state" = COMPLETED ] || [ "$state" = FAILED ] && break
    sleep 0.5
done
shown=$(scontrol show job "$job")
restarts=$(sed -nE 's/.*Restarts=([0-9]+).*/\1/p' <<<"$shown")
grep -q 'ExitCode=0:0' <<<"$shown" || fail "the job did not end well: $shown"
[ "${restarts:-0}" -ge 1 ] || fail "the job was never requeued: its limit was not hit"
"$ISOGLOSS" status --exit-code "$dir/long.h5" >/dev/null || fail "runs are missing"

# The same campaign, unbroken and without waiting: how long a run lasts is no part of its result.
"$ISOGLOSS" run "$dir/short.yaml" -o "$dir/short.h5" >"$dir/short.log" 2>&1 || fail "$(cat "$dir/short.log")"
wanted=$(result "$dir/short.h5")
got=$(result "$dir/long.h5")
[ -n "$wanted" ] && [ "$got" = "$wanted" ] || fail "results differ: got '$got', wanted '$wanted'"
echo "requeued $restarts time(s), same results as unbroken"
