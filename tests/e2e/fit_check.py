"""isogloss fit --check: what it says of honest and of dishonest resampling, its messages, its JSON, and the
published data where they are there."""
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile

import jsonschema

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import done, expect  # noqa: E402
DATA = os.path.join(os.environ.get("ISOGLOSS_SHARED", "/nonexistent"), "data")
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/fit.schema.json"))))


def run(*args):
    p = subprocess.run([ISOGLOSS, "fit", *args], capture_output=True, text=True, timeout=100)
    return p.returncode, p.stdout, p.stderr


def check(*args):
    rc, out, err = run("--json", *args)
    expect(f"exit 0 of {args}", rc == 0, rc, err)
    result = json.loads(out)
    errors = [e.message for e in SCHEMA.iter_errors(result)]
    expect(f"schema of {args}", not errors, *errors)
    return result


def runs(points=1, count=60, run_sd=0.004, point_sd=0.001):
    """Runs of `points` evaluations each, whose errors are mostly the run's."""
    r = random.Random(3)
    rows = []
    for i in range(count):
        n, d = 2e7 * 300 ** (i % 10 / 9), 1e9 * 150 ** (i // 10 / max(1, count // 10 - 1))
        shared = r.gauss(0, run_sd)
        for k in range(points):
            at = d * (k + 2) / (points + 1)
            loss = (1.8 + 480 / n**.35 + 2100 / at**.37) * math.exp(shared + r.gauss(0, point_sd))
            rows.append({"run_id": f"r{i:02d}", "N_params": n, "D_tokens": at, "loss": loss})
    return rows


def write(name, rows):
    path = os.path.join(tmp, name)
    with open(path, "w", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)
    return path


def test_honest_and_not():
    path = write("clustered.csv", runs(points=5))
    result = check(path, "--points", "all", "--check=40", "--bootstrap", "200")
    law, misfit = result["check"]["parts"]
    expect("two parts", (law["kind"], misfit["kind"], law["worlds"], law["with_intervals"]) == ("law", "misfit", 40, 40))
    expect("clusters", (result["check"]["n_clusters"], result["check"]["unit"]) == (60, "run_id"), result["check"])
    expect("near what is promised", law["share"] > 0.85, law["sentence"])
    expect("worlds resemble the data", abs(law["residual_rms"] / result["residuals"]["rms"] - 1) < 0.15,
           law["residual_rms"], result["residuals"]["rms"])
    expect("the truth is the fit", all(n["truth"] == result["parameters"][k]["estimate"]
                                       for k, n in law["numbers"].items() if k in result["parameters"]))
    expect("the counts add up", all(
        n[m]["covered"] + n[m]["truth_below"] + n[m]["truth_above"] == n[m]["intervals"] <= n["percentile"]["intervals"] == 40
        for n in law["numbers"].values() for m in ("percentile", "bca", "sandwich")))
    expect("the loss of the best run is among the numbers", "loss of the best run" in law["numbers"])
    again = check(path, "--points", "all", "--check=40", "--bootstrap", "200")
    expect("the same again", again == result)
    expect("other worlds from another seed", check(path, "--points", "all", "--check=40", "--bootstrap", "200", "--seed", "2")
           ["check"] != result["check"])
    rows = check(path, "--points", "all", "--check=40", "--bootstrap", "200", "--resample", "rows")["check"]
    expect("rows resampled: the runs stay whole and the intervals fail", rows["n_clusters"] == 60 and
           rows["parts"][0]["share"] < 0.8 and "too short" in rows["parts"][0]["warning"], rows["parts"][0]["sentence"])
    without = check(path, "--points", "all", "--bootstrap", "200")
    for fit in (result, without):
        fit["request"].pop("check", None)
    expect("the check changes nothing else", without == {k: v for k, v in result.items() if k != "check"})


def test_text():
    path = write("runs.csv", runs())
    rc, out, err = run(path, "--check=20", "--bootstrap", "200")
    expect("80 columns", rc == 0 and max(map(len, out.splitlines())) <= 80, out, err)
    text = " ".join(out.split())
    for words in ("nominal 95 % intervals covered the truth in", "of 20 simulated campaigns on this design: A ",
                  "under a rival truth, the law bent by the misfit that these data show", "Worlds keep 60 clusters (run_id) whole",
                  "200 refits each, seed 1"):
        expect(f"the text says '{words}'", words in text, out)


def test_rival():
    path = write("runs.csv", runs())
    result = check(path, "--check=20", "--bootstrap", "100", "--tie", "alpha=beta", "--rival", "chinchilla")
    law, rival = result["check"]["parts"]
    expect("a rival law", (rival["kind"], rival["law"]) == ("rival", "chinchilla"))
    expect("what is tied has no coverage", not {"alpha", "beta"} <= set(law["numbers"]), list(law["numbers"]))


def test_messages():
    path = write("runs.csv", runs())
    for args, parts in {("--check=3",): ["--check", "3 is outside 20"], ("--check=x",): ["'x' is not a whole number"],
                        ("--check=20", "--rival", "chinchila"): ["--rival", "did you mean 'chinchilla'"],
                        ("--check=20", "--fix", "alpha=9"): ["--fix alpha=9"]}.items():
        rc, _, err = run(path, *args)
        expect(f"refused {args}", rc == 2 and all(p in err for p in parts), rc, err)
    few = write("few.csv", runs(count=10))
    expect("nothing to check", check(few, "--check=20")["check"] is None)
    rc, out, _ = run(few, "--check=20")
    expect("and this is said", rc == 0 and "check      none: there is no interval (10 clusters" in out, out)
    rc, out, _ = run(path, "--check=20", "--bootstrap", "0")
    expect("no intervals asked for", rc == 0 and "check      none: there is no interval (--bootstrap 0)" in out, out)


def test_published():
    path = os.path.join(DATA, "chinchilla_replication.csv")
    result = check(path, "--drop-highest", "5", "--check=20")
    law = result["check"]["parts"][0]
    expect("groups of compute speak and stay whole", (result["check"]["n_clusters"], law["with_intervals"]) == (22, 20) and
           result["check"]["unit"].startswith("C "), result["check"]["unit"])
    first = sum(n["first"]["covered"] for k, n in law["numbers"].items() if k in result["parameters"]) / 100
    expect("runs alone are not enough", first < law["share"] - 0.1, first, law["share"])
    runs_only = check(path, "--drop-highest", "5", "--check=20", "--bootstrap", "100", "--cluster", "run_id")["check"]
    expect("240 runs", (runs_only["n_clusters"], runs_only["strata"]) == (240, 8), runs_only["n_clusters"])
    expect("coverage on the published design", law["share"] > 0.85, law["sentence"])


with tempfile.TemporaryDirectory() as tmp:
    for test in (test_honest_and_not, test_text, test_rival, test_messages):
        test()
    if os.path.isdir(DATA):
        test_published()
    else:
        print("published data not found: their design was not checked")
done()
