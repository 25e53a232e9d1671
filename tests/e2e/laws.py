"""isogloss laws: what it lists is what fit knows, in text, in JSON by its schema, within 80 columns."""
import csv
import json
import math
import os
import random
import shlex
import subprocess
import sys
import tempfile

import jsonschema

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import done, expect  # noqa: E402
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/laws.schema.json"))))


def isogloss(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=100)
    return p.returncode, p.stdout, p.stderr


def narrow(what, text):
    wide = [line for line in text.splitlines() if len(line) > 80]
    expect(what + " within 80 columns", not wide, *wide)


def test_list():
    rc, out, err = isogloss("laws")
    expect("isogloss laws", rc == 0, err)
    narrow("list", out)
    rc, text, err = isogloss("laws", "--json")
    laws = json.loads(text)
    errors = [e.message for e in SCHEMA.iter_errors(laws)]
    expect("schema", rc == 0 and not errors, *errors)
    names = [law["name"] for law in laws["laws"]]
    expect("names", set(names) >= {"chinchilla", "dcsl", "msl", "atlas", "curse", "gadre", "clark"}, names)
    for law in laws["laws"]:
        expect(f"{law['name']} in the list", law["name"] in out and law["formula"] in out)
    return laws["laws"]


def test_one(law):
    rc, out, err = isogloss("laws", law["name"])
    expect("isogloss laws " + law["name"], rc == 0, err)
    narrow(law["name"], out)
    for item in law["parameters"] + law["variables"] + law["derived"]:
        expect(f"{law['name']} tells of {item['name']}", f"\n  {item['name']} " in out, out)
    rc, text, err = isogloss("laws", law["name"], "--json")
    expect(f"{law['name']} as JSON", json.loads(text)["laws"] == [law])
    rc, out, err = isogloss("fit", "--law", law["name"], "/nonexistent.csv")
    expect(f"fit knows {law['name']}", "nonexistent" in err, err)


def test_wrong():
    rc, out, err = isogloss("laws", "chinchila")
    expect("nearest name", rc == 2 and "did you mean 'chinchilla'" in err and not out, err)
    rc, out, err = isogloss("laws", "msl", "dcsl")
    expect("one law", rc == 2 and "at most one law" in err, err)


# ---- runs planted on each law are what its example fits

TRUTH = {"A": 480, "B": 2100, "E": 1.8, "alpha": 0.35, "beta": 0.37}


def saturated(amount, whole, most):
    return whole + whole * most * (1 - math.exp(-(amount / whole - 1) / most)) if amount > whole else amount


def chinchilla(n, d):
    return TRUTH["E"] + TRUTH["A"] / n ** TRUTH["alpha"] + TRUTH["B"] / d ** TRUTH["beta"]


def routed(row):
    start, most = 1.9, 300
    experts = math.log10(1 / (1 / (row["num_experts"] - 1 + 1 / (1 / start - 1 / most)) + 1 / most))
    n = math.log10(row["N_params"])
    return 10 ** (-0.083 * n - 0.12 * experts + 0.01 * n * experts + 1.11)


def over_trained(row):
    n, m = row["N_params"], row["D_tokens"] / row["N_params"]
    return 1.8 + (200 * m ** 0.13 + 370 * m ** -0.13) * (6 * m * n * n) ** -0.13


def worth(row, lam=0.3):
    def s(code):
        d, u = row["tokens_" + code], row["unique_" + code]
        return saturated(d, u, 1 / lam) if d else 0
    return s("de") + 0.4 * s("ru") + 0.2 * s("el") + 0.1 * s("ja") + 0.05 * s("fi")


PLANTED = {
    "chinchilla": lambda r: chinchilla(r["N_params"], r["D_tokens"]),
    "msl": lambda r: chinchilla(r["N_params"], r["D_tokens"]) * (r["tokens_de"] / r["D_tokens"]) ** -0.1,
    "curse": lambda r: TRUTH["E"] + TRUTH["A"] * r["n_languages"] ** 0.11 / r["N_params"] ** TRUTH["alpha"] +
    TRUTH["B"] * r["n_languages"] ** -0.04 / r["tokens_de"] ** TRUTH["beta"],
    "gadre": over_trained,
    "clark": routed,
    "atlas": lambda r: chinchilla(r["N_params"], worth(r)),
}
WANTED = {
    "chinchilla": TRUTH, "msl": {**TRUTH, "gamma": 0.1}, "curse": {**TRUTH, "phi": 0.11, "psi": -0.04},
    "gadre": {"a": 200, "b": 370, "E": 1.8, "eta": 0.13},
    "clark": {"a": -0.083, "b": -0.12, "c": 0.01, "d": 1.11, "E_start": 1.9, "E_max": 300},
    "atlas": {**TRUTH, "lambda": 0.3},
}
CODES = ["de", "ru", "el", "ja", "fi"]


def runs(law, mixed, repeats):
    """80 runs of exact losses: of one language, or of two to five at random shares."""
    r = random.Random(law)
    rows = []
    for i in range(80):
        n, d = 1e7 * 10 ** r.uniform(0, 2.5), 1e9 * 10 ** r.uniform(0, 2)
        some = ["de"] + r.sample(CODES[1:], r.randint(0, 4) if mixed else 0)
        weight = {code: r.uniform(0.2, 1) for code in some}
        row = {"run_id": f"r{i:02d}", "N_params": n, "D_tokens": d, "eval_language": "de", "n_languages": len(some),
               "num_experts": r.choice([1, 2, 8, 32, 128, 512]), "train_corpus": "abc"[i % 3] if law == "gadre" else "a"}
        for code in CODES:
            row["tokens_" + code] = d * weight.get(code, 0) / sum(weight.values())
            row["unique_" + code] = row["tokens_" + code] / (r.choice([0.5, 2, 4, 8]) if repeats else 1)
        row["unique_tokens"] = sum(row["unique_" + code] for code in CODES)
        rows.append(row)
    return rows


def test_example(law, tmp):
    name, words = law["name"], shlex.split(law["example"])
    expect(f"{name}: the example names it", words[:2] == ["--law", name], law["example"])
    if name not in PLANTED:
        return
    rows = runs(name, law["mixtures"], name == "atlas")
    path = os.path.join(tmp, name + ".csv")
    with open(path, "w", newline="") as f:
        w = csv.DictWriter(f, [*rows[0], "loss"])
        w.writeheader()
        w.writerows({**row, "loss": PLANTED[name](row)} for row in rows)
    rc, text, err = isogloss("fit", path, "--json", "--bootstrap", "0", *[w for w in words if w != "--tie" and "=beta" not in w])
    expect(f"{name}: its example fits", rc == 0, err)
    if rc:
        return
    fits = json.loads(text)
    for fit in fits.get("fits", [fits]):
        for parameter, wanted in WANTED[name].items():
            got = fit["parameters"][parameter]["estimate"]
            expect(f"{name}: {parameter} is {got}, wanted {wanted}", abs(got / wanted - 1) < 1e-4)


def test_curse_pooled(tmp):
    """Every language of a run has a row; D is that language's own tokens."""
    path = os.path.join(tmp, "pooled.csv")
    rows = []
    for row in runs("curse", True, False):
        for code in CODES:
            if row["tokens_" + code]:
                loss = PLANTED["curse"]({**row, "tokens_de": row["tokens_" + code]})
                rows.append({**row, "eval_language": code, "loss": loss})
    with open(path, "w", newline="") as f:
        w = csv.DictWriter(f, rows[0])
        w.writeheader()
        w.writerows(rows)
    rc, out, err = isogloss("fit", path, "--law", "curse", "--bootstrap", "0")
    expect("languages are not pooled unasked", rc == 2 and "eval_language" in err, err)
    rc, text, err = isogloss("fit", path, "--law", "curse", "--pool", "--json", "--bootstrap", "50")
    expect("curse, pooled", rc == 0, err)
    fit = json.loads(text) if rc == 0 else {"parameters": {}, "n_observations": 0, "n_clusters": 0}
    expect("rows of all languages, clusters of runs", (fit["n_observations"], fit["n_clusters"]) == (len(rows), 80), fit)
    for name, parameter in fit["parameters"].items():
        expect(f"pooled {name}", abs(parameter["estimate"] / WANTED["curse"][name] - 1) < 1e-4, parameter)


def test_tied(laws, tmp):
    path = os.path.join(tmp, "chinchilla.csv")
    for law in laws:
        if not {"alpha", "beta"} <= {p["name"] for p in law["parameters"]}:
            continue
        options = ["--target", "de"] if law["mixtures"] else []
        rc, text, err = isogloss("fit", path, "--json", "--law", law["name"], "--tie", "alpha=beta", "--fix", "E=1.7",
                                 "--bootstrap", "0", *options)
        fit = json.loads(text)["parameters"] if text else {}
        expect(f"{law['name']}: alpha = beta", fit and fit["alpha"]["estimate"] == fit["beta"]["estimate"], err)
        expect(f"{law['name']}: E held", fit and abs(fit["E"]["estimate"] - 1.7) < 1e-12, err)


def test_nothing_repeated(tmp):
    """Without repetition nothing depends on RD: neither D_most and lambda nor a best size with repetition is known."""
    path = os.path.join(tmp, "once.csv")
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["run_id", "N_params", "D_tokens", "loss"])
        for k in range(64):
            n, d = 1e7 * 2**(k % 8), 1e9 * 3**(k // 8)
            w.writerow([k, n, d, (1.7 + 480 / n**.35 + 2100 / d**.37) * (1 + .001 * ((k * 37) % 11 - 5))])
    base = ["fit", path, "--law", "dcsl", "--var", "U=D_tokens", "--bootstrap", "100", "--at", "C=1e20,U=1e8", "--at",
            "C=1e20,U=1e14", "--forecast", "N=1e9,D=1e11,U=1e9", "--forecast", "N=1e8,D=1e11,U=1e11"]
    rc, text, err = isogloss(*base, "--json")
    expect("nothing repeated", rc == 0, err)
    fit = json.loads(text)
    for name, known in (("a", True), ("b", True), ("D_most", False), ("lambda", False)):
        number = fit["derived"][name]
        expect(f"{name} known: {known}", number["identified"] == known and (number["lo"] is not None) == known
               and (number["estimate"] is not None) == known, number)
    expect("RD", not fit["parameters"]["RD"]["identified"])
    again, once = fit["optima"]
    expect("no best size where tokens repeat", [again[k]["estimate"] for k in ("N", "D", "loss")] == [None] * 3, again)
    expect("a best size where none does", all(once[k]["lo"] < once[k]["estimate"] < once[k]["hi"] for k in ("N", "D", "loss")), once)
    again, once = fit["forecasts"]
    expect("forecasts", (again["loss"], again["lo"], again["hi"]) == (None,) * 3 and once["lo"] < once["loss"] < once["hi"], again, once)
    rc, text, err = isogloss(*base)
    expect("the text", "D_most" not in text and "N not identified" in text and "1e9: none, the" in " ".join(text.split()), text)
    narrow("the text", text)
    rc, text, err = isogloss(*base, "--format", "csv")
    expect("the table", "dcsl,,D_most,derived,,,,,none,false" in text and "RD. No loss here" in err, text, err)


listed = test_list()
with tempfile.TemporaryDirectory() as folder:
    for entry in listed:
        test_one(entry)
        test_example(entry, folder)
    test_curse_pooled(folder)
    test_tied(listed, folder)
    test_nothing_repeated(folder)
test_wrong()
done()
