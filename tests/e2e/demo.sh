#!/bin/bash
# The demo from a fresh clone: killed half-way it goes on, and called again it only shows results.
# Needs a Debian system whose package mirrors can be reached.
set -u
command -v apt-get >/dev/null || { echo "no apt-get: the demo's text comes from Debian packages"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    tail -n 30 "$dir"/*.log
    exit 1
}
git clone -q "$ISOGLOSS_SOURCE" "$dir/tree" || fail "cannot clone"
cd "$dir/tree" || exit 1
export ISOGLOSS_SETUP=no
unset ISOGLOSS # the demo uses what it builds
store=build/demo/demo.h5
done_runs() { build/bin/isogloss status "$store" 2>/dev/null | sed -nE 's/^  all +[0-9]+ +([0-9]+) .*/\1/p'; }

scripts/demo >"$dir/first.log" 2>&1 &
demo=$!
for _ in $(seq 3000); do
    kill -0 "$demo" 2>/dev/null || break
    [ -f "$store" ] && done=$(done_runs) && [ "${done:-0}" -ge 3 ] && break
    sleep 0.1
done
kill -KILL "$demo" 2>/dev/null || fail "the demo ended before it could be killed"
wait "$demo" 2>/dev/null

started=$SECONDS
scripts/demo >"$dir/second.log" 2>&1 || fail "the second call failed"
echo "second call, going on after $done runs: $((SECONDS - started)) s"
grep -qE 'alpha +[0-9.]+' "$dir/second.log" || fail "no exponent is printed"

started=$SECONDS
scripts/demo >"$dir/third.log" 2>&1 || fail "the third call failed"
[ $((SECONDS - started)) -le 10 ] || fail "a call with nothing to do took $((SECONDS - started)) s"
