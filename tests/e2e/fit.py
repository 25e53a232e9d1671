"""isogloss fit as a user meets it: selection and refusals, good and bad files, JSON against its schema,
and the published fits where the published data are there."""
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


def fit(*args, code=0):
    rc, out, err = run("--json", *args)
    expect(f"exit {code} of {args}", rc == code, rc, err)
    result = json.loads(out) if out else {}
    if out:
        errors = [e.message for e in SCHEMA.iter_errors(result)]
        expect(f"schema of {args}", not errors, *errors)
    return result


def refused(what, code, parts, *args):
    rc, out, err = run(*args)
    expect(what, rc == code and all(p in err for p in parts), f"exit {rc}, wanted {code}", err, f"wanted {parts}")
    expect(what + ": nothing on stdout", not out, out)


def law(n, d, e=1.8, a=480.0, b=2100.0, alpha=0.35, beta=0.37):
    return e + a / n**alpha + b / d**beta


def crossed(columns, seeds=2, sizes=6):
    """Sizes x ratios x seeds x what is said of each column: (loss offset, value) of it."""
    r = random.Random(5)
    rows = []
    for i in range(sizes):
        for ratio in (10, 20, 40, 80):
            n = round(3e7 * 2**i)
            for seed in range(1, seeds + 1):
                for shift, value in columns[1]:
                    rows.append({"N_params": n, "D_tokens": n * ratio, "seed": seed, columns[0]: value,
                                 "loss": (law(n, n * ratio) + shift) * math.exp(r.gauss(0, 0.003))})
    return rows


def grid(seed=1, sd=0.003):
    """60 runs, one row each."""
    r = random.Random(seed)
    rows = []
    for i in range(60):
        n, d = 1e7 * 10 ** r.uniform(0, 3), 1e9 * 10 ** r.uniform(0, 2)
        rows.append({"run_id": f"r{i:02d}", "N_params": n, "D_tokens": d, "loss": law(n, d) * math.exp(r.gauss(0, sd))})
    return rows


def write(name, rows, sep=",", eol="\n", bom=False):
    path = os.path.join(tmp, name)
    with open(path, "w", encoding="utf-8-sig" if bom else "utf-8", newline="") as f:
        w = csv.DictWriter(f, rows[0].keys(), delimiter=sep, lineterminator=eol)
        w.writeheader()
        w.writerows(rows)
    return path


def same_but_source(x, y):
    return {**x, "source": "", "sources": []} == {**y, "source": "", "sources": []}


def test_shapes_of_files():
    rows = grid()
    plain = fit(write("a.csv", rows), "--bootstrap", "100")
    expect("60 observations in 60 clusters", (plain["n_observations"], plain["n_clusters"]) == (60, 60))
    for name, how in {"semicolon": {"sep": ";"}, "tab": {"sep": "\t"}, "crlf and mark": {"eol": "\r\n", "bom": True}}.items():
        other = fit(write("b.csv", rows, **how), "--bootstrap", "100")
        expect(f"the same result from {name}", same_but_source(plain, other))
    shuffled = rows[:]
    random.Random(5).shuffle(shuffled)
    expect("the same bytes for shuffled rows", same_but_source(plain, fit(write("c.csv", shuffled), "--bootstrap", "100")))
    wide = [{**r, **{f"x{j}": j for j in range(3000)}} for r in rows]
    expect("3000 further columns change nothing", same_but_source(plain, fit(write("d.csv", wide), "--bootstrap", "100")))
    named = [{"run_id": r["run_id"], "size": r["N_params"], "seen": r["D_tokens"], "nll": r["loss"]} for r in rows]
    other = fit(write("e.csv", named), "--bootstrap", "100", "--n", "size", "--d", "seen", "--loss", "nll", "--unit", "nat/token")
    expect("other headers", other["parameters"] == plain["parameters"] and other["selection"]["unit"] == "nat/token")
    with open(write("f.csv", rows), encoding="utf-8") as f:
        piped = subprocess.run([ISOGLOSS, "fit", "--json", "--bootstrap", "100", "/dev/stdin"], capture_output=True,
                               text=True, input=f.read(), timeout=60, check=False)
    expect("a pipe", piped.returncode == 0 and same_but_source(plain, json.loads(piped.stdout)), piped.stderr)
    half = fit(write("f.csv", rows[:30]), write("g.csv", rows[30:]), "--bootstrap", "100")
    expect("two files", half["parameters"] == plain["parameters"])


def test_exclusions():
    rows = grid()
    bad = [{**rows[0], "run_id": f"bad{i}", **change} for i, change in enumerate(
        [{"loss": ""}, {"loss": "inf"}, {"loss": "-1"}, {"loss": "nan"}, {"D_tokens": "0"}, {"N_params": ""},
         {"loss": "None"}, {"D_tokens": "NaN"}, {"N_params": "<NA>"}])]
    result = fit(write("a.csv", rows + bad), "--bootstrap", "100")
    counts = {e["reason"]: (e["count"], e["lines"]) for e in result["excluded"]}
    expect("excluded rows are counted and listed", counts == {
        "loss is missing": (1, [62]), "loss is not finite and positive": (4, [63, 64, 65, 68]),
        "D is missing or not positive": (2, [66, 69]), "N is missing or not positive": (2, [67, 70])}, counts)
    expect("and change nothing", result["parameters"] == fit(write("b.csv", rows), "--bootstrap", "100")["parameters"])
    dropped = fit(write("b.csv", rows), "--drop-highest", "3", "--bootstrap", "100")
    highest = sorted(range(60), key=lambda i: -rows[i]["loss"])[:3]
    expect("--drop-highest", sorted(dropped["excluded"][0]["lines"]) == sorted(i + 2 for i in highest))
    expect("what the dropped rows do is said", dropped["with_dropped_rows"] ==
           {k: p["estimate"] for k, p in result["parameters"].items()} and result["with_dropped_rows"] is None)
    some = fit(write("b.csv", rows), "--where", " N_params < 2e9 ", "--where", "run_id!=r00", "--bootstrap", "100")
    wanted = sum(r["N_params"] < 2e9 and r["run_id"] != "r00" for r in rows)
    expect("--where", some["n_observations"] == wanted and some["selection"]["rows_not_asked_for"] == 60 - wanted)


def test_crossed():
    """Without a run_id: two evaluations, corpora or learning rates at one point are no two seeds."""
    evals = write("x.csv", crossed(("evalset", ((0, "c4"), (.3, "wiki")))))
    refused("two evaluations", 2, ["evalset (2 values: c4, wiki)", '--where "evalset=VALUE"', "--target VALUE"], evals)
    expect("--target takes one", fit(evals, "--target", "wiki", "--bootstrap", "0")["n_observations"] == 48)
    kinds = write("y.csv", crossed(("recipe", ((0, "a"), (.3, "b"))), seeds=1))
    refused("a crossed column of any name", 2, ["recipe (2 values: a, b)", "--by recipe"], kinds)
    sweep = crossed(("lr", ((.1, 1), (0, 2), (.1, 5), (.2, 10), (.4, 30))))
    path = write("z.csv", sweep)
    refused("a sweep, values in order of numbers", 2, ["lr (5 values: 1, 2, 5, 10, 30)", "--best-over lr"], path)
    named = write("z2.csv", [{"name": f"r{i}", "run_id": f"r{i}", **r} for i, r in enumerate(sweep)])
    refused("a sweep, each row a run", 2, ["separated by: lr (5 values: 1, 2, 5, 10, 30). "], named)
    expect("--best-over takes the best", fit(path, "--best-over", "lr", "--bootstrap", "0")["n_observations"] == 48)
    noise = fit(path, "--pool", "--bootstrap", "0")["run_noise"]
    expect("another rate is no other seed", noise["settings"] == 30 and 0.002 < noise["sd"] < 0.006, noise)
    seeds = write("s.csv", crossed(("data_seed", ((0, 7), (0, 8)))))
    expect("seeds are replicates", fit(seeds, "--bootstrap", "0")["n_observations"] == 96)
    nodes = [{**r, "node": f"n{random.Random(i).randrange(3)}"} for i, r in enumerate(crossed(("trial", ((0, 1), (0, 2)))))]
    expect("what is not crossed separates nothing", fit(write("n.csv", nodes), "--bootstrap", "0")["n_observations"] == 96)


def test_refusals():
    rows = grid()
    path = write("a.csv", rows)
    twice = write("b.csv", [{**r, "eval_set": s, "loss": r["loss"] * k} for r in rows for s, k in (("x", 1), ("y", 1.1))])
    refused("two evaluations", 2, ["these 120 rows do not belong", "eval_set (2 values: x, y)", '--where "eval_set=VALUE"',
                                   "--by eval_set", "--pool"], twice)
    expect("--target picks one", fit(twice, "--target", "y", "--bootstrap", "0")["n_observations"] == 60)
    expect("--pool takes both", fit(twice, "--pool", "--bootstrap", "0")["n_observations"] == 120)
    groups = fit(twice, "--by", "eval_set", "--bootstrap", "0")
    one = fit(twice, "--by", "eval_set", "--where", "eval_set!=y", "--bootstrap", "0")
    expect("--by has the groups that --where leaves", [f["group"] for f in one["fits"]] == ["x"], one)
    expect("--by fits each", [f["group"] for f in groups["fits"]] == ["x", "y"])
    families = write("c.csv", [{**r, "family": "fg"[i % 2]} for i, r in enumerate(rows)])
    refused("two families", 2, ["family (2 values: f, g)"], families)
    bare = [{k: v for k, v in r.items() if k != "run_id"} for r in rows]
    seeds = write("d.csv", bare + [{**r, "loss": r["loss"] + 0.01} for r in bare])
    refused("nothing tells rows apart", 2, ["no column tells them apart", "--resample rows"], seeds)
    expect("--resample rows takes them", fit(seeds, "--resample", "rows", "--bootstrap", "0")["n_clusters"] == 120)
    once = fit(write("e.csv", rows), "--bootstrap", "100")
    double = fit(write("f.csv", rows), write("g.csv", rows), "--bootstrap", "100")
    expect("the same rows twice count once, and this is said", double["parameters"] == once["parameters"] and
           [(e["count"], e["reason"]) for e in double["excluded"]] == [(60, "the same run, D and loss as another row, which is used")],
           double["excluded"])
    nats = write("f.csv", [{**r, "run_id": "n" + r["run_id"], "unit": "nat/token"} for r in rows])
    bits = write("g.csv", [{**r, "run_id": "b" + r["run_id"], "unit": "bit/byte"} for r in rows])
    bare = write("h.csv", rows)
    refused("two units", 2, ["unit (2 values: bit/byte in ", "g.csv, nat/token in ", '--where "unit=VALUE"'], nats, bits)
    refused("one with and one without a unit", 2, ["unit (2 values: (empty) in ", "h.csv, nat/token in "], bare, nats)
    expect("--unit says what those without one have",
           fit(bare, nats, "--unit", "nat/token", "--bootstrap", "0")["selection"]["unit"] == "nat/token")
    refused("another unit", 2, ["--unit bit/byte: the column unit", "says 'nat/token'"], nats, "--unit", "bit/byte")
    pooled = fit(nats, bits, "--pool", "--bootstrap", "0")
    expect("--pool mixes units, and says so", (pooled["n_observations"], pooled["selection"]["unit"]) == (120, "mixed"))
    other = write("g.csv", [{**r, "N_params": 2 * r["N_params"]} for r in rows])
    warnings = fit(bare, other, "--bootstrap", "0")["warnings"]
    expect("one run_id for runs of two files", any("60 values of run_id stand for rows of different N" in w for w in warnings), warnings)
    three = write("g.csv", [{**r, "run_id": f + r["run_id"], "family": f, "router": f.upper()} for r in rows for f in ("a", "b", "c")])
    refused("three families", 2, ["family (3 values"], three)
    expect("several values named together are one fit",
           fit(three, "--where", "family=a|b", "--bootstrap", "0")["n_observations"] == 120)
    expect("and columns that follow them", fit(three, "--where", "router = A|C", "--bootstrap", "0")["n_observations"] == 120)
    broken = write("e.csv", [{**r, "loss": "3,14" if i == 4 else r["loss"]} for i, r in enumerate(rows)])
    refused("a decimal comma", 2, ["e.csv:6", "column 'loss'", "'3,14'", "point"], broken)
    ragged = os.path.join(tmp, "f.csv")
    open(ragged, "w").write("N_params,D_tokens,loss\n1,2,3\n1,2\n")
    refused("a ragged file", 2, ["f.csv:3:1", "fewer cells"], ragged)
    refused("no file", 1, ["/nonexistent/x.csv"], "/nonexistent/x.csv")
    refused("no source", 2, ["wanted one or more stores or CSV files"])
    other = [{"Params": r["N_params"], "tokens": r["D_tokens"], "nll": r["loss"]} for r in rows]
    refused("other names of columns", 2, ["no column 'N_params', 'D_tokens', 'loss'", "--n Params --d tokens --loss COLUMN", "nll"],
            write("g.csv", other))
    refused("other names of columns, one named", 2, ["no column 'N_params', 'D_tokens'; say which with --n Params --d tokens."],
            write("g.csv", other), "--loss", "nll")
    refused("numbers with a suffix", 2, ["h.csv:2", "'10M'", "70e6"], write("h.csv", [{**r, "N_params": "10M"} for r in rows]))
    bare = os.path.join(tmp, "i.csv")
    open(bare, "w").write("N_params,D_tokens,loss\n")
    refused("only a header", 5, ["no row below the header"], bare)
    for what, parts, args in [
            ("unknown column", ["no column 'N'", "--n"], ["--n", "N"]),
            ("unknown column of --where", ["no column 'los'", "did you mean 'loss'"], ["--where", "los=1"]),
            ("bad --where", ["wanted \"column=value\""], ["--where", "loss"]),
            ("--where without rows", ["leaves no row", "run_id"], ["--where", "run_id=zz"]),
            ("unknown law", ["unknown law 'chinchila'", "chinchilla"], ["--law", "chinchila"]),
            ("unknown parameter", ["unknown parameter 'gamma'", "alpha"], ["--fix", "gamma=1"]),
            ("bad --fix", ["allowed are 0.01 to 3"], ["--fix", "alpha=7"]),
            ("bad --tie", ["of one kind"], ["--tie", "alpha=E"]),
            ("fixed twice", ["alpha is fixed or tied twice"], ["--fix", "alpha=.3", "--fix", "alpha=.4"]),
            ("bad delta", ["--delta", "1e-9"], ["--delta", "-1"]),
            ("delta without huber", ["belongs to --objective huber"], ["--objective", "lad", "--delta", "1"]),
            ("--where without rows, of numbers", ["loss (60 values from"], ["--where", "loss = 99"]),
            ("level", ["--level 95", "did you mean 0.95"], ["--level", "95"])]:
        refused(what, 2, parts, path, *args)


def test_honesty():
    rows = grid()
    few = fit(write("a.csv", rows[:8]))
    expect("8 runs: an estimate", few["parameters"]["alpha"]["estimate"] is not None)
    expect("8 runs: no interval, and why", few["parameters"]["alpha"]["lo"] is None and "8 clusters" in few["bootstrap"]["no_interval"]
           and any(w.startswith("No interval") for w in few["warnings"]), few["bootstrap"], few["warnings"])
    middle = fit(write("a.csv", rows[:20]), "--bootstrap", "200")
    expect("20 runs: a warning", any("Only 20 clusters" in w for w in middle["warnings"]), middle["warnings"])
    refused("4 runs for 5 parameters", 5, ["4 different points cannot determine 5 parameters"], write("a.csv", rows[:4]))
    one_size = [{**r, "N_params": 1e8, "loss": law(1e8, r["D_tokens"])} for r in rows]
    result = fit(write("a.csv", one_size), "--bootstrap", "100")
    lost = sorted(k for k, p in result["parameters"].items() if not p["identified"])
    expect("one size: A, E and alpha are not identified", lost == ["A", "E", "alpha"], result["parameters"])
    expect("one size: beta is", result["parameters"]["beta"]["estimate"] is not None)
    rc, out, err = run(write("a.csv", one_size), "--bootstrap", "100")
    expect("the text says so", rc == 0 and "not identified" in out and max(map(len, out.splitlines())) <= 80, out, err)
    flat = write("a.csv", [{**r, "loss": 3, "D_tokens": 20 * r["N_params"]} for r in rows])
    rc, out, err = run(flat, "--fix", "E=3", "--bootstrap", "0")
    expect("nothing determined: what there is is printed, and exit 5", rc == 5 and "at its bound" in out
           and "determine no parameter" in err, rc, out, err)
    tied = fit(write("a.csv", rows), "--tie", "alpha=beta", "--fix", "E=1.8", "--bootstrap", "100")
    p = tied["parameters"]
    expect("--tie and --fix", p["alpha"]["estimate"] == p["beta"]["estimate"] and abs(p["E"]["estimate"] - 1.8) < 1e-12
           and p["E"]["method"] == "fixed" and p["E"]["lo"] is None, p)
    held = fit(write("a.csv", rows), "--tie", "alpha=beta", "--fix", "alpha=.35", "--bootstrap", "100")
    what = [held["parameters"]["beta"], held["derived"]["a"]]
    expect("tied to a fixed one is fixed", all(x["method"] == "fixed" and x["lo"] is None for x in what), what)
    curves = [{"N_params": r["N_params"], "D_tokens": r["D_tokens"] * k, "loss": law(r["N_params"], r["D_tokens"] * k)}
              for r in rows for k in (1, 2)]
    result = fit(write("a.csv", curves), "--bootstrap", "100")
    expect("no run_id: rows equal in all but D and loss are one run, and this is said",
           result["n_clusters"] == 60 and any("count as one run" in n for n in result["selection"]["notes"]), result["selection"])


def test_points():
    rows = []
    for r in grid()[:30]:
        for k, state in ((0.25, "stable"), (0.5, "stable"), (1, "end")):
            rows.append({**r, "D_tokens": r["D_tokens"] * k, "loss": r["loss"] * (1 + (1 - k) / 10), "lr_state": state,
                         "is_final": int(k == 1)})
    rows[5]["lr_state"] = "decay"
    path = write("a.csv", rows)
    final = fit(path, "--bootstrap", "0")
    expect("the last, cooled points by default", final["n_observations"] == 29 and final["excluded"][0]["count"] == 1, final)
    expect("--points stable", fit(path, "--points", "stable", "--bootstrap", "0")["n_observations"] == 60)
    every = fit(path, "--points", "all", "--bootstrap", "100")
    expect("--points all resamples runs", (every["n_observations"], every["n_clusters"]) == (90, 30))
    bare = [{"run": r["run_id"], "step": i, "N_params": r["N_params"], "D_tokens": r["D_tokens"], "loss": r["loss"]}
            for i, r in enumerate(rows)]
    last = fit(write("b.csv", bare), "--bootstrap", "100")
    expect("a column 'run' tells runs apart, and points left out are noted", last["n_observations"] == 30 and
           any("30 of 90 rows. --points all" in n for n in last["selection"]["notes"]), last["selection"])
    every = fit(write("b.csv", bare), "--points", "all", "--bootstrap", "100")
    expect("--points all takes them", (every["n_observations"], every["n_clusters"]) == (90, 30), every["selection"])


def test_odd_tables():
    """What other tools write: truth as words, rows without a name, equal highest losses."""
    rows = [{**r, "is_final": f, "D_tokens": r["D_tokens"] * k} for r in grid()[:30] for k, f in ((0.5, "False"), (1, "True"))]
    expect("True and False", fit(write("a.csv", rows), "--bootstrap", "0")["n_observations"] == 30)
    bare = [{k: v for k, v in r.items() if k != "run_id"} for r in grid(2)[:20]]
    mixed = fit(write("a.csv", grid()[:20]), write("b.csv", bare), "--bootstrap", "100")
    expect("rows without a name are runs, too", (mixed["n_observations"], mixed["n_clusters"]) == (40, 40) and
           any("20 rows have no run_id" in n for n in mixed["selection"]["notes"]), mixed["selection"])
    tied = [{**r, "loss": min(r["loss"], 2.6)} for r in grid()]
    a = fit(write("c.csv", tied), "--drop-highest", "3", "--bootstrap", "0")
    random.Random(4).shuffle(tied)
    b = fit(write("d.csv", tied), "--drop-highest", "3", "--bootstrap", "0")
    expect("which of equal losses are dropped does not depend on their order", a["parameters"] == b["parameters"], a["parameters"], b["parameters"])
    refused("nothing is left, and why", 5, ["no row is left to fit of 20 read", "20: loss is not finite and positive (lines 2, ...)"],
            write("e.csv", [{**r, "loss": -1} for r in grid()[:20]]))
    path = write("f.csv", grid()[:20])
    refused("few rows", 5, ["f.csv: 1 of 20 rows is used: 1 different point cannot determine 5 parameters"], path, "--where", "run_id=r03")
    refused("a comparison with a word", 2, ["'x' is not a number"], path, "--where", "loss<x")
    refused("a comparison of words", 2, ["f.csv:2: column 'run_id'", "'r00'"], path, "--where", "run_id<3")
    refused("two losses of one run", 2, ["run_id 'r00' has two losses at one D", "in line 2", "in line 3", "--pool"],
            write("g.csv", [grid()[0], {**grid()[0], "loss": 3}]))
    refused("a column of the law", 2, ["law curse needs K, languages", "f.csv has no n_languages or K", "--var K=COL"],
            path, "--law", "curse", "--var", "D=D_tokens")
    flops = [{"run_id": r["run_id"], "N_params": r["N_params"], "C": 6 * r["N_params"] * r["D_tokens"], "loss": r["loss"]} for r in grid()]
    made = fit(write("h.csv", flops), "--d", "C/(6*N_params)", "--bootstrap", "0")
    whole = fit(write("i.csv", grid()), "--bootstrap", "0")
    expect("D from an expression", made["selection"]["variables"]["D"]["from"] == "C/(6*N_params)" and
           all(abs(made["parameters"][k]["estimate"] / p["estimate"] - 1) < 1e-6 for k, p in whole["parameters"].items()), made)


def test_guessed_runs():
    """Without run_id: what follows D tells no runs apart, and rows that fall apart are said."""
    curves = []
    for i, r in enumerate(grid()[:40]):
        n = 2e7 * 2 ** (i % 5)
        for k in range(1, 6):
            d = r["D_tokens"] * k / 5
            curves.append({"model": f"m{i}", "N_params": n, "D_tokens": d, "loss": law(n, d) * (1 + i % 7 / 1000), "seed": i % 2})
    plain = fit(write("a.csv", curves), "--bootstrap", "100")
    expect("a name tells runs apart: their last points", plain["n_observations"] == 40 and plain["n_clusters"] == 40
           and any("40 of 200 rows" in n and "model" in n for n in plain["selection"]["notes"]), plain["selection"])
    more = [{**c, "step": int(c["D_tokens"] / 1e5), "flops": 6 * c["N_params"] * c["D_tokens"], "hours": 3 + c["D_tokens"] / 1e9}
            for c in curves]
    for points in ("final", "all"):
        args = ("--points", points, "--bootstrap", "100")
        a, b = fit(write("b.csv", curves), *args), fit(write("c.csv", more), *args)
        expect(f"steps, FLOPs and hours change nothing of {points}", a["parameters"] == b["parameters"]
               and a["n_clusters"] == b["n_clusters"] == 40, b["selection"])
    noted = fit(write("c.csv", more), "--points", "all", "--bootstrap", "0")["selection"]["notes"]
    expect("and are named", any("step, flops, hours" in n for n in noted), noted)
    noisy = [{**c, "train_loss": c["loss"] + (j * 7 % 11) / 100, "when": f"day {j}"} for j, c in enumerate(curves)]
    apart = fit(write("d.csv", noisy), "--points", "final", "--bootstrap", "100")
    expect("columns that tear runs apart are named", any("train_loss, when" in w and "--cluster model" in w for w in apart["warnings"]),
           apart["warnings"])
    expect("and nothing is said to be a last point", "most tokens" not in apart["selection"]["points"], apart["selection"])
    again = fit(write("d.csv", noisy), "--cluster", "model", "--bootstrap", "100")
    expect("--cluster puts them together", again["n_clusters"] == 40 and not any("--cluster" in w for w in again["warnings"]), again["warnings"])
    wrong = fit(write("a.csv", curves), "--n", "D_tokens", "--d", "N_params", "--bootstrap", "0")
    expect("N and D swapped", any("swapped" in w for w in wrong["warnings"]), wrong["warnings"])
    alone = [{k: c[k] for k in ("N_params", "D_tokens", "loss", "seed")} for c in curves]
    expect("without a name every row is used", fit(write("e.csv", alone), "--bootstrap", "0")["n_observations"] == 200)


def test_request():
    rows = [{**r, "eval_set": s} for r in grid() for s in "xy"]
    path = write("a.csv", rows)
    given = {"target": "x", "where": ["N_params>1e8", "D_tokens<5e10"], "fix": ["E=1.8"], "tie": ["alpha=beta"], "seed": 7,
             "level": 0.9, "drop_highest": 1, "bootstrap": 100, "points": "final", "cluster": "run_id"}
    args = [str(x) for k, v in given.items() for one in (v if isinstance(v, list) else [v])
            for x in ("--" + k.replace("_", "-"), one)]
    result = fit(path, *args)
    wrong = {k: result["request"][k] for k, v in given.items() if result["request"][k] != v}
    expect("the JSON says what was asked for", not wrong and result["request"]["pool"] is False, wrong)


def test_best_over():
    """A sweep of learning rates over a planted law: its best is fitted, and refits choose again."""
    r, rows = random.Random(2), []
    for i in range(48):
        n, d = 1e7 * 10 ** r.uniform(0, 3), 1e9 * 10 ** r.uniform(0, 2)
        for lr in (1, 2, 4, 8):
            off = math.log2(lr) - (1 if i % 4 else 3)
            rows.append({"run_id": f"r{i}-{lr}", "N_params": n, "D_tokens": d, "lr": lr,
                         "loss": law(n, d) * (1 + 0.02 * off * off) * math.exp(r.gauss(0, 0.002))})
    path = write("a.csv", rows)
    best = fit(path, "--best-over", "lr", "--bootstrap", "200")
    expect("one row of each sweep", (best["n_observations"], best["n_clusters"], best["bootstrap"]["unit"]) == (48, 48, "sweep"), best)
    expect("what was swept", best["selection"]["sweeps"] == {"rows": 192, "runs": 192, "cells": 48, "cells_of_one_setting": 0})
    for name, value in {"alpha": 0.35, "beta": 0.37}.items():
        p = best["parameters"][name]
        expect(f"{name} is near", abs(p["estimate"] - value) < 4 * p["se"] < 0.2, p)
    expect("the edge is said", any("lr is at the sweep's edge in 12 of 48 cells (for instance lr = 8)" in w for w in best["warnings"]), best["warnings"])
    alone = fit(write("b.csv", rows[:160] + [x for x in rows[160:] if x["lr"] == 2]), "--best-over", "lr", "--bootstrap", "0")
    expect("cells of one setting are counted", any("8 of 48 cells have one setting of lr only" in w for w in alone["warnings"]), alone["warnings"])
    random.Random(3).shuffle(rows)
    expect("the same bytes for shuffled rows", same_but_source(best, fit(write("c.csv", rows), "--best-over", "lr", "--bootstrap", "200")))
    refused("nothing swept", 5, ["nothing to choose from"], path, "--best-over", "lr", "--where", "lr=2")
    refused("a best over seeds", 2, ["too good"], write("d.csv", [{**x, "seed": 1} for x in rows]), "--best-over", "seed")


def test_output():
    path, out = write("a.csv", grid()), os.path.join(tmp, "fit.json")
    rc, text, _ = run(path, "--bootstrap", "200", "-o", out)
    expect("text and a file", rc == 0 and json.load(open(out)) is not None)
    expect("80 columns", max(map(len, text.splitlines())) <= 80, text)
    for word in ("alpha", "95 % interval", "60 clusters (run_id)", "200 converged"):
        expect(f"the text has '{word}'", word in text, text)
    small = [{"run_id": f"{n}-{d}", "N_params": n, "D_tokens": d, "loss": law(n, d)} for n in (1e7, 1e8, 1e9) for d in (1e9, 1e10)]
    rc, text, _ = run(write("b.csv", small), "--table", "--bootstrap", "0")
    expect("the table of losses", "Loss falls with N in 4 of 4 steps, with D in 3 of 3." in text, text)


PUBLISHED = [
    # FITTING row, arguments, parameter, value, half a unit of the last printed digit
    (["--compat", "hoffmann", "--drop-highest", "5"], {"A": (477.826, 5e-4), "B": (2143.417, 5e-4), "E": (1.817218, 5e-7),
                                                       "alpha": (.347310, 5e-7), "beta": (.367172, 5e-7)}),
    (["--objective", "lad", "--drop-highest", "5"], {"A": (482.0057, 5e-5), "B": (2085.434, 5e-4), "E": (1.816864, 5e-7),
                                                     "alpha": (.347813, 5e-7), "beta": (.365854, 5e-7)}),
    (["--compat", "hoffmann"], {"A": (495.7, .05), "B": (12846, .5), "E": (1.8914, 1e-4), "alpha": (.3493, 5e-5),
                                "beta": (.4530, 5e-5)}),
    (["--objective", "lsq", "--where", "in_published_fit=1", "--where", "C_flop<1e21"],
     {"E": (1.9051, 5e-5), "alpha": (.3511, 5e-5), "beta": (.4587, 5e-5)}),
]


def test_published():
    path = os.path.join(DATA, "chinchilla_replication.csv")
    for args, wanted in PUBLISHED:
        result = fit(path, *args, "--bootstrap", "0")
        for name, (value, tolerance) in wanted.items():
            got = result["parameters"][name]["estimate"]
            expect(f"{args} {name}", abs(got - value) <= 1.01 * tolerance, got, value)
    value = fit(path, "--compat", "hoffmann", "--drop-highest", "5", "--bootstrap", "0")["objective"]["value"]
    expect("the sum of Huber losses", value <= 0.00101827401781, value)
    own = fit(path, "--compat", "hoffmann", "--drop-highest", "5", "--bootstrap", "1000")
    se = {"A": (124.5, .25), "B": (1293, .25), "E": (.02566, .12), "alpha": (.01540, .12), "beta": (.02060, .12)}
    for name, (value, tolerance) in se.items():
        got = own["parameters"][name]["by_grouping"]["run"]["se"]
        expect(f"standard error of {name}", abs(got / value - 1) <= tolerance, got, value)
    gadre = os.path.join(DATA, "gadre_overtraining.csv")
    refused("eight evaluations and three corpora", 2, ["eval_set (8 values", "train_corpus (3 values", '--where "eval_set=VALUE"'], gadre)
    fits = fit(gadre, "--where", "eval_set=c4_val", "--by", "train_corpus", "--bootstrap", "0")["fits"]
    expect("a fit for each corpus", [f["n_observations"] for f in fits] == [34, 35, 35])
    routed = os.path.join(DATA, "routed_experts.csv")
    for router, wanted in {"S-Base": (58, -.0830, -.1180, .0099, 1.1136), "RL-R": (59, -.0827, -.1234, .0112, 1.1070),
                           "Hash": (56, -.0874, -.1384, .0126, 1.1595)}.items():
        result = fit(routed, "--law", "clark", "--objective", "log-lsq", "--where", f"family=routed-Dense|routed-{router}",
                     "--where", "in_published_fit=1", "--bootstrap", "0")
        expect(f"the rows of {router}: final points with the dense ones", result["n_observations"] == wanted[0], result["n_observations"])
        for name, value in zip("abcd", wanted[1:]):
            got = result["parameters"][name]["estimate"]
            expect(f"{router} {name}", abs(got - value) < 6e-5, got, value)
    groups = fit(path, "--compat", "hoffmann", "--drop-highest", "5", "--bootstrap", "0")["selection"]["groupings"]
    expect("240 runs, 42 sizes, 22 budgets", [(g["name"], g["groups"]) for g in groups] == [("run", 240), ("size", 42), ("compute", 22)], groups)
    refused("four routers", 2, ["family (4 values"], os.path.join(DATA, "routed_experts.csv"))


with tempfile.TemporaryDirectory() as tmp:
    for test in (test_shapes_of_files, test_exclusions, test_crossed, test_refusals, test_honesty, test_points, test_odd_tables, test_guessed_runs, test_request, test_best_over, test_output):
        test()
    if os.path.isdir(DATA):
        test_published()
    else:
        print("published data not found: their fits were not compared")
done()
