"""Laws on published runs: the numbers that their authors and others got from the same files."""
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

import jsonschema

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import done, expect, skip  # noqa: E402
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/fit.schema.json"))))
DATA = os.path.join(os.environ.get("ISOGLOSS_SHARED", "/nonexistent"), "data")
if not os.path.isdir(DATA):
    skip("the published data are not here")


def fit(*args):
    p = subprocess.run([ISOGLOSS, "fit", "--json", *args], capture_output=True, text=True, timeout=100)
    expect(f"fit {args}", p.returncode == 0, p.stderr)
    result = json.loads(p.stdout)
    errors = [e.message for e in SCHEMA.iter_errors(result)]
    expect(f"schema of {args}", not errors, *errors)
    return result


def estimates(result):
    return {name: p["estimate"] for name, p in result["parameters"].items()}


def near(what, got, wanted, tolerance):
    expect(f"{what}: {got}, wanted {wanted} +- {tolerance}", abs(got - wanted) <= tolerance)


def read(name):
    return list(csv.DictReader(open(os.path.join(DATA, name))))


# ---- Gadre et al. 2024: five runs of each corpus, tried at 300 times their compute

def gadre(p, n, m):
    return p["E"] + (p["a"] * m ** p["eta"] + p["b"] * m ** -p["eta"]) * (6 * m * n * n) ** -p["eta"]


def test_overtraining():
    path = os.path.join(DATA, "gadre_overtraining.csv")
    table = {"c4_original": (141.3, 189.52, 0.1212, 1.5083), "rpj": (212.2, 366.69, 0.1364, 1.8366),
             "rw_original": (157.1, 246.21, 0.1272, 1.7345)}
    fitted = {}
    for corpus, (a, b, eta, e) in table.items():
        r = fit(path, "--law", "gadre", "--objective", "lsq", "--where", "in_published_fit=1", "--target", "c4_val",
                "--where", "train_corpus=" + corpus)
        p = fitted[corpus] = estimates(r)
        for name, wanted, tolerance in (("a", a, 0.05), ("b", b, 0.005), ("eta", eta, 5e-5), ("E", e, 5e-5)):
            near(f"{corpus} {name}", p[name], wanted, tolerance)
        expect("five runs bear no interval", r["n_observations"] == 5 and
               any("No interval" in w for w in r["warnings"]), *r["warnings"])
    measured = {(r["token_multiplier"], round(float(r["N_params"]) / 1e8)): r for r in read("gadre_overtraining.csv")
                if r["train_corpus"] == "rpj" and r["eval_set"] == "c4_val"}
    for multiplier, size, error, loss in (("640", 14, 0.7103, 2.51983), ("20", 69, 0.7320, 2.44275)):
        row = measured[multiplier, size]
        predicted = gadre(fitted["rpj"], float(row["N_params"]), float(multiplier))
        near(f"prediction at M {multiplier}", predicted, loss, 5e-6)
        near("its error in %", 100 * (predicted / float(row["loss"]) - 1), error, 5e-5)


# ---- Clark et al. 2022: each router with the dense runs

def test_routed():
    path, routers = os.path.join(DATA, "routed_experts.csv"), ("S-Base", "RL-R", "Hash")
    table = {"S-Base": (-0.0830, -0.1180, 0.0099, 1.1136, 2.07, 239, 58, 0.0032),
             "RL-R": (-0.0827, -0.1234, 0.0112, 1.1070, 1.72, 470, 59, 0.0032),
             "Hash": (-0.0874, -0.1384, 0.0126, 1.1595, 4.27, 427, 56, 0.0030)}
    digits = (("a", 5e-5), ("b", 5e-5), ("c", 5e-5), ("d", 5e-5), ("E_start", 5e-3), ("E_max", 0.5))
    for router in routers:
        others = [w for other in routers if other != router for w in ("--where", "router_type!=" + other)]
        r = fit(path, "--law", "clark", "--objective", "log-lsq", "--where", "in_published_fit=1", "--bootstrap", "200",
                "--pool", *others)
        p, wanted = estimates(r), table[router]
        for (name, tolerance), value in zip(digits, wanted):
            near(f"{router} {name}", p[name], value, tolerance)
        expect("dense runs and one router", r["n_observations"] == wanted[6], r["n_observations"])
        sd = math.sqrt(r["objective"]["value"] / r["n_observations"]) / math.log(10)
        near(f"{router} residuals in log10 L", sd, wanted[7], 5e-5)
        most = r["parameters"]["E_max"]
        expect("E_max is the least certain: its interval spans a factor of 1.5", most["hi"] > 1.5 * most["lo"], most)


# ---- Muennighoff et al. 2023: decay constants, the five others as published

STAGE_1 = {"A": math.exp(6.255414), "B": math.exp(7.3049974), "E": math.exp(0.6254804), "alpha": 0.3526596,
           "beta": 0.3526596}


def number(row, name):
    return float(row[name])


def repeated(p, row):
    def saturated(amount, whole, most):
        return whole + whole * most * (1 - math.exp(-(amount / whole - 1) / most))
    n, d = number(row, "N_params"), number(row, "D_tokens")
    unique = min(d, number(row, "unique_tokens"))
    g = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    used = min(n, g * (g * unique) ** (p["beta"] / p["alpha"]))
    return p["E"] + p["A"] / saturated(n, used, p["RN"]) ** p["alpha"] + \
        p["B"] / saturated(d, unique, p["RD"]) ** p["beta"]


def determination(p, rows):
    loss = [number(r, "loss") for r in rows]
    mean = sum(loss) / len(loss)
    return 1 - sum((y - repeated(p, r)) ** 2 for y, r in zip(loss, rows)) / sum((y - mean) ** 2 for y in loss)


def without_hurt_runs(rows, gap):
    """Leave out runs that lose by `gap` to a model of the same or a smaller size on the same unique tokens."""
    def beaten(r):
        return any(q["unique_tokens"] == r["unique_tokens"] and number(q, "N_params") <= number(r, "N_params") and
                   number(r, "loss") > number(q, "loss") + gap for q in rows)
    return [r for r in rows if not beaten(r)]


def test_repeats():
    plot = [r for r in read("datablations_repeats.csv") if r["notebook_plot_subset"] == "1"]
    held = [w for name, value in STAGE_1.items() for w in ("--fix", f"{name}={value!r}")]
    table = {0.3: (167, 11.7, 7.3, 0.0121, 0.79), 0.5: (188, 15.7, 3.3, 0.0145, 0.77), 1.0: (200, 20.1, 2.2, 0.0162, 0.76)}
    for gap, (n, rd, rn, objective, r2) in table.items():
        rows = without_hurt_runs(plot, gap)
        expect(f"{n} rows", len(rows) == n, len(rows))
        path = os.path.join(tmp, f"repeats{gap}.csv")
        with open(path, "w", newline="") as f:
            w = csv.DictWriter(f, rows[0].keys())
            w.writeheader()
            w.writerows(rows)
        r = fit(path, "--law", "dcsl", "--compat", "hoffmann", "--bootstrap", "200", *held)
        p = {**STAGE_1, **estimates(r)}
        near(f"gap {gap}: RD", p["RD"], rd, 0.05)
        near(f"gap {gap}: RN", p["RN"], rn, 0.05)
        near(f"gap {gap}: objective", r["objective"]["value"], objective, 5e-5)
        near(f"gap {gap}: R2", determination(p, rows), r2, 5e-3)
        for name in ("RD", "RN"):
            q = r["parameters"][name]
            expect(f"gap {gap}: the interval of {name} is wide", q["hi"] > 4 * q["lo"], q)
        only = fit(path, "--law", "dcsl", "--compat", "hoffmann", "--bootstrap", "0", "--fix", "RN=1e100", *held)
        expect("one stage", r["stages"] is None)
        expect("without decay of N the fit is worse", only["objective"]["value"] > 1.02 * r["objective"]["value"])
        near("decay of D only is faster", estimates(only)["RD"] / 2.9157, 1, 1)
    two = fit(path, "--law", "dcsl", "--compat", "hoffmann", "--bootstrap", "100", "--stages", "two", "--tie", "alpha=beta")
    single = sum(number(r, "D_tokens") <= number(r, "unique_tokens") for r in rows)
    expect("first stage of single epochs", two["stages"] and two["stages"]["rows"] == single, two["stages"], single)
    expect("both stages have intervals", all(p["lo"] < p["hi"] for p in two["parameters"].values()), two["parameters"])
    plain = estimates(fit(path, "--law", "chinchilla", "--bootstrap", "0"))
    none = estimates(fit(path, "--law", "dcsl", "--bootstrap", "0", "--fix", "RN=1e100", "--fix", "RD=1e100"))
    for name in ("A", "B", "E", "alpha", "beta"):
        near(f"no decay is the Chinchilla law: {name}", none[name] / plain[name], 1, 1e-6)


with tempfile.TemporaryDirectory() as tmp:
    test_overtraining()
    test_routed()
    test_repeats()
done()
