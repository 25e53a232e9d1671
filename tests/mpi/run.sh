#!/usr/bin/env bash
# A campaign gives the same results without a launcher and on 1, 2, 3 and 5
# ranks; a finished store ends at once; a changed campaign is refused.
set -u
digest=$ISOGLOSS_BUILD/tests/bin/store_digest
campaign=$ISOGLOSS_SOURCE/tests/data/tiny.yaml
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
say() { echo "run: $*"; failed=$((failed + 1)); }

"$ISOGLOSS" run "$campaign" >out 2>err || say "one process fails: $(cat err)"
[ -s err ] && say "a clean run talks: $(cat err)"
grep -q '^48 of 48 runs done; 48 of them now' out || say "summary: $(cat out)"
want=$("$digest" tiny.h5) || say "no digest"
[ "${want##* }" = 48 ] || say "digest of '$want', wanted 48 runs"
[ -e tiny.h5.lock ] && flock -n tiny.h5.lock true || [ ! -e tiny.h5.lock ] || say "the lock is still held"
[ -z "$(ls tiny.work/runs 2>/dev/null)" ] || say "work directories are left: $(ls tiny.work/runs)"

start=$(date +%s%N)
"$ISOGLOSS" run "$campaign" >out 2>err || say "a second call fails: $(cat err)"
[ $((($(date +%s%N) - start) / 1000000)) -lt 2000 ] || say "a finished campaign takes more than 2 s"
grep -q '^48 of 48 runs done; 0 of them now' out || say "second summary: $(cat out)"

for ranks in 1 2 3 5; do
    timeout 60 mpirun -n $ranks "$ISOGLOSS" run -o "r$ranks.h5" "$campaign" >out 2>err || say "$ranks ranks fail: $(cat err)"
    got=$("$digest" "r$ranks.h5")
    [ "$got" = "$want" ] || say "$ranks ranks give '$got', one process '$want'"
    [ -s err ] && say "$ranks ranks talk: $(cat err)"
done
timeout 60 mpirun -n 3 "$ISOGLOSS" run -o r3.h5 "$campaign" >out 2>err || say "a finished store under mpirun fails: $(cat err)"
grep -q '; 0 of them now' out || say "a finished store under mpirun: $(cat out)"

# Shards are disjoint, and together everything; families stay whole.
n=0
for i in 1 2 3; do
    "$ISOGLOSS" run --shard $i/3 -o "s$i.h5" "$campaign" >out 2>err || say "shard $i: $(cat err)"
    n=$((n + $("$digest" "s$i.h5" | cut -d' ' -f2)))
done
[ $n = 48 ] || say "three shards have $n runs, wanted 48"
grep -q '^next:  the other shards' out || say "the end of a shard: $(cat out)"
"$ISOGLOSS" fit --json --bootstrap 0 --target aa s1.h5 s2.h5 s3.h5 >out 2>err || say "a fit of three shards: $(cat err)"
tr -d ' ' <out | grep -q '"planned_runs":48,' || say "runs of three shards are counted once: $(grep planned out)"
tr -d ' ' <out | grep -q '"missing_runs":0,' || say "no run of three shards is missing: $(grep missing out)"

# Rank 0 alone knows what no worker can begin: refused once, by all, and nothing is made.
{ cat "$campaign"; echo 'resources: [{cores: 4096}]'; } >wide.yaml
timeout 60 mpirun -n 3 "$ISOGLOSS" run -o wide.h5 wide.yaml >out 2>err
[ $? = 2 ] && [ "$(grep -c '^isogloss run:' err)" = 1 ] || say "too many cores are refused once with 2: $(cat out err)"
[ -e wide.h5 ] && say "a refused launch makes a store"
timeout 60 mpirun -n 3 "$ISOGLOSS" run -o r3.h5 wide.yaml >out 2>err || say "what is done needs no cores: $(cat err)"

sed 's/tokens: \[1M/tokens: [1500k/' "$campaign" >tiny.yaml
"$ISOGLOSS" run tiny.yaml >out 2>err
[ $? = 2 ] || say "a changed campaign is not refused with 2: $(cat err)"
[ "$("$digest" tiny.h5)" = "$want" ] || say "a refused campaign changed the store"
timeout 60 mpirun -n 3 "$ISOGLOSS" run tiny.yaml >out 2>err && say "a changed campaign is not refused under mpirun"
[ "$(grep -c '^isogloss run:' err)" = 1 ] || say "the refusal is said once: $(cat err)"

timeout 60 mpirun -n 3 "$ISOGLOSS" run --help >out 2>err || say "--help fails under mpirun: $(cat err)"
[ "$(grep -c "^Usage:" out)" = 1 ] || say "the help is printed once"
timeout 60 mpirun -n 3 "$ISOGLOSS" run --nonsense "$campaign" >out 2>err
[ $? = 2 ] && [ "$(grep -c "^isogloss run:" err)" = 1 ] || say "an unknown option is said once: $(cat err)"

[ $failed = 0 ] && echo "run: all good"
exit $failed
