#!/bin/bash
# slurm/campaign.sbatch beside an mpirun that hangs alone, as Open MPI's does when a rank dies inside
# MPI_Init: it is ended and the job queued again. One that works is left alone however long it takes.
# Slurm and mpirun are stand-ins here, and a minute takes a second.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
say() { echo "sbatch_hang: $*"; failed=$((failed + 1)); }

mkdir "$dir/bin"
stand_in() { # name, script
    printf '#!/bin/bash\n%s\n' "$2" >"$dir/bin/$1"
    chmod +x "$dir/bin/$1"
}
stand_in sleep 'exec /bin/sleep 1'
stand_in scontrol 'echo "scontrol $*"'
cat >"$dir/c.yaml" <<'YAML'
isogloss: 1
name: c
seed: 1
corpus: {languages: {aa: {train_bytes: 4M, held_bytes: 256k}}}
trainer: {kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}, seconds_per_run: 2}
sizes: [12k]
tokens: [1M, 2M]
evaluate: {languages: [aa], points: 2, bytes: 16k, shards: 16}
families: [{name: mono, mixture: monolingual, languages: [aa], seeds: 2}]
YAML
job() { # runs the batch script within a minute
    PATH=$dir/bin:$PATH CAMPAIGN=$dir/c.yaml STORE=$dir/c.h5 SLURM_JOB_ID=1 MOST_IDLE_MINUTES=4 \
        timeout 60 bash "$ISOGLOSS_SOURCE/slurm/campaign.sbatch" >"$dir/log" 2>&1
}

"$ISOGLOSS" run -j 1 -t 3s -o "$dir/c.h5" "$dir/c.yaml" >"$dir/log" 2>&1
[ $? = 75 ] || say "no store with work left: $(cat "$dir/log")"

stand_in mpirun 'exec /bin/sleep 1000'
job
[ $? = 75 ] || say "a hanging mpirun: not ended, or another status: $(cat "$dir/log")"
grep -q 'mpirun hangs' "$dir/log" || say "a hanging mpirun: no word of it: $(cat "$dir/log")"
grep -q 'scontrol requeue 1' "$dir/log" || say "a hanging mpirun: not queued again"

stand_in mpirun 'shift 3; exec "$@" -j 1'
job || say "an mpirun that works: $(cat "$dir/log")"
grep -q 'mpirun hangs' "$dir/log" && say "an mpirun that works was ended: $(cat "$dir/log")"

[ $failed = 0 ] && echo "sbatch_hang: all good"
exit $failed
