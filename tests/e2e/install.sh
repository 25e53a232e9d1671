#!/bin/bash
# An installed tree works from anywhere: the binary finds its helpers beside it.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$ISOGLOSS_BUILD" --prefix "$dir/usr" >/dev/null

for file in bin/isogloss libexec/isogloss/isogloss-train libexec/isogloss/isogloss-guard \
    share/isogloss/slurm/campaign.sbatch share/isogloss/jobs share/isogloss/schemas \
    share/doc/isogloss/README.md share/doc/isogloss/LICENSE; do
    [ -e "$dir/usr/$file" ] || { echo "not installed: $file"; exit 1; }
done
cd /
"$dir/usr/bin/isogloss" --version

# No library is looked for in the build tree.
if readelf -d "$dir/usr/bin/isogloss" 2>/dev/null | grep -iE 'r(un)?path.*build'; then
    echo "the installed binary looks for libraries in the build tree"
    exit 1
fi
