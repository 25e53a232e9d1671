#!/bin/bash
# Every command has a test that runs it, and --help of each fits in 80 columns.
set -u
cd "$ISOGLOSS_SOURCE" || exit 1
bad=0
n=0
for verb in $("$ISOGLOSS" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'); do
    n=$((n + 1))
    grep -rqE "(isogloss|ISOGLOSS|isg|run)[^A-Za-z].{0,40}\b$verb\b" \
        tests/e2e tests/mpi tests/fault tests/stat tests/unit --include='*.sh' --include='*.py' ||
        { echo "no test runs 'isogloss $verb'" && bad=$((bad + 1)); }
    help=$("$ISOGLOSS" "$verb" --help) || { echo "isogloss $verb --help fails" && bad=$((bad + 1)); }
    wide=$(awk 'length > 80' <<<"$help")
    [ -z "$wide" ] || { printf 'wider than 80 columns: isogloss %s --help:\n%s\n' "$verb" "$wide" && bad=$((bad + 1)); }
done
echo "$n commands, $bad complaints"
[ "$bad" = 0 ]
