#!/bin/bash
# Dependencies point down, and each outside library is included behind one door.
set -u
cd "$ISOGLOSS_SOURCE" || exit 1
bad=0
complain() { echo "$*"; bad=$((bad + 1)); }
includes() { sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*/\1/p' "$1"; }

# Outside headers and the only files that may include them (docs/architecture.md).
doors='
mpi.h        ^src/(comm/|store/h5\.c)
hdf5.*\.h    ^src/store/
gsl/.*       ^src/analysis/
yaml.h       ^src/campaign/
jansson.h    ^include/isogloss/json\.h
cuda.*\.h    ^src/train/cuda\.cu
'
files=$(find src include -name '*.[ch]' -o -name '*.cu' | sort)
seen=0
while read -r header door; do
    [ -n "$header" ] || continue
    # shellcheck disable=SC2086 # words
    for file in $(grep -lE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$header[>\"]" $files); do
        seen=$((seen + 1))
        [[ $file =~ $door ]] || complain "$file includes $header; its door is $door"
    done
done <<<"$doors"
[ "$seen" -gt 0 ] || complain "no door was ever used: this check looks in the wrong place"

# A folder may use those of lower level and itself; the trainer only base and corpus.
declare -A level=([base]=0 [comm]=1 [campaign]=2 [corpus]=3 [analysis]=3 [store]=4 [run]=5
    [report]=6 [cli]=7 [train]=99)
declare -A owner # public header -> the folder behind it
for header in include/isogloss/*.h; do
    name=$(basename "$header" .h)
    for source in src/*/"$name".c src/*/"$name".c.in src/*/"$name"_*.c; do
        [ -e "$source" ] && owner[$name]=$(basename "$(dirname "$source")") && break
    done
    [ -z "${owner[$name]:-}" ] && [ -d "src/$name" ] && owner[$name]=$name
    [ "$name" = plan ] && owner[$name]=campaign
    [ -n "${owner[$name]:-}" ] || complain "$header: no src/*/$name.c implements it"
done

for file in $(find src -mindepth 2 -name '*.[ch]' | sort); do
    folder=$(cut -d/ -f2 <<<"$file")
    for include in $(includes "$file"); do
        case $include in
        ../*) complain "$file: $include reaches into another folder" && continue ;;
        isogloss/*) used=${owner[$(basename "$include" .h)]:-base} ;;
        */*) used=${include%%/*} ;;
        *) used=$folder ;;
        esac
        [ "$used" = "$folder" ] && continue
        if [ "$folder" = train ]; then
            [[ $used =~ ^(base|corpus)$ ]] || complain "$file: the trainer may not use $used ($include)"
        elif [ "${level[$used]:-9}" -ge "${level[$folder]:-0}" ]; then
            complain "$file: $folder may not use $used ($include)"
        fi
    done
done

echo "$bad violations"
[ "$bad" = 0 ]
