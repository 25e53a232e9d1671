#!/bin/bash
# Nothing in the README that does not work. Blocks marked "sh run" are executed in order, in a
# directory that holds what a reader would have (the clone's files, a CSV of runs, no network);
# in every block the commands, options, make targets and files must exist.
set -u
readme=$ISOGLOSS_SOURCE/README.md
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
complain() { echo "README.md: $*" && bad=$((bad + 1)); }

block() { # info string (extended regular expression): the lines of these blocks
    awk -v want="^\`\`\`($1)\$" '
        /^```/ { if (inside) inside = 0; else inside = $0 ~ want; next }
        inside' "$readme"
}

lines=$(block 'sh( run)?' | sed -e 's/ *#.*//' -e ':a' -e '/\\$/{N;s/\\\n//;ba}')
while read -r -a words; do
    for i in "${!words[@]}"; do
        word=${words[$i]}
        next=${words[$((i + 1))]:-}
        case $word in
        make)
            [[ -z $next || $next == '&&' ]] || grep -qE "^$next:" "$ISOGLOSS_SOURCE/Makefile" ||
                complain "no target: make $next" ;;
        isogloss | */isogloss)
            help=$("$ISOGLOSS" "$next" --help 2>/dev/null) || complain "no command: isogloss $next"
            for option in "${words[@]:i}"; do
                [[ $option == --[a-z]* ]] || continue
                grep -qE -- "${option%%=*}\b" <<<"$help" || complain "isogloss $next has no ${option%%=*}"
            done ;;
        jobs/* | slurm/* | schemas/* | docs/* | scripts/*)
            [ -e "$ISOGLOSS_SOURCE/$word" ] || complain "no file $word" ;;
        --preset)
            grep -q "\"name\": \"$next\"" "$ISOGLOSS_SOURCE/CMakePresets.json" || complain "no preset $next" ;;
        esac
    done
done <<<"$lines"

# Links to files of the tree.
for link in $(grep -oE '\]\([^)#:]+\)' "$readme" | tr -d '])('); do
    [ -e "$ISOGLOSS_SOURCE/$link" ] || complain "link to $link leads nowhere"
done

# N, D, loss of a Chinchilla law with 0.3 % noise, as somebody who already has runs brings them.
awk 'BEGIN { srand(7); print "params,tokens,loss"
    for (n = 1e6; n < 2e9; n *= 2) for (d = 2e7; d < 4e10; d *= 2.5)
        printf "%.0f,%.0f,%.5f\n", n, d,
            (1.7 + 480 / n ^ 0.34 + 2100 / d ^ 0.37) * (1 + 0.003 * (rand() + rand() + rand() - 1.5)) }' >"$dir/runs.csv"
ln -s "$ISOGLOSS_SOURCE"/{jobs,schemas,slurm,docs} "$dir"
mkdir "$dir/bin" && ln -s "$ISOGLOSS" "$dir/bin/isogloss"
block 'sh run' >"$dir/commands"
[ -s "$dir/commands" ] || complain "no block is marked 'sh run'"
(cd "$dir" && PATH=$dir/bin:$PATH bash -eux ./commands) >"$dir/log" 2>&1 </dev/null ||
    { complain "a command fails:" && tail -n 30 "$dir/log"; }

echo "$(wc -l <<<"$lines") lines, $bad complaints"
[ "$bad" = 0 ]
