#!/usr/bin/env bash
# The committed schema and references are what the tables of fields and laws print.
set -eu
bad=0
same() { # FILE OPTION
    if ! "$ISOGLOSS" check "$2" | diff -u "$ISOGLOSS_SOURCE/$1" -; then
        echo "$1 is out of date: isogloss check $2 > $1"
        bad=1
    fi
}
same schemas/campaign.schema.json --print-schema
same docs/campaign.md --print-reference
if ! "$ISOGLOSS" laws --markdown | diff -u "$ISOGLOSS_SOURCE/docs/laws.md" -; then
    echo "docs/laws.md is out of date: isogloss laws --markdown > docs/laws.md"
    bad=1
fi
exit $bad
