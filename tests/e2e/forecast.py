"""What fit says beyond its data: best sizes, forecasts, backtests, published figures; messages and JSON.
The table of docs/forecast.md is made by forecast_public.py."""
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
    p = subprocess.run([ISOGLOSS, "fit", *args], capture_output=True, text=True, timeout=100, check=False)
    return p.returncode, p.stdout, p.stderr


def fit(*args):
    rc, out, err = run("--json", *args)
    expect(f"exit 0 of {args}", rc == 0, rc, err)
    result = json.loads(out) if out else {}
    for one in result.get("fits", [result]):
        errors = [e.message for e in SCHEMA.iter_errors(one)]
        expect(f"schema of {args}", not errors, *errors)
    return result


def refused(what, parts, *args):
    rc, out, err = run(*args)
    expect(what, rc == 2 and all(p in err for p in parts), f"exit {rc}", err, f"wanted {parts}")
    expect(what + ": nothing on stdout", not out, out)


def write(name, rows):
    path = os.path.join(tmp, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys())
        w.writeheader()
        w.writerows(rows)
    return path


E, A, B, ALPHA, BETA = 1.8, 480.0, 2100.0, 0.35, 0.37


def law(n, d):
    return E + A / n**ALPHA + B / d**BETA


def world(seed=1, sd=0.003, runs=60, truth=law):
    r = random.Random(seed)
    rows = []
    for i in range(runs):
        n, d = 1e7 * 10 ** r.uniform(0, 3), 1e9 * 10 ** r.uniform(0, 2)
        rows.append({"run_id": f"r{i:02d}", "N_params": n, "D_tokens": d, "loss": truth(n, d) * math.exp(r.gauss(0, sd))})
    return rows


def test_best_sizes():
    result = fit(write("a.csv", world(sd=1e-7)), "--at", "C=1e21", "--at", "C=1e24", "--bootstrap", "200")
    for o in result["optima"]:
        g = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
        n = g * (o["C"] / 6) ** (BETA / (ALPHA + BETA))
        d = o["C"] / 6 / n
        wanted = {"N": n, "D": d, "D_per_N": d / n, "loss": law(n, d)}
        for name, value in wanted.items():
            x = o[name]
            expect(f"{name} at {o['C']:g}", abs(x["estimate"] / value - 1) < 1e-3 and x["lo"] <= x["estimate"] <= x["hi"], x, value)
    noisy = fit(write("a.csv", world()), "--at", "C=1e21", "--at", "C=1e24", "--bootstrap", "500")
    wide = [math.log(o["N"]["hi"] / o["N"]["lo"]) for o in noisy["optima"]]
    expect("farther is less certain", wide[1] > wide[0] > 0, wide)
    d, n = noisy["optima"][0]["D"], noisy["optima"][0]["N"]
    expect("D and N are from the same refits", abs(math.log(d["hi"] * n["lo"] * 6 / 1e21)) < 1e-6, d, n)
    none = fit(write("b.csv", world()), "--at", "C=1e21", "--bootstrap", "0")
    expect("without refits no interval", none["optima"][0]["N"]["lo"] is None and none["optima"][0]["N"]["estimate"] > 0)
    curse = [{**r, "n_languages": k, "loss": E + A * k**0.1 / r["N_params"]**ALPHA + B * k**-0.05 / (r["D_tokens"] / k)**BETA}
             for r, k in zip(world(), [1, 2, 5, 10, 20, 50] * 10)]
    result = fit(write("c.csv", curse), "--law", "curse", "--at", "C=1e21,K=1", "--at", "C=1e21,K=50", "--bootstrap", "50")
    one, fifty = (o["N"]["estimate"] for o in result["optima"])
    wanted = 50 ** ((0.1 + 0.05 - BETA) / (ALPHA + BETA)) # G changes by K^phi / (K^psi K^beta)
    expect("languages ask for other sizes", abs(fifty / one / wanted - 1) < 0.02, one, fifty, wanted)


def test_forecast():
    path = write("a.csv", world())
    args = ("--forecast", "N=1e11,D=2T", "--forecast", "N=2e9,D=50G", "--bootstrap", "400")
    result = fit(path, *args)
    for f, (n, d) in zip(result["forecasts"], [(1e11, 2e12), (2e9, 5e10)]):
        expect(f"the true loss is inside: {f['at']}", f["lo"] < law(n, d) < f["hi"], f, law(n, d))
    far, near = result["forecasts"]
    expect("farther is less certain", far["hi"] - far["lo"] > near["hi"] - near["lo"], far, near)
    largest = max(6 * r["N_params"] * r["D_tokens"] for r in world())
    expect("k", abs(far["k"] * largest / (6 * 1e11 * 2e12) - 1) < 1e-9 and near["k"] < 1, far, near)
    expect("beyond backtests", not near["beyond_backtests"])
    b = result["backtests"]
    expect("backtests cover when the law is right", b["covered"] >= 0.9 * b["forecasts"] > 100, b)
    expect("rivals", [r["law"] for r in result["rivals"]][:2] == ["chinchilla[alpha=beta]", "chinchilla[E=1e-9]"], result["rivals"])
    expect("the same again", fit(path, *args) == result)
    alone = fit(path, *args, "--rivals", "none")
    expect("--rivals none", len(alone["rivals"]) == 1 and alone["rivals"][0]["rows"] == "upper half of the compute")
    more = fit(path, "--rivals", "gadre", *args)
    expect("--rivals gadre", any(r["law"] == "gadre" for r in more["rivals"]), more["rivals"])
    tied = fit(path, "--tie", "alpha=beta", "--forecast", "N=1e11,D=2T", "--bootstrap", "50")
    expect("what is held is held in rivals", [r["law"] for r in tied["rivals"]] ==
           ["chinchilla[alpha=beta,E=1e-9]", "chinchilla[alpha=beta]"], tied["rivals"])
    few = fit(write("b.csv", world(runs=14)), "--forecast", "N=1e11,D=2T", "--bootstrap", "100")
    expect("few rows: no coverage, no silence", few["backtests"]["forecasts"] == 0 and few["backtests"]["half_width"] is None)
    rc, out, err = run(write("b.csv", world(runs=14)), "--forecast", "N=1e13,D=200T", "--bootstrap", "100")
    expect("a warning", rc == 0 and "further than any backtest" in out or "no backtest" in out, out, err)
    none = fit(write("c.csv", world(runs=11)), "--forecast", "N=1e11,D=2T", "--bootstrap", "100")
    expect("too few for a forecast", none["forecasts"] == [] and "too few" in none["no_forecast"], none["no_forecast"])
    rc, out, err = run(path, *args, "--at", "C=1e22", "--reference", "hoffmann2022")
    expect("text of at most 80 columns", rc == 0 and max(map(len, out.splitlines())) <= 80, out, err)
    by = [{**r, "set": "x" if i % 2 else "y"} for i, r in enumerate(world(runs=80))]
    groups = fit(write("d.csv", by), "--by", "set", "--forecast", "N=1e11,D=2T", "--bootstrap", "50")["fits"]
    expect("each group has its own", len(groups) == 2 and groups[0]["forecasts"] != groups[1]["forecasts"])


def test_wrong_law():
    """Beyond 2e20 FLOP each factor of compute brings less than the law says: a kink among the runs."""
    def kinked(n, d):
        c = 6 * n * d
        return law(n, d) * max(1, c / 2e20) ** 0.015

    rows = world(seed=4, runs=120, truth=kinked)
    known = [r for r in rows if 6 * r["N_params"] * r["D_tokens"] < 4e21]
    asked = ["--forecast", "N=1e10,D=2e11", "--forecast", "N=2e10,D=2e11"]
    result = fit(write("a.csv", known), *asked, "--bootstrap", "400")
    for f, (n, d) in zip(result["forecasts"], [(1e10, 2e11), (2e10, 2e11)]):
        truth = kinked(n, d)
        own = math.log(f["loss"]) + 1.96 * f["parts"]["parameters"]["above"]
        expect(f"a kink that backtests have seen is covered: {f['at']}", f["lo"] < truth < f["hi"], f, truth)
        expect("which the law's own interval does not do", math.log(truth) > own, truth, f)
        expect("by inflation", f["parts"]["inflation"] > 1.2, f)
    below = [r for r in rows if 6 * r["N_params"] * r["D_tokens"] < 2e20]
    blind = fit(write("b.csv", below), "--forecast", "N=1e11,D=2e12", "--bootstrap", "100")["forecasts"][0]
    expect("a kink that nothing has seen is at least flagged", blind["beyond_backtests"], blind)


def test_reference():
    path = write("a.csv", world())
    numbers = fit(path, "--reference", "besiroglu2024", "--bootstrap", "400")["reference"]["numbers"]
    expect("exponents are compared", all(numbers[k]["comparable"] == "yes" for k in ("alpha", "beta", "a", "b")), numbers)
    expect("A, B and E are not", all("unit" in numbers[k]["comparable"] and numbers[k]["difference"] is None for k in "ABE"), numbers)
    x = numbers["alpha"]
    expect("the interval of a difference", x["lo"] <= x["difference"] <= x["hi"] and x["inside"] == (x["lo"] <= 0 <= x["hi"]), x)
    sw = fit(path, "--reference", "atlas2025:sw:unimax", "--bootstrap", "100")["reference"]
    expect("a language and regime", sw["name"] == "atlas2025:SW:unimax" and not sw["numbers"]["alpha"]["inside"], sw)
    other = fit(path, "--law", "gadre", "--reference", "hoffmann2022", "--bootstrap", "0")["reference"]
    expect("another law", other["numbers"] == {} and "law chinchilla" in other["not_comparable"], other)
    held = fit(path, "--fix", "alpha=0.34", "--reference", "hoffmann2022", "--bootstrap", "50")["reference"]["numbers"]["alpha"]
    expect("what is held has no interval", held["inside"] is None and abs(held["difference"] + 0.00083) < 1e-9, held)


def test_messages():
    path = write("a.csv", world())
    refused("forecast without D", ["law chinchilla needs D"], path, "--forecast", "N=7e10")
    refused("forecast without N", ["law chinchilla needs N, model size"], path, "--forecast", "D=1e12")
    refused("forecast of nothing", ["needs N", "greater than 0"], path, "--forecast", "N=0,D=1e12")
    refused("a law that needs D for M", ["law gadre needs M", "D, the training tokens"], path, "--law", "gadre", "--forecast", "N=7e10")
    refused("another variable", ["unknown variable 'K'"], path, "--forecast", "N=7e10,D=1e12,K=5")
    refused("a number that is none", ["'x' is no number"], path, "--forecast", "N=7e10,D=x")
    refused("no equals sign", ["wanted NAME=NUMBER"], path, "--forecast", "N")
    refused("a name twice", ["N stands there twice"], path, "--forecast", "N=1,N=2,D=3")
    refused("best size without C", ["wanted a compute"], path, "--at", "N=5")
    refused("best size with N", ["N and D are what is found"], path, "--at", "C=1e21,N=5")
    refused("a law without a best size", ["law clark has no best size"],
            write("b.csv", [{**r, "num_experts": 1 + i % 8} for i, r in enumerate(world())]), "--law", "clark", "--at", "C=1e21")
    refused("an unknown reference", ["did you mean 'hoffmann2022'"], path, "--reference", "hofmann2022")
    refused("rivals of nothing", ["--rivals belongs to"], path, "--rivals", "gadre")
    refused("an unknown rival", ["unknown law 'bla'"], path, "--forecast", "N=1e10,D=1e12", "--rivals", "bla")
    refused("a rival whose column is missing", ["--rivals", "curse", "n_languages"], path, "--forecast", "N=1e10,D=1e12", "--rivals", "curse")


def test_published():
    path = os.path.join(DATA, "chinchilla_replication.csv")
    if not os.path.exists(path):
        print("skipped: published data are not here")
        return
    result = fit(path, "--where", "in_published_fit=1", "--backtest", "--reference", "besiroglu2024", "--bootstrap", "400")
    b = result["backtests"]
    expect("nominal 95 % forecasts on 240 published points", b["covered"] >= 0.85 * b["forecasts"] > 700, b)
    expect("of which the law alone covers less than half", b["covered_by_law_alone"] < 0.5 * b["forecasts"], b)
    expect("and which are not huge", b["half_width"] < 0.025, b)
    numbers = result["reference"]["numbers"]
    expect("the published exponents are inside", numbers["alpha"]["inside"] and numbers["beta"]["inside"], numbers)


with tempfile.TemporaryDirectory() as tmp:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
done()
