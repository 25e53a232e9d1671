#!/bin/bash
# What must never be in the tree: fast-math, unfinished work, paths and addresses of one machine.
set -u
cd "$ISOGLOSS_SOURCE" || exit 1
git rev-parse --git-dir >/dev/null 2>&1 ||
    { echo "no git checkout: which files belong to the tree is not known"; exit 77; }
bad=0
forbid() { # reason, extended regular expression, path limits...
    local reason=$1 pattern=$2
    shift 2
    git grep -nIE -e "$pattern" -- ':!tests/lint/words.sh' "$@" || return 0
    echo "-- $reason"
    bad=$((bad + 1))
}

forbid "fast-math compiles isfinite() away and divergence goes unseen" \
    '"?-(ffast-math|Ofast|funsafe-math-optimizations|ffinite-math-only)[" )]' \
    src cmake tests CMakePresets.json
forbid "unfinished work has no place in the tree" \
    '\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented' src include tests scripts cmake slurm bench
forbid "a path of one machine" '(^|[^A-Za-z0-9_.{}$-])/(home|root|work|Users|scratch)/[A-Za-z0-9]'
forbid "the address of one host" '\b[0-9]{1,3}(\.[0-9]{1,3}){3}\b' src slurm .ci cmake Makefile
forbid "exit and abort belong to main and to child processes, not to the library" \
    '(^|[^_A-Za-z])(exit|abort|MPI_Abort) *\(' src/base src/campaign src/analysis src/store \
    src/corpus src/report src/cli
forbid "the only label of a goto is done" 'goto +([^d]|d[^o]|do[^n]|don[^e])' src

echo "$bad kinds of violation"
[ "$bad" = 0 ]
