#!/bin/bash
# Speeds as text: what the trainer, the scheduler with its store, and the fits reach here.
#
#   bench/bench.sh BUILD [train] [dispatch] [waiting] [fit]      default: all four
#
# Each figure is the median of three repeats with the least and the largest behind it; compare
# ratios, not figures of different machines.
set -eu
build=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- train dispatch waiting fit
isogloss=$build/bin/isogloss
train=$build/bin/isogloss-train
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LC_ALL=C.UTF-8
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
repeats=3

median() { sort -g | awk '{v[NR] = $1} END {printf "%.4g (%.4g to %.4g)\n", v[int((NR + 1) / 2)], v[1], v[NR]}'; }

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

# Each rank adds "RANK CPU-SECONDS WALL-SECONDS" (user and system, children included) to a file.
cat >"$dir/timed" <<'SH'
#!/bin/bash
TIMEFORMAT="${OMPI_COMM_WORLD_RANK:-0} %U %S %R"
{ time "${@:2}" >/dev/null 2>&1; } 2>>"$1"
SH
chmod +x "$dir/timed"

run_ranks() { # ranks (0: no mpirun), cpu file, arguments of isogloss
    local ranks=$1 cpu=$2
    shift 2
    rm -f "$cpu"
    if [ "$ranks" = 0 ]; then
        "$dir/timed" "$cpu" "$isogloss" "$@"
    else
        mpirun -n "$ranks" "$dir/timed" "$cpu" "$isogloss" "$@"
    fi
}
label() { [ "$1" = 0 ] && echo "no mpirun" || echo "mpirun -n $1"; }

bench_train() {
    echo "== trainer: tokens/s and share of the FMA peak of the same process"
    "$train" --bench p0 p3 p6
}

bench_dispatch() {
    local runs=10000 ranks slots i
    echo "== dispatch and commit: synthetic runs/s, $runs runs, store and start-up included"
    echo "   (more slots: larger groups of results behind one sync; CPU s of all ranks behind /)"
    campaign "$runs" 0 >"$dir/many.yaml"
    for ranks in 0 2 3; do
        for slots in 1 16; do
            for i in $(seq "$repeats"); do
                rm -rf "$dir"/many.h5* "$dir"/many.work
                run_ranks "$ranks" "$dir/cpu" run --slots "$slots" "$dir/many.yaml" -o "$dir/many.h5"
                awk -v n="$runs" '{cpu += $2 + $3} $4 > w {w = $4} END {print n / w, cpu}' "$dir/cpu"
            done >"$dir/rates"
            echo "$(label "$ranks"), slots $slots: $(cut -d' ' -f1 "$dir/rates" | median) /" \
                "$(cut -d' ' -f2 "$dir/rates" | median)"
        done
    done
}

bench_waiting() {
    local ranks i
    echo "== waiting: CPU of each rank in % of a core while runs of 2 s go on, start and end included"
    campaign 20 2 >"$dir/slow.yaml"
    for ranks in 2 3 5; do
        for i in $(seq "$repeats"); do
            rm -rf "$dir"/slow.h5* "$dir"/slow.work
            run_ranks "$ranks" "$dir/cpu" run "$dir/slow.yaml" -o "$dir/slow.h5"
            awk '{print $1, 100 * ($2 + $3) / $4}' "$dir/cpu"
        done >"$dir/shares"
        for i in $(seq 0 $((ranks - 1))); do
            awk -v r="$i" '$1 == r {print $2}' "$dir/shares" | median | sed "s/^/$(label "$ranks"), rank $i: /"
        done
    done
}

bench_fit() {
    echo "== fits"
    "$build/bench/bench_fit"
}

echo "$("$isogloss" --version), $(nproc) cores,$(sed -n 's/^model name.*:/ /p' /proc/cpuinfo | head -n 1)"
for part in "$@"; do
    case $part in
    train | dispatch | waiting | fit) "bench_$part" ;;
    *) echo "bench.sh: unknown part '$part': train, dispatch, waiting, fit" >&2 && exit 2 ;;
    esac
done
