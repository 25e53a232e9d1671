#!/usr/bin/env bash
# Proxy trainers in slots: one process serves runs of changing shape; a drain, a
# killed trainer and a killed guard cost an attempt, not a bit of the result.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
digest=$ISOGLOSS_BUILD/tests/bin/store_digest
cd "$dir" || exit 1

say() { echo "proxy_slots: $*"; failed=$((failed + 1)); }

/usr/bin/python3 "$ISOGLOSS_SOURCE/tests/support/make_corpus.py" corpus --languages en,de --bytes 400000 --shards 4 >log 2>&1 ||
    { say "no corpus: $(cat log)"; exit 1; }
cat >slots.yaml <<'EOF'
isogloss: 1
name: slots
seed: 3
corpus: corpus
trainer: {kind: proxy}
sizes: [12k, 25k]
tokens: [250k]
evaluate: {languages: [en, de], points: {count: 3, spacing: log}, bytes: 4k, shards: 4}
checkpoints: {every: 0.5s}
families:
  - {name: mono, mixture: monolingual, languages: [en, de]}
EOF

timeout 60 "$ISOGLOSS" run -j 1 -o straight.h5 slots.yaml >out 2>err || say "the unbroken campaign fails: $(cat out err)"
want=$("$digest" straight.h5)
[ "${want##* }" = 4 ] || say "digest of '$want', wanted 4 runs"

timeout --preserve-status -s USR1 0.6 "$ISOGLOSS" run -j 2 -o drained.h5 slots.yaml >out 2>err
[ $? = 75 ] || say "a drained campaign does not exit 75: $(cat out err)"
timeout 60 "$ISOGLOSS" run -j 2 -o drained.h5 slots.yaml >out 2>err || say "the resumed campaign fails: $(cat out err)"
[ "$("$digest" drained.h5)" = "$want" ] || say "results differ after a drain"

# Kill a trainer, then a guard, below a campaign that goes on.
timeout 60 "$ISOGLOSS" run -j 2 -o killed.h5 slots.yaml >out 2>err &
run=$!
below() { # PID NAME: descendants of that name
    local p
    for p in $(pgrep -P "$1"); do
        [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$2" ] && echo "$p"
        below "$p" "$2"
    done
}
for name in isogloss-train isogloss-guard; do
    for _ in $(seq 100); do
        victim=$(below $run $name | head -1)
        [ -n "$victim" ] && break
        sleep 0.02
    done
    sleep 0.2
    { [ -n "$victim" ] && kill -9 "$victim"; } || say "no $name to kill"
done
wait $run || say "a campaign with killed trainers fails: $(cat out err)"
[ "$("$digest" killed.h5)" = "$want" ] || say "results differ after kills"

[ $failed = 0 ] && echo "proxy_slots: all good"
exit $failed
