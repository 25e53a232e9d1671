"""isogloss compare as a user meets it: the published held-out figures, messages, JSON against its schema,
and the same answer for shuffled rows."""
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
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/compare.schema.json"))))


def run(*args):
    p = subprocess.run([ISOGLOSS, "compare", *args], capture_output=True, text=True, timeout=100, check=False)
    return p.returncode, p.stdout, p.stderr


def compare(*args, code=0):
    rc, out, err = run("--json", *args)
    expect(f"exit {code} of {args}", rc == code, rc, err)
    result = json.loads(out) if out else {}
    errors = [e.message for e in SCHEMA.iter_errors(result)]
    expect(f"schema of {args}", not errors, *errors)
    return result


def refused(what, code, parts, *args):
    rc, out, err = run(*args)
    expect(what, rc == code and all(p in err for p in parts), f"exit {rc}, wanted {code}", err, f"wanted {parts}")
    expect(what + ": nothing on stdout", not out, out)


def write(name, rows):
    path = os.path.join(tmp, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)
    return path


def world(seed=3, sd=0.003, runs=60, points=1):
    """Runs of a law whose exponents differ, `points` rows each that err together."""
    r = random.Random(seed)
    rows = []
    for i in range(runs):
        n, d, run_error = 1e7 * 10 ** r.uniform(0, 3), 1e9 * 10 ** r.uniform(0, 2), r.gauss(0, sd)
        for k in range(points):
            at = d * (k + 1) / points
            loss = (1.8 + 480 / n**0.35 + 40000 / at**0.5) * math.exp(run_error + r.gauss(0, sd / 5))
            rows.append({"run_id": f"r{i:02d}", "N_params": n, "D_tokens": at, "loss": loss})
    return rows


def score(result, split, law=0):
    return next(s for s in result["splits"] if s["name"] == split)["scores"][law]


def test_planted():
    rows = world()
    path = write("a.csv", rows)
    result = compare(path, "--laws", "chinchilla,chinchilla[alpha=beta]", "--bootstrap", "500")
    expect("splits without mixtures", [s["name"] for s in result["splits"]] == ["random", "N", "D", "C"])
    for split in result["splits"]:
        expect(f"the true law predicts {split['name']}", split["scores"][0]["rmse"] < 0.01, split)
    worse = {s["name"]: s["paired"][0]["verdict"] for s in result["splits"]}
    expect("what holds unlike exponents equal is worse beyond the most data", worse["D"] == "worse", worse)
    random.Random(5).shuffle(rows)
    other = compare(write("b.csv", rows), "--laws", "chinchilla,chinchilla[alpha=beta]", "--bootstrap", "500")
    expect("the same for shuffled rows", {**result, "source": ""} == {**other, "source": ""})
    again = compare(path, "--laws", "chinchilla,chinchilla[alpha=beta]", "--bootstrap", "500", "--seed", "2")
    expect("another seed, other random rows", score(again, "random") != score(result, "random"))
    expect("and the same largest sizes", score(again, "N") == score(result, "N"))
    itself = compare(path, "--laws", "chinchilla,chinchilla[alpha=0.35]", "--splits", "N", "--bootstrap", "0")
    expect("without refits no verdict", itself["splits"][0]["paired"][0]["verdict"] == "none")
    rc, out, err = run(path, "--laws", "chinchilla,chinchilla[alpha=beta]")
    expect("text of at most 80 columns", rc == 0 and max(map(len, out.splitlines())) <= 80, out, err)
    expect("the denominator is named", "about the mean of the held-out ln L" in " ".join(out.split()))
    expect("a clean run logs nothing", err == "", err)


def test_whole_runs():
    rows = world(points=4)
    result = compare(write("a.csv", rows), "--points", "all", "--splits", "random,D,C", "--bootstrap", "100")
    for split in result["splits"]:
        s = split["scores"][0]
        expect(f"{split['name']}: runs stay whole", s["rows"] == 4 * s["runs"], s)
    expect("clusters", result["n_clusters"] == 60 and result["n_observations"] == 240)


def test_mixtures():
    rows = world(runs=80)
    for i, r in enumerate(rows):
        r["family"] = "unimax" if i % 4 == 3 else "set"
        r["n_languages"] = [1, 2, 4, 50][i % 4]
    pooled = compare(write("a.csv", rows), "--pool", "--splits", "M,mixture", "--bootstrap", "100")
    expect("M holds out what is neither mono nor bilingual nor unimax", score(pooled, "M")["rows"] == 20, pooled)
    expect("mixture holds out each in turn", (score(pooled, "mixture")["folds"], score(pooled, "mixture")["rows"]) == (3, 60))
    default = compare(write("a.csv", rows), "--pool", "--bootstrap", "100")
    expect("M is there without asking", default["splits"][-1]["name"] == "M")
    for i, r in enumerate(rows):
        r["n_languages"] = 1 + i % 2
        r["family"] = "x"
    none = compare(write("a.csv", rows), "--pool", "--splits", "random,M", "--bootstrap", "100")
    expect("no such mixtures is said", not none["splits"][1]["available"] and "monolingual" in none["splits"][1]["rule"])
    none = compare(write("a.csv", world()), "--splits", "M,N", "--bootstrap", "100")
    expect("no columns is said", "n_languages" in none["splits"][0]["rule"], none["splits"][0])


def test_reference():
    path = write("a.csv", world())
    result = compare(path, "--reference", "besiroglu2024", "--splits", "N,C", "--bootstrap", "200")
    names = [(law["name"], law["refitted"]) for law in result["laws"]]
    expect("one more row, not refitted", names == [("chinchilla", True), ("besiroglu2024", False)], names)
    expect("its rows may not be held out", any("may have been fitted to these very rows" in n for n in result["notes"]), result["notes"])
    expect("it is worse on another law's runs", result["splits"][1]["paired"][0]["verdict"] == "worse")
    other = compare(path, "--reference", "besiroglu2024", "--splits", "C", "--bootstrap", "0", "--unit", "bit/byte")
    expect("not in another unit", len(other["laws"]) == 1 and any("bit/byte" in n for n in other["notes"]), other["notes"])
    atlas = compare(path, "--reference", "atlas2025:EN", "--splits", "C", "--bootstrap", "0")
    expect("not where its unit is its own", len(atlas["laws"]) == 1 and any("no row" in n for n in atlas["notes"]))
    refused("a reference of another law", 2, ["fit of law chinchilla"], path, "--laws", "gadre", "--reference", "hoffmann2022")
    refused("an unknown reference", 2, ["did you mean"], path, "--reference", "hofmann2022")


def planted_languages():
    """ATLAS truth: the target de alone, with one other language, and in mixtures of five."""
    r = random.Random(9)
    rows, langs = [], ["de", "en", "fr", "ru", "ja"]
    tau = {"en": 0.5, "fr": 0.3, "ru": 0.1, "ja": 0.02}
    for i in range(150):
        n, total = 1e7 * 10 ** r.uniform(0, 2.5), 1e9 * 10 ** r.uniform(0, 2)
        kind = i % 3
        if kind == 0:
            share = {"de": 1.0}
        elif kind == 1:
            share = {"de": 0.5, langs[1 + i // 3 % 4]: 0.5}
        else:
            weight = [r.uniform(0.2, 1) for _ in langs]
            share = {k: w / sum(weight) for k, w in zip(langs, weight)}
        tokens = {k: total * share.get(k, 0) for k in langs}
        d = tokens["de"] + sum(tau[k] * tokens[k] for k in tau)
        row = {"run_id": f"r{i:03d}", "N_params": n, "D_tokens": total, "n_languages": len(share), "eval_language": "de",
               "loss": (0.7 + 300 / n**0.34 + 900 / d**0.32) * math.exp(r.gauss(0, 0.004))}
        row.update({f"tokens_{k}": v for k, v in tokens.items()})
        row.update({f"unique_{k}": 1e13 for k in langs})
        rows.append(row)
    return rows


def test_languages():
    path = write("a.csv", planted_languages())
    result = compare(path, "--laws", "chinchilla,msl,atlas[terms=other]", "--splits", "random,N,M", "--bootstrap", "200", "--starts", "16")
    expect("laws of one language see the target", result["tokens_of"] == "de" and result["n_observations"] == 150, result)
    for split in ("random", "N", "M"):
        r2 = [score(result, split, k)["r2"] for k in range(3)]
        expect(f"more data terms, more R2: {split}", r2[2] > r2[0] and r2[2] > 0.8, r2)
    m = result["splits"][2]
    expect("M holds out what is in no pair", m["scores"][0]["rows"] == 50, m)
    expect("and there the gain is decided", m["paired"][1]["verdict"] == "better", m)


def test_messages():
    path = write("a.csv", world())
    refused("an unknown law", 2, ["chinchila", "did you mean 'chinchilla'"], path, "--laws", "chinchila")
    refused("a metric", 2, ["--metric bits-per-character: laws are compared by errors of ln L"], path, "--metric", "bits-per-character")
    refused("an unknown split", 2, ["--splits", "randm", "did you mean 'random'"], path, "--splits", "randm")
    refused("a strange split", 2, ["there are random, N, D, C, low-C, M, mixture"], path, "--splits", "wxyz")
    refused("an empty law", 2, ["a name is missing"], path, "--laws", "chinchilla,")
    refused("an open bracket", 2, ["LAW[NAME=VALUE"], path, "--laws", "chinchilla[alpha=beta")
    refused("an unknown parameter", 2, ["chinchilla[gamma=1]", "gamma"], path, "--laws", "chinchilla[gamma=1]")
    refused("a word that holds nothing", 2, ["NAME=VALUE"], path, "--laws", "chinchilla[alpha]")
    refused("a law twice", 2, ["twice"], path, "--laws", "chinchilla,chinchilla")
    refused("a law without its column", 2, ["curse"], path, "--laws", "chinchilla,curse")
    refused("no source", 2, ["one or more stores or CSV files"])
    refused("a share of nothing", 2, ["held-out"], path, "--held-out", "0")
    one = [{**r, "N_params": 1e8} for r in world()]
    result = compare(write("b.csv", one), "--splits", "random,N", "--bootstrap", "10")
    expect("one size cannot be split by size", "same extreme N" in result["splits"][1]["rule"], result["splits"][1])
    rc, out, err = run(write("c.csv", world()[:4]), "--splits", "N")
    expect("too few rows", rc == 5 and "could not be fitted" in out and "no law could be fitted" in err, rc, out, err)
    expect("and why", "cannot determine 5 parameters" in " ".join(out.split()) and max(map(len, out.splitlines())) <= 80, out)
    refused("an impossible value", 2, ["chinchilla[E=-1]", "must not be negative"], path, "--laws", "chinchilla,chinchilla[E=-1]")
    refused("a variable of none", 2, ["--var Q=loss", "isogloss laws NAME"], path, "--var", "Q=loss")
    held = compare(path, "--laws", "chinchilla,chinchilla[E=0]", "--splits", "random", "--bootstrap", "10")["splits"][0]["scores"]
    expect("a law without E", held[1]["failed"] == 0 and held[1]["why"] is None and held[1]["rows"] == held[0]["rows"] and
           held[1]["rmse"] > held[0]["rmse"], held)


def test_published():
    """The held-out table of 240 published points: Huber with delta 1e-3."""
    path = os.path.join(DATA, "chinchilla_replication.csv")
    if not os.path.exists(path):
        print("skipped: published data are not here")
        return
    result = compare(path, "--where", "in_published_fit=1", "--compat", "hoffmann", "--splits", "random,N,D,C,low-C")
    wanted = {"N": (.933, .994, .0124, .0037), "D": (.886, .992, .0140, -.0111), "C": (.839, .995, .0127, -.0031),
              "low-C": (.629, .986, .0242, .0097)}
    for split, (r2, training, rmse, bias) in wanted.items():
        s = score(result, split)
        good = (abs(s["r2"] - r2) < 6e-4 and abs(s["r2_training_mean"] - training) < 6e-4 and
                abs(s["rmse"] - rmse) < 6e-5 and abs(s["bias"] - bias) < 6e-5 and s["rows"] == 48)
        expect(f"published figures of {split}", good, s, wanted[split])
    s = score(result, "random") # drawn at random: other rows than those of the published row
    expect("random rows", abs(s["r2"] - .994) < 2e-3 and abs(s["rmse"] - .0087) < 1e-3 and abs(s["bias"]) < 1e-3, s)


with tempfile.TemporaryDirectory() as tmp:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
done()
