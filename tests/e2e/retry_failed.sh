#!/bin/bash
# A run that failed for good stays failed until --retry-failed, which leaves committed runs alone.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
fail() { echo "FAILED: $*" >&2; exit 1; }
cat >train.py <<'PY'
import json, os, sys
run = json.load(open(os.environ["ISOGLOSS_RUN"]))
if run["tokens"] == 2000000 and not os.path.exists(sys.argv[1]):
    sys.exit("the data for two million tokens are not there")
with open(os.environ["ISOGLOSS_EVENTS"], "a") as f:
    for t in run["points"]:
        print(json.dumps({"event": "point", "run": run["id"], "tokens": t, "lr_state": "end",
                          "seen": {"aa": t}, "loss": {"aa": 2 + 100 / t ** 0.3}}), file=f)
    print(json.dumps({"event": "end", "run": run["id"], "outcome": "done", "tokens": run["tokens"],
                      "flops": 1, "seconds": 1}), file=f)
PY
cat >c.yaml <<YAML
isogloss: 1
name: retry
seed: 1
corpus: {languages: {aa: {train_bytes: 4M, held_bytes: 256k}}}
trainer: {kind: command, command: [/usr/bin/python3, $dir/train.py, $dir/fixed], version: "1"}
sizes: [12k]
tokens: [1M, 2M]
evaluate: {languages: [aa], points: {count: 2, spacing: log}, bytes: 16k, shards: 1}
families:
  - {name: mono, mixture: monolingual, languages: [aa]}
limits: {retries: {exit: 0}}
YAML
status=0; "$ISOGLOSS" run c.yaml >out 2>err || status=$?
[ "$status" = 3 ] || fail "first run: exit status $status: $(cat out err)"
cp out first
grep -q 'run --retry-failed' out || fail "the summary does not say how to try again: $(cat out)"
"$ISOGLOSS" status retry.h5 >out
for words in 'D 2M, seed 1' 'code 1' 'stderr.txt' '--retry-failed'; do
    grep -q -- "$words" out || fail "status does not say '$words': $(cat out)"
done
grep -q 'not there' "$dir"/retry.work/runs/*/attempt-1/stderr.txt || fail "no last words of the trainer"

# What the summary offers works as it is printed, and says what it is.
grep -A 1 '^next:' first >offered
[ "$(sed -E 's/^(next:)? +//; s/   \(.*//' offered | tee commands | wc -l)" = 2 ] || fail "no commands: $(cat first)"

touch fixed
status=0; "$ISOGLOSS" run c.yaml >out 2>err || status=$?
[ "$status" = 3 ] || fail "without the option it stays failed; exit status $status"
while read -r isogloss words; do
    [ "$isogloss" = isogloss ] || fail "no command: $isogloss $words"
    eval "\"\$ISOGLOSS\" $words" >out 2>err || fail "$words: $(cat out err)"
done <commands
grep -q '2 of 2 runs done; 1 of them now' out || fail "only the failed run is trained: $(cat out)"
"$ISOGLOSS" status --exit-code retry.h5 >out || fail "not done: $(cat out)"
