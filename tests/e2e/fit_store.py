"""isogloss fit on stores: target, monolingual runs, last points, the table of losses; a store that lies
exactly on a law gives that law back."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, call, check, done, isogloss, scratch, store  # noqa: E402

import subprocess  # noqa: E402

full = store("full.h5", "--first", "0")


def fit(*args, status=0):
    return json.loads(isogloss("fit", *args, "--json", status=status))


p = subprocess.run([ISOGLOSS, "fit", full], capture_output=True, text=True, timeout=60)
check(p.returncode == 2 and "evaluation (2 values: aa, bb)" in p.stderr and "--target" in p.stderr, f"refusal: {p.stderr}")

result = fit(full, "--target", "aa", "--bootstrap", "100")
check(result["n_observations"] == 24 and result["n_clusters"] == 24, f"24 runs of aa: {result['n_observations']}")
check(result["selection"]["unit"] == "bit/byte" and "cooled" in result["selection"]["points"], result["selection"])
check(any("24 of 48" in n for n in result["selection"]["notes"]), f"what was done: {result['selection']['notes']}")
truth = {"A": 3, "B": 40, "E": 1.5, "alpha": .3, "beta": .35}  # tests/support/sample_result.h
for name, value in truth.items():
    got = result["parameters"][name]["estimate"]
    check(abs(got / value - 1) < 1e-6, f"{name}: got {got}, wanted {value}")
other = fit(full, "--target", "aa", "--n", "nonembedding", "--bootstrap", "0")
check(other["selection"]["n_column"] == "N_nonembedding", "--n nonembedding")

curse = json.loads(subprocess.run([ISOGLOSS, "fit", full, "--target", "aa", "--law", "curse", "--fix", "phi=0", "--fix", "psi=0", "--json",
                                   "--bootstrap", "0"], capture_output=True, text=True, timeout=60, check=False).stdout)
check(curse["selection"]["variables"]["D"]["from"] == "tokens_aa" and curse["n_observations"] == 24, curse["selection"])
check([(e["reason"], e["count"]) for e in curse["excluded"]] == [("not trained on the target language", 24)], curse["excluded"])
for name, value in truth.items():
    check(abs(curse["parameters"][name]["estimate"] / value - 1) < 1e-6, f"curse, {name}: {curse['parameters'][name]}")

groups = fit(full, "--by", "evaluation", "--bootstrap", "0")
check([f["group"] for f in groups["fits"]] == ["aa", "bb"], "--by evaluation")
check(all(f["n_observations"] == 24 for f in groups["fits"]), "each language has its own runs")

text = isogloss("fit", full, "--target", "bb", "--bootstrap", "100")
check("Loss falls with N in 9 of 9 steps, with D in 8 of 8." in text, f"the table of losses:\n{text}")
check(max(map(len, text.splitlines())) <= 80, "80 columns")

tidy = os.path.join(scratch, "tidy.csv")
isogloss("export", full, "-o", tidy)
csv = fit(tidy, "--target", "aa", "--bootstrap", "100")
check(csv["parameters"] == result["parameters"], "the exported table gives the same numbers")
check(csv["selection"]["notes"] == result["selection"]["notes"], f"and says the same: {csv['selection']['notes']}")
pooled = [fit(f, "--target", "aa", "--pool", "--bootstrap", "0")["n_observations"] for f in (full, tidy)]
check(pooled == [48, 48], f"--pool takes the runs of both languages: {pooled}")

part = store("part.h5", "--first", "0", "--diverge", "0")
notes = fit(part, "--target", "aa", "--bootstrap", "0")["selection"]["notes"]
check(any("1 run diverged" in n for n in notes), f"diverged runs are said: {notes}")
failed = store("failed.h5", "--first", "0", "--fail", "0")
result = fit(failed, "--target", "aa", "--bootstrap", "0")
planned = result["selection"]["planned_runs"]
check(result["selection"]["missing_runs"] == 1, f"one run is missing: {result['selection']}")
check(f"1 of {planned} planned runs has no result (failed 1)" in result["warnings"][0], f"and this is said: {result['warnings']}")
check(fit(full, "--target", "aa", "--bootstrap", "0")["selection"]["missing_runs"] == 0, "nothing is missing of a full store")
empty = store("empty.h5")
p = subprocess.run([ISOGLOSS, "fit", empty], capture_output=True, text=True, timeout=60)
check(p.returncode == 5 and "no finished run" in p.stderr, f"an empty store: {p.returncode} {p.stderr}")
done()
