"""One training measured in two ways is one training: the same losses, also of what is finetuned from it, in one cluster."""
import csv
import io
import os
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import check, done, isogloss, made_corpus, scratch  # noqa: E402

campaign, store = (os.path.join(scratch, n) for n in ("c.yaml", "c.h5"))
with open(campaign, "w", encoding="ascii") as f:
    f.write(f"""
isogloss: 1
name: streams
seed: 1
corpus: {made_corpus("de,ru", 100000)}
trainer: {{kind: proxy, context: 64, warmup: 1k}}
sizes: [{{layers: 1, d: 16, heads: 1}}]
tokens: [16k, 32k]
evaluate: {{languages: [de, ru], bytes: 2Ki, shards: 4}}
families:
  - {{name: base, mixture: monolingual, languages: [de], points: {{count: 2, spacing: linear}}}}
  - {{name: other, mixture: monolingual, languages: [de], points: {{count: 4, spacing: linear}}, evaluate: [ru]}}
  - {{name: tune, from: base, languages: [ru], tokens: [8k], points: 1}}
  - {{name: again, from: other, languages: [ru], tokens: [8k], points: 1}}
""")
isogloss("run", "-o", store, campaign)
rows = list(csv.DictReader(io.StringIO(isogloss("export", "--tidy", store))))


def ru(family):
    """{(budget of the root run, tokens): (cluster, loss)} of the evaluation that all have."""
    return {(r["run_id"], r["D_tokens"]): (r["cluster_id"], r["loss"]) for r in rows
            if r[f"in_{family}"] == "1" and r["evaluation"] == "ru"}


base, other, tune, again = (ru(f) for f in ("base", "other", "tune", "again"))
check([len(x) for x in (base, other, tune, again)] == [4, 8, 1, 1], f"{base} {other} {tune} {again}")
ids = lambda family: {run for run, _ in family}
check(not ids(base) & ids(other) and not ids(tune) & ids(again), "they are runs of their own")
# 8k of 16k and 16k of 32k are measured in both, and so are the ends
check(set(base.values()) < set(other.values()), f"{base} {other}")
check(len({loss for _, loss in base.values()}) == 4 and len({c for c, _ in other.values()}) == 2, "two trainings")
check(list(tune.values()) == list(again.values()), f"finetuned: {tune} {again}")
done()
