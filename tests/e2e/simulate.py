"""isogloss simulate: designs from a text, a campaign and a CSV; losses that fit back to their truth; coverage and
its negative control; messages; JSON against its schema."""
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
from checks import done, expect  # noqa: E402
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/simulate.schema.json"))))
TRUTH = {"A": 480.0, "B": 2100.0, "E": 1.8, "alpha": 0.35, "beta": 0.37}
PARAMS = ["--params", ",".join(f"{k}={v}" for k, v in TRUTH.items())]
GRID = ["--design", "N=10M,30M,100M,300M,1G,3B;D=5x,10x,20x,50x,100x,200x"]


def run(*args, verb="simulate"):
    p = subprocess.run([ISOGLOSS, verb, *args], capture_output=True, text=True, timeout=100)
    return p.returncode, p.stdout, p.stderr


def rows_of(*args):
    rc, out, err = run(*args)
    expect(f"exit 0 of {args}", rc == 0, rc, err)
    return list(csv.DictReader(out.splitlines()))


def fitted(*args):
    rc, out, err = run("--fit", "--json", *args)
    expect(f"exit 0 of {args}", rc == 0, rc, err)
    result = json.loads(out)
    errors = [e.message for e in SCHEMA.iter_errors(result)]
    expect(f"schema of {args}", not errors, *errors)
    return result


def residuals(rows, truth=TRUTH):
    def law(n, d):
        return truth["E"] + truth["A"] / n**truth["alpha"] + truth["B"] / d**truth["beta"]
    return [math.log(float(r["loss"]) / law(float(r["N_params"]), float(r["D_tokens"]))) for r in rows]


def test_losses():
    exact = rows_of(*PARAMS, *GRID, "--run-sd", "0", "--point-sd", "0")
    expect("36 runs", len(exact) == 36 and len({r["run_id"] for r in exact}) == 36)
    expect("sizes and tokens", {(float(r["N_params"]), float(r["D_tokens"])) for r in exact} ==
           {(n, m * n) for n in (1e7, 3e7, 1e8, 3e8, 1e9, 3e9) for m in (5, 10, 20, 50, 100, 200)})
    expect("the law itself without noise", max(map(abs, residuals(exact))) < 1e-12)
    many = rows_of(*PARAMS, *GRID, "--worlds", "50", "--run-sd", "0.01", "--point-sd", "0")
    expect("fifty worlds", {r["world"] for r in many} == {str(k) for k in range(50)} and len(many) == 1800)
    e = residuals(many)
    sd = math.sqrt(sum(x * x for x in e) / len(e))
    expect("their noise", abs(sd / 0.01 - 1) < 0.06, sd)  # 1800 draws: 1.7 %
    expect("one world of a seed", rows_of(*PARAMS, *GRID) == rows_of(*PARAMS, *GRID) != rows_of(*PARAMS, *GRID, "--seed", "2"))
    path = os.path.join(tmp, "worlds.csv")
    rc, out, err = run(*PARAMS, *GRID, "--worlds", "2", "-o", path)
    expect("a file", rc == 0 and not out and len(open(path).readlines()) == 73, err)
    rc, out, err = run(path, "--by", "world", "--bootstrap", "100", "--json", verb="fit")
    fits = json.loads(out)["fits"]
    expect("which isogloss fit takes", rc == 0 and [f["n_observations"] for f in fits] == [36, 36], err)
    expect("and finds the truth", all(abs(f["parameters"]["alpha"]["estimate"] - 0.35) < 0.06 for f in fits))


def test_designs():
    tiny = rows_of(*PARAMS, os.path.join(SOURCE, "tests/data/tiny.yaml"), "--target", "aa", "--run-sd", "0", "--point-sd", "0")
    expect("a campaign: the last points of its runs", len(tiny) == 24 and {r["eval_language"] for r in tiny} == {"aa"}, len(tiny))
    expect("with its sizes and tokens", {float(r["D_tokens"]) for r in tiny} == {1e6, 2e6, 4e6} and
           len({r["N_nonembedding"] for r in tiny}) == 4)
    every = rows_of(*PARAMS, os.path.join(SOURCE, "tests/data/tiny.yaml"), "--target", "aa", "--points", "all")
    expect("and all its points", len(every) > len(tiny), len(every))
    path = os.path.join(tmp, "design.csv")
    with open(path, "w") as f:
        f.write("run_id,N_params,D_tokens,loss\na,1e8,1e9,\nb,1e8,2e9,9.9\nc,2e8,4e9,inf\n")
    got = rows_of(*PARAMS, path, "--run-sd", "0", "--point-sd", "0")
    expect("a CSV, whose own losses do not matter", len(got) == 3 and max(map(abs, residuals(got))) < 1e-12, got)
    languages = rows_of("--law", "curse", PARAMS[0], PARAMS[1] + ",phi=0.1,psi=0", "--design", "N=1e8,1e9;D=1e9,1e10;K=1,10",
                        "--run-sd", "0", "--point-sd", "0")
    one = [r for r in languages if r["K"] == "1"]
    expect("a law with a further variable", len(languages) == 8 and max(map(abs, residuals(one))) < 1e-12 and
           min(residuals([r for r in languages if r["K"] == "10"])) > 0.01)
    rc, out, err = run(os.path.join(tmp, "worlds.csv"), "--where", "world=0", "--bootstrap", "100", "-o",
                       os.path.join(tmp, "fit.json"), verb="fit")
    again = rows_of("--params", os.path.join(tmp, "fit.json"), *GRID)
    expect("the parameters of a fit", rc == 0 and len(again) == 36, err)


def test_fits():
    result = fitted(*PARAMS, *GRID, "--worlds", "60", "--bootstrap", "150")
    alpha = result["numbers"]["alpha"]
    expect("all have intervals", (result["with_intervals"], alpha["percentile"]["intervals"]) == (60, 60))
    expect("no bias to speak of", abs(alpha["mean"] - 0.35) < 0.5 * alpha["sd"], alpha)
    expect("near the nominal coverage", alpha["percentile"]["covered"] >= 50, alpha)  # of 60: 57 expected, 50 is -4 sd
    wide = fitted(*PARAMS, *GRID, "--worlds", "60", "--bootstrap", "150", "--run-sd", "0.02")
    ratio = wide["numbers"]["alpha"]["percentile"]["width"] / alpha["percentile"]["width"]
    expect("noise makes intervals wider", 2.5 < ratio < 6, ratio)
    expect("what is held has no interval", "alpha" not in fitted(*PARAMS, *GRID, "--worlds", "20", "--fix", "alpha=0.35",
                                                                  "--bootstrap", "50")["numbers"])
    points = [os.path.join(tmp, "points.csv"), "--points", "all", "--worlds", "60", "--bootstrap", "150"]
    with open(points[0], "w") as f:
        f.write("run_id,N_params,D_tokens\n")
        f.writelines(f"r{i},{1e7 * 300 ** (i % 8 / 7)},{1e9 * 100 ** (i // 8 / 5) * k / 6}\n" for i in range(48) for k in range(1, 7))
    runs, rows = (fitted(*PARAMS, *points, "--resample", how)["numbers"]["alpha"]["percentile"] for how in ("clusters", "rows"))
    expect("resampling runs holds", runs["covered"] >= 50, runs)
    expect("resampling their rows does not", rows["covered"] < 48, rows)
    rc, out, err = run(*PARAMS, *GRID, "--fit", "--worlds", "20", "--bootstrap", "100", "--shape", "student")
    expect("80 columns of text", rc == 0 and max(map(len, out.splitlines())) <= 80, out, err)
    for words in ("36 observations in 36 clusters", "student (4 df)", "20 simulated, 20 with intervals; 100 refits", "loss of best run"):
        expect(f"the text says '{words}'", words in out, out)


def test_clusters_of_a_table():
    """Its loss separates no rows: clusters are those of a fit to the same table."""
    cells = [(3e7 * 2**n, 20 * 3e7 * 2**n * 2**d, seed) for n in range(6) for seed in (1, 2) for d in range(4)]
    for column in ("val_loss", "loss", "nats", ""):
        path = os.path.join(tmp, "seeds.csv")
        with open(path, "w") as f:
            f.write(f"params,toks,{column + ',' if column else ''}seed\n")
            for k, (n, d, seed) in enumerate(cells):
                f.write(f"{n},{d},{f'{1.8 + 480 / n**0.35 + 2100 / d**0.37 + 1e-4 * (k * 7 % 11):.6f},' if column else ''}{seed}\n")
        how = [path, "--n", "params", "--d", "toks", "--bootstrap", "50"]
        own = ["--loss", column] if column == "nats" else []
        design = fitted(*PARAMS, *how, *own, "--worlds", "20")
        expect(f"12 runs of 4 rows with loss '{column}'", (design["n_observations"], design["n_clusters"]) == (48, 12), design)
        if column:
            rc, out, err = run(*how, "--loss", column, "--json", verb="fit")
            expect(f"as fit has them with '{column}'", json.loads(out)["n_clusters"] == design["n_clusters"], err)
        rows = rows_of(*PARAMS, *how, *own, "--run-sd", "0", "--point-sd", "0")
        name = column or "loss"
        expect(f"losses are in column {name}", set(rows[0]) == {"params", "toks", "seed", name}, rows[0])
        expect("and are the law's", all(abs(float(r[name]) - 1.8 - 480 / float(r["params"])**0.35 - 2100 / float(r["toks"])**0.37) < 1e-9
                                        for r in rows))
    expression = fitted(*PARAMS, path.replace("seeds", "bits"), "--n", "params", "--d", "toks", "--loss", "bits*0.6931",
                        "--worlds", "20", "--bootstrap", "50") if write_bits(cells, path.replace("seeds", "bits")) else {}
    expect("an expression over the column", expression.get("n_clusters") == 12, expression)
    rc, out, err = run(*PARAMS, *how, "--worlds", "20", "--fit")
    expect("few clusters are said to be few", "Only 12 clusters" in out and "fewer than 40" in out, out)


def write_bits(cells, path):
    with open(path, "w") as f:
        f.write("params,toks,bits,seed\n")
        f.writelines(f"{n},{d},{3 + k * 7 % 11 / 100},{seed}\n" for k, (n, d, seed) in enumerate(cells))
    return True


def test_messages():
    for args, code, parts in [
            (GRID, 2, ["--params is needed"]), (["--params", "A=1"] + GRID, 2, ["also needs B, E, alpha, beta"]),
            (["--params", "A=1,gamma=2"] + GRID, 2, ["unknown parameter 'gamma'"]),
            ([PARAMS[0], PARAMS[1] + ",alpha=9"] + GRID, 2, ["alpha=9", "0.01 to 3"]),
            (["--params", "A=x"] + GRID, 2, ["'x' is not a number"]),
            (["--params", "A=1e307,B=1,E=1,alpha=0.01,beta=0.3"] + GRID, 2, ["the loss of line 1 of the design is 1.0"]),
            (["--params", "/nonexistent.json"] + GRID, 1, ["/nonexistent.json"]),
            (PARAMS + ["--design", "N=1e7"], 2, ["N and D are needed"]), (PARAMS + ["--design", "N=1e7;D=fast"], 2, ["'fast'"]),
            (PARAMS + ["--design", "N=1e8;D=1e9 5"], 2, ["'1e9 5'"]),
            (PARAMS + ["--design", "N=20x;D=1e9"], 2, ["'20x'"]), (PARAMS + GRID + ["a.csv"], 2, ["exclude each other"]),
            (PARAMS, 2, ["one or more stores or CSV files"]), (PARAMS + GRID + ["--json"], 2, ["--json goes with --fit"]),
            (PARAMS + GRID + ["--fit", "--worlds", "3"], 2, ["at least 20"]),
            (PARAMS + ["--design", "N=1e7,1e8;D=1e9,1e10,1e11", "--fit"], 5, ["no interval", "6 clusters"]),
            (PARAMS + GRID + ["--by", "run_id"], 2, ["--by"]), (PARAMS + GRID + ["--drop-highest", "2"], 2, ["--drop-highest"]),
            (PARAMS + GRID + ["--metric", "page"], 2, ["--metric page", "in its unit"])]:
        rc, out, err = run(*args)
        expect(f"refused {args}", rc == code and all(p in err for p in parts) and not out, rc, err)


with tempfile.TemporaryDirectory() as tmp:
    for test in (test_losses, test_designs, test_fits, test_clusters_of_a_table, test_messages):
        test()
done()
