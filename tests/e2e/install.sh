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
cd "$dir"

# A campaign of one real run: trainer and guard are found beside the installed program.
unset ISOGLOSS_LIBEXEC
export ISOGLOSS=$dir/usr/bin/isogloss
/usr/bin/python3 "$ISOGLOSS_SOURCE/tests/support/make_corpus.py" made --languages en --bytes 100000 \
    --shards 1 >log 2>&1 || { cat log; exit 1; }
cat >one.yaml <<YAML
isogloss: 1
name: one
seed: 1
corpus: made
trainer: {kind: proxy}
sizes: [p0]
tokens: [20k]
evaluate: {languages: [en], points: 2, bytes: 1Ki, shards: 1}
families: [{name: mono, mixture: monolingual, languages: [en]}]
YAML
export PATH=$dir/usr/bin:/usr/bin:/bin
isogloss --version
isogloss run one.yaml -o one.h5 >log 2>&1 || { cat log; exit 1; }
isogloss status --exit-code one.h5

# No library is looked for in the build tree.
if readelf -d "$dir/usr/bin/isogloss" 2>/dev/null | grep -iE 'r(un)?path.*build'; then
    echo "the installed binary looks for libraries in the build tree"
    exit 1
fi
