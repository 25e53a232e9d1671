#!/bin/bash
# Speeds as text: what the trainer, the scheduler with its store, and the fits reach here.
#
#   bench/bench.sh BUILD [PART]...      default: all parts
#
#   train      training: tokens/s and share of the peak    pair     two trainers at once over one
#   torch      training: ratio to PyTorch                  start    what a run costs beside its steps
#   cost       campaigns over the sum of their runs        waiting  CPU of ranks that wait
#   dispatch   runs of no duration through the store       fit      fits, ratio to SciPy
#
# Each figure is the median of three repeats with the least and the largest behind it; compare
# ratios, not figures of different machines.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- train pair torch start cost dispatch waiting fit
isogloss=$build/bin/isogloss
train=$build/bin/isogloss-train
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LC_ALL=C.UTF-8
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
repeats=3
shapes=(2x16x1 p0 p3 p6 p9) # 10k, 12k, 100k, 1M and 10M parameters

median() { # of numbers on stdin
    sort -g | awk '
        function text(x) { return sprintf(x >= 100 ? "%.0f" : "%.3g", x) }
        {v[NR] = $1}
        END {print text(v[int((NR + 1) / 2)]) " (" text(v[1]) " to " text(v[NR]) ")"}'
}

campaign() { # runs (a multiple of 10) and seconds of each, on stdout
    cat <<YAML
isogloss: 1
name: bench
seed: 1
corpus: {languages: {en: {train_bytes: 100M, held_bytes: 1M}}, shards: 16}
trainer: {kind: synthetic, law: {E: 0.7, A: 30, B: 400, alpha: 0.35, beta: 0.4}, noise: {run: 0.01, point: 0.003}, seconds_per_run: $2s}
sizes: [12k, 25k]
tokens: [1M, 2M, 4M, 8M, 16M]
evaluate: {languages: [en], points: 8, shards: 16}
families: [{name: mono, mixture: monolingual, languages: [en], seeds: $(($1 / 10))}]
YAML
}

# Each rank adds "RANK USER SYSTEM WALL" (seconds, children included) to a file, and its log to FILE.log.
cat >"$dir/timed" <<'SH'
#!/bin/bash
TIMEFORMAT="${OMPI_COMM_WORLD_RANK:-0} %U %S %R"
{ time "${@:2}" >/dev/null 2>>"$1.log"; } 2>>"$1"
SH
# Each rank leaves its process id in DIR/pid.RANK.
cat >"$dir/ranked" <<'SH'
#!/bin/bash
echo $$ >"$1/pid.$OMPI_COMM_WORLD_RANK"
exec "${@:2}" >/dev/null 2>&1
SH
chmod +x "$dir/timed" "$dir/ranked"

run_ranks() { # ranks (0: no mpirun), cpu file, arguments of isogloss
    local ranks=$1 cpu=$2
    shift 2
    rm -f "$cpu" "$cpu.log"
    if [ "$ranks" = 0 ]; then
        "$dir/timed" "$cpu" "$isogloss" "$@"
    else
        mpirun -n "$ranks" "$dir/timed" "$cpu" "$isogloss" "$@"
    fi
}
label() { [ "$1" = 0 ] && echo "no mpirun" || echo "mpirun -n $1"; }

bench_train() {
    echo "== trainer: 1,024 tokens a step, share of the FMA peak (GFlop/s) of the same process"
    "$train" --bench "${shapes[@]}"
}

bench_pair() {
    echo "== trainer: two at once over one"
    "$here/turns.py" pair "$train" "${shapes[@]}"
}

bench_torch() {
    echo "== trainer: ratio to PyTorch"
    if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
        "$here/turns.py" torch "$train" "${shapes[@]}"
    else
        echo "trainer: no ratio to PyTorch: python3-torch is not there (make bench installs it)"
    fi
}

bench_start() {
    echo "== trainer: from its start to the first step, and from the last point to the end"
    make_corpus
    "$here/run_cost.py" start "$isogloss" "$dir/corpus"
}

bench_cost() {
    echo "== campaign: wall time over the sum of its runs"
    make_corpus
    "$here/run_cost.py" campaign "$isogloss" "$dir/corpus"
}

column() { awk -v c="$1" '{print $c}' "$dir/figures" | median; }

bench_dispatch() {
    local runs=10000 ranks i
    echo "== dispatch and commit: $runs synthetic runs of no duration, each with its curve in the store"
    echo "   run phase: first task to last mark synced; start-up: plan, creation and opening of the store"
    campaign "$runs" 0 >"$dir/many.yaml"
    for ranks in 0 2 3; do
        for i in $(seq "$repeats"); do
            rm -rf "$dir"/many.h5* "$dir"/many.work
            run_ranks "$ranks" "$dir/cpu" run -v "$dir/many.yaml" -o "$dir/many.h5"
            sed -n 's/.*run phase over runs=\([0-9]*\) start_up_s=\([0-9.]*\) run_s=\([0-9.]*\).*/\1 \2 \3/p' "$dir/cpu.log" |
                awk -v cpu="$(awk '{c += $2 + $3} END {print c}' "$dir/cpu")" \
                    -v wall="$(awk '$4 > w {w = $4} END {print w}' "$dir/cpu")" \
                    '{print $1 / $3, $2, $1 / wall, cpu}'
        done >"$dir/figures"
        echo "$(label "$ranks"): run phase $(column 1) runs/s"
        echo "    start-up $(column 2) s, whole command $(column 3) runs/s, CPU of all ranks $(column 4) s"
    done
}

made_up_text() { # words of random letters, frequent and rare ones
    awk 'BEGIN {
        srand(1)
        for (line = 0; line < 60000; line++) {
            text = ""
            for (word = 0; word < 10; word++) {
                n = 2 + int(7 * rand())
                while (n-- > 0) text = text sprintf("%c", 97 + int(26 * rand() * rand()))
                text = text " "
            }
            print text
        }
    }'
}

make_corpus() { # 3 MB, once
    [ ! -e "$dir/corpus" ] || return 0
    mkdir -p "$dir/text"
    made_up_text >"$dir/text/en.txt"
    printf '%s\n' 'name: bench' 'shards: 16' 'keys: block' 'languages:' \
        '  - {code: en, script: Latn, files: en.txt}' >"$dir/text/text.yaml"
    "$isogloss" corpus build -o "$dir/corpus" "$dir/text/text.yaml" >/dev/null
}

proxy_campaign() { # long enough to look at; the signal ends it
    cat <<'YAML'
isogloss: 1
name: trained
seed: 1
corpus: corpus
trainer: {kind: proxy}
sizes: [49k]
tokens: [100M]
evaluate: {languages: [en], points: 8, bytes: 4k, shards: 4}
checkpoints: {every: 5s}
families: [{name: mono, mixture: monolingual, languages: [en], seeds: 8}]
YAML
}

cpu_ns() { awk '{s += $1} END {printf "%.0f", s}' "/proc/$1"/task/*/schedstat; }

# CPU of the ranks themselves (threads yes, trainers no) in windows of 4 s, from 4 s after the start.
watch_ranks() { # ranks, campaign
    local ranks=$1 job i r pids=()
    rm -rf "$dir"/watched.* "$dir"/pid.*
    mpirun -n "$ranks" "$dir/ranked" "$dir" "$isogloss" run "$2" -o "$dir/watched.h5" 2>/dev/null &
    job=$!
    sleep 4
    for r in $(seq 0 $((ranks - 1))); do pids+=("$(cat "$dir/pid.$r")"); done
    for i in $(seq $((repeats + 1))); do
        for r in $(seq 0 $((ranks - 1))); do
            echo "$r $(cpu_ns "${pids[r]}") $(cut -d' ' -f1 /proc/uptime)"
        done
        [ "$i" -gt "$repeats" ] || sleep 4
    done | awk '$1 in t {print $1, 1e-7 * ($2 - c[$1]) / ($3 - t[$1])} {c[$1] = $2; t[$1] = $3}' >"$dir/shares"
    kill -USR1 "${pids[0]}"
    wait "$job" || true # 75: work left
    for r in $(seq 0 $((ranks - 1))); do
        awk -v r="$r" '$1 == r {print $2}' "$dir/shares" | median | sed "s/^/    rank $r: /"
    done
}

bench_waiting() {
    echo "== waiting: CPU of each rank itself in % of a core (rank 0 leads)"
    make_corpus
    proxy_campaign >"$dir/trained.yaml"
    campaign 100 100 >"$dir/slow.yaml"
    echo "mpirun -n 3, a proxy trainer below each worker:"
    watch_ranks 3 "$dir/trained.yaml"
    echo "mpirun -n 5, runs that last and do nothing:"
    watch_ranks 5 "$dir/slow.yaml"
}

bench_fit() {
    echo "== fits"
    "$build/bench/bench_fit"
    "$build/bench/bench_atlas"
    if /usr/bin/python3 -c 'import scipy' 2>/dev/null; then
        OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
            /usr/bin/python3 "$here/scipy_refits.py" "$build/bench/bench_fit"
    else
        echo "fit: no ratio to SciPy: python3-scipy is not there (make bench installs it)"
    fi
    "$build/bench/bench_fit" data >"$dir/published.csv"
    for _ in $(seq "$repeats"); do
        rm -f "$dir/cpu"
        taskset -c 0 "$dir/timed" "$dir/cpu" "$isogloss" fit "$dir/published.csv" --n N --d D \
            --compat hoffmann --resample rows --starts 4492 --bootstrap 4000
        awk '{print $4}' "$dir/cpu"
    done | median | sed 's/^/fit: 4,500 starts and 4,000 refits of 240 points, the whole command on one core: /; s/$/ s/'
}

echo "$("$isogloss" --version), $(nproc) cores,$(sed -n 's/^model name.*:/ /p' /proc/cpuinfo | head -n 1)"
for part in "$@"; do
    case $part in
    train | pair | torch | start | cost | dispatch | waiting | fit) "bench_$part" ;;
    *) echo "bench.sh: unknown part '$part'; see the top of this file" >&2 && exit 2 ;;
    esac
done
