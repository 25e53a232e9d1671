#!/bin/bash
# The corpus verbs as a user meets them, on made-up text.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
expect() { # status, text that must appear, command...
    local status=$1 text=$2
    shift 2
    "$@" >"$dir/out" 2>&1 </dev/null
    local got=$?
    [ "$got" = "$status" ] && grep -qF -- "$text" "$dir/out" && return
    echo "got status $got, wanted $status and '$text': $*"
    sed 's/^/    /' "$dir/out"
    bad=$((bad + 1))
}
make() { /usr/bin/python3 "$ISOGLOSS_SOURCE/tests/support/make_corpus.py" "$@"; }

expect 0 "2 languages" make "$dir/c" --languages en,ru --bytes 60000 --shards 4
expect 0 "is up to date" make "$dir/c" --languages en,ru --bytes 60000 --shards 4
expect 1 "--rebuild" make "$dir/c" --languages en,ru --bytes 70000 --shards 4
expect 0 "Russian-like" "$ISOGLOSS" corpus show "$dir/c"
expect 0 '"shard_offset"' "$ISOGLOSS" corpus show --json "$dir/c"
cp "$dir/out" "$dir/shown.json"
/usr/bin/python3 "$ISOGLOSS_SOURCE/tests/support/fits.py" "$ISOGLOSS_SOURCE/schemas/corpus.schema.json" "$dir/shown.json"
case $? in
    0) ;;
    77) echo "python3-jsonschema is missing: the index was not held against its schema" ;;
    *) bad=$((bad + 1)) ;;
esac
expect 0 "2 languages as built" "$ISOGLOSS" corpus verify "$dir/c"
printf 'x' | dd of="$dir/c/ru.train" bs=1 seek=100 conv=notrunc status=none
expect 2 "ru.train' was changed" "$ISOGLOSS" corpus verify "$dir/c"
printf 'x' >>"$dir/c/ru.train"
expect 2 "but index.json says" "$ISOGLOSS" corpus show "$dir/c"
expect 2 "no index.json" "$ISOGLOSS" corpus show "$dir"
expect 2 "did you mean 'build'" "$ISOGLOSS" corpus bild
expect 2 "where to?" "$ISOGLOSS" corpus build "$dir/none.yaml"
expect 1 "cannot open" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/none.yaml"
expect 2 "not a tar archive" bash -c "yes | head -c 5000 | '$ISOGLOSS' corpus extract -o '$dir/x' libreoffice-po"

cat >"$dir/m.yaml" <<'YAML'
name: wrong
shard: 3
held_fraction: 1.5
languages:
  - {code: aa, script: Latn, files: [aa.txt], sript: x}
  - {script: Latn}
YAML
expect 2 "m.yaml:2:1: unknown key 'shard'; did you mean 'shards'?" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/m.yaml"
expect 2 "m.yaml:3:16: held_fraction: wanted a share" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/m.yaml"
expect 2 "did you mean 'script'?" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/m.yaml"
expect 2 "m.yaml:6:5: key 'code' is missing" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/m.yaml"
cat >"$dir/m.yaml" <<'YAML'
name: one-page
languages: [{code: aa, script: Latn, files: m.yaml}]
YAML
expect 2 "keys: block" "$ISOGLOSS" corpus build -o "$dir/d" "$dir/m.yaml"
for verb in build show verify extract; do
    expect 0 "Usage: isogloss corpus $verb" "$ISOGLOSS" corpus "$verb" --help
    wide=$(awk 'length > 80' "$dir/out")
    [ -z "$wide" ] || { echo "wider than 80 columns: $wide"; bad=$((bad + 1)); }
done
[ -z "$(find "$dir" -name '*.tmp*' -o -name '*.old*' -o -name '*.spool')" ] ||
    { echo "left behind: $(find "$dir" -name '*.tmp*' -o -name '*.spool')"; bad=$((bad + 1)); }
echo "$bad failures"
[ "$bad" = 0 ]
