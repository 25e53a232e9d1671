#!/usr/bin/env bash
# The committed schema and reference of campaign files are what the field table prints.
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
exit $bad
