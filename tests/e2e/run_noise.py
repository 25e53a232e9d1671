"""The noise between seeds is of runs that differ in seeds alone: what is read again and again belongs to the setting,
whether the law knows of it or not."""
import csv
import io
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, check, done, scratch  # noqa: E402

CAMPAIGN = """
isogloss: 1
name: noise
seed: 1
corpus: {languages: {aa: {train_bytes: 8M, held_bytes: 256k}}}
trainer: {kind: synthetic, law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}, noise: {run: 0.003}}
sizes: [12k, 25k, 49k]
tokens: [1M, 2M, 4M]
evaluate: {languages: [aa], points: 2, bytes: 16k, shards: 4}
families: [{name: f, mixture: monolingual, languages: [aa], unique: [all, 500k], seeds: 4}]
"""


def isogloss(*words):
    return subprocess.run([ISOGLOSS, *words], cwd=scratch, capture_output=True, text=True, check=True, timeout=60).stdout


def noise(table, *options):
    isogloss("fit", table, "--bootstrap", "100", "-o", "fit.json", *options)
    with open(os.path.join(scratch, "fit.json"), encoding="utf-8") as f:
        return json.load(f)["run_noise"]


with open(os.path.join(scratch, "noise.yaml"), "w", encoding="utf-8") as f:
    f.write(CAMPAIGN)
isogloss("run", "noise.yaml")
rows = list(csv.DictReader(io.StringIO(isogloss("export", "noise.h5"))))
for row in rows:  # text read again is worth less, by far more than seeds differ
    row["loss"] = float(row["loss"]) * (1 + 0.02 * (float(row["epochs"]) - 1))
with open(os.path.join(scratch, "table.csv"), "w", encoding="utf-8", newline="") as f:
    out = csv.DictWriter(f, list(rows[0]))
    out.writeheader()
    out.writerows(rows)
for options in ((), ("--law", "dcsl"), ("--where", "epochs<=1")):
    found = noise("table.csv", *options)
    settings = 9 if "--where" in options else 18
    check((found["runs"], found["settings"]) == (4 * settings, settings), f"{options}: {found}")
    check(found["lo"] < 0.003 < found["hi"], f"{options}: {found}")
done()
