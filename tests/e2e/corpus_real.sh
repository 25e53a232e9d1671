#!/bin/bash
# The demo's corpus from the real packages: fetched, built, sound; no held-out line is trained on.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }

command -v apt-get >/dev/null || { echo "no apt-get: the text comes from Debian packages"; exit 77; }
start=$SECONDS
if ! ISOGLOSS_CACHE=$dir/cache timeout 250 "$ISOGLOSS_SOURCE/scripts/fetch-demo-corpus" "$dir/corpus" \
    >"$dir/out" 2>"$dir/err"; then
    cat "$dir/err"
    grep -q "could not be downloaded" "$dir/err" &&
        { echo "no package could be downloaded: no network here"; exit 77; }
    exit 1
fi
echo "prepared in $((SECONDS - start)) s"
cat "$dir/out"

"$ISOGLOSS" corpus verify "$dir/corpus" || complain "verify fails"
languages=$(grep -c '"code":' "$dir/corpus/index.json")
scripts=$(grep '"script":' "$dir/corpus/index.json" | sort -u | wc -l)
[ "$languages" -ge 8 ] && [ "$scripts" -ge 5 ] || complain "$languages languages of $scripts scripts"
for held in "$dir"/corpus/*.held; do
    code=$(basename "$held" .held)
    train=$dir/corpus/$code.train
    [ "$(stat -c %s "$train")" -gt 1000000 ] || complain "$code: less than 1 MB of training text"
    [ "$(stat -c %s "$held")" -gt 65536 ] || complain "$code: less than 64 KiB of held-out text"
    iconv -f UTF-8 -t UTF-8 "$train" >/dev/null || complain "$code: not UTF-8"
    # An oracle that shares no code: folded with sed, compared with sort and comm.
    fold() { sed -E 's/[0-9]+/0/g; s/[[:space:]]+/ /g; s/^ //; s/ $//' "$1" | LC_ALL=C sort -u; }
    common=$(LC_ALL=C comm -12 <(fold "$held") <(fold "$train") | wc -l)
    [ "$common" = 0 ] || complain "$code: $common held-out lines are also trained on"
    twice=$(LC_ALL=C sort "$train" | uniq -d | wc -l)
    [ "$twice" = 0 ] || complain "$code: $twice lines are twice in the training text"
    grep -qE '<span|class="|id="(par|hd)_' "$train" && complain "$code: mark-up is left in the text"
done
again=$SECONDS
"$ISOGLOSS_SOURCE/scripts/fetch-demo-corpus" "$dir/corpus" >/dev/null 2>&1 || complain "the second call fails"
[ $((SECONDS - again)) -le 2 ] || complain "the second call took $((SECONDS - again)) s"
echo "$bad failures"
[ "$bad" = 0 ]
