#!/usr/bin/python3
"""Tables and the methods paragraph of a fit say what its JSON says, and the printed command
makes the same numbers again."""
import csv
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile

ISOGLOSS = os.environ["ISOGLOSS"]
sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from checks import done, expect  # noqa: E402


def run(*args, status=0):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=120, check=False)
    expect(f"status of {args}", p.returncode == status, f"{p.returncode}: {p.stderr}")
    return p


def make_runs(path):
    random.seed(3)
    with open(path, "w", encoding="utf-8") as out:
        out.write("run_id,family,N_params,D_tokens,loss\n")
        k = 0
        for family in ("plain", "50% & more_"):
            for n in (1e6, 2e6, 5e6, 1e7, 3e7, 1e8):
                for d in (1e8, 3e8, 1e9, 3e9, 1e10, 3e10):
                    loss = (1.6 + 40 / n**0.3 + 300 / d**0.33) * (1 + 0.004 * random.gauss(0, 1))
                    out.write(f"r{k},{family},{n:.0f},{d:.0f},{loss:.8f}\n")
                    k += 1


scratch = tempfile.TemporaryDirectory()
os.chdir(scratch.name)
make_runs("runs.csv")
BASE = ["fit", "runs.csv", "--bootstrap", "300", "--seed", "5"]
ONE = [*BASE, "--where", "family=plain"]
fit = json.loads(run(*ONE, "--json").stdout)
groups = json.loads(run(*BASE, "--by", "family", "--json").stdout)

# --format json and --json are one
expect("json twice", json.loads(run(*ONE, "--format", "json").stdout) == fit)
expect("both formats", "contradict" in run(*ONE, "--json", "--format", "csv", status=2).stderr)
expect("unknown format", "latex" in run(*ONE, "--format", "latx", status=2).stderr)

# CSV has every digit
for result, fits in ((run(*ONE, "--format", "csv"), [fit]),
                     (run(*BASE, "--by", "family", "--format", "csv"), groups["fits"])):
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    expect("rows of the CSV", len(rows) == len(fits) * 7, result.stdout)
    for row in rows:
        one = next(f for f in fits if f.get("group", "") == row["group"])
        number = one["parameters" if row["kind"] == "parameter" else "derived"][row["name"]]
        for key in ("estimate", "se", "lo", "hi"):
            expect(f"{row['name']} {key}", float(row[key]) == number[key], row)
        expect("n", int(row["n_observations"]) == one["n_observations"], row)

# Markdown: a table of equal columns; LaTeX: balanced, escaped, as many cells as columns
for args, columns in ((ONE, 4), ([*BASE, "--by", "family"], 9)):
    text = run(*args, "--format", "markdown").stdout
    table = [line for line in text.splitlines() if line.startswith("|")]
    expect("markdown columns", table and {line.count("|") for line in table} == {columns + 1}, text)
    text = run(*args, "--format", "latex").stdout
    expect("latex braces", text.count("{") == text.count("}"), text)
    expect("latex dollars", len(re.findall(r"(?<!\\)\$", text)) % 2 == 0, text)
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    expect("latex cells", rows and {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {columns - 1}, text)
    expect("latex percent", not re.search(r"(?<![\\])%(?! needs)", text), text)
    expect("latex Greek", r"$\alpha$" in text and r"N^{\alpha}" in text, text)
expect("latex group escaped", r"50\% \& more\_" in text, text)
estimate = re.search(r"\| alpha \| ([0-9.]+) \|", run(*ONE, "--format", "markdown").stdout)
expect("rounded estimate", estimate and abs(float(estimate[1]) - fit["parameters"]["alpha"]["estimate"]) < 5e-3)

# the methods paragraph and its command
run(*ONE, "--fix", "E=1.6", "--save", "mine", "-o", "fits.h5")
run(*ONE, "--fix", "E=1.6", "-o", "fit.json")
text = run("methods", "fit.json").stdout
for words in ("36 observations", "run_id", "seed 5", "300 bootstrap refits", "Held fixed: E=1.6", "isogloss 0",
              "Hoffmann", "1.345", "sha256", "resampling 17 groups of runs (C = 6 N D"):
    expect(f"methods say '{words}'", words in " ".join(text.split()), text)
expect("80 columns", max(map(len, text.splitlines())) <= 80, text)
command = re.search(r"\n\n(    isogloss fit .*?)\n\nfrom", text, re.S)
expect("a command", command, text)
again = subprocess.run(command[1].replace("isogloss", f'"{ISOGLOSS}"', 1) + " --json", shell=True, capture_output=True,
                       text=True, timeout=120, check=False)
with open("fit.json", encoding="utf-8") as f:
    first = json.load(f)
expect("the command runs", again.returncode == 0, again.stderr)
expect("the same numbers", again.returncode == 0 and json.loads(again.stdout)["parameters"] == first["parameters"])


def repeats(*args):
    """The printed command makes the whole result again, byte for byte."""
    run(*args, "-o", "kept.json")
    shown = re.search(r"\n\n(    isogloss fit .*?)\n\nfrom", run("methods", "kept.json").stdout, re.S)
    p = subprocess.run(shown[1].replace("isogloss", f'"{ISOGLOSS}"', 1) + " -o again.json", shell=True,
                       capture_output=True, text=True, timeout=120, check=False)
    expect(f"{args} again", p.returncode == 0, p.stderr)
    with open("kept.json", encoding="utf-8") as kept, open("again.json", encoding="utf-8") as made:
        expect(f"{args}: the same result", kept.read() == made.read(), shown[1])


repeats(*ONE, "--at", "C=1e21", "--at", "C=1e22", "--forecast", "N=1e9,D=1e11", "--rivals", "none", "--reference", "hoffmann2022")
repeats(*ONE, "--backtest", "--check=20", "--rival", "chinchilla", "--profile", "alpha", "--level", "0.9")
repeats(*BASE[:2], "--bootstrap", "40", "--seed", "0", "--starts", "0", "--by", "family", "--where", "family=50% & more_|plain")
expect("methods of a file of fits", run("methods", "fits.h5").stdout.count("Held fixed: E=1.6") == 1)
expect("of a named one", run("methods", "fits.h5", "--fit", "mine").stdout == run("methods", "fits.h5").stdout)
expect("an unknown one", "there are: mine" in run("methods", "fits.h5", "--fit", "yours", status=2).stderr)
run(*BASE, "--by", "family", "-o", "groups.json")
with open("swept.csv", "w", encoding="utf-8") as out:
    with open("runs.csv", encoding="utf-8") as rows:
        out.write(next(rows).rstrip() + ",lr\n")
        for row in rows:
            for k, lr in enumerate((1, 2, 4)):
                cells = row.rstrip().split(",")
                out.write(",".join([cells[0] + f"-{lr}", *cells[1:4], f"{float(cells[4]) * (1 + .01 * (k - 1) ** 2):.8f}", f"{lr}"]) + "\n")
run("fit", "swept.csv", "--where", "family=plain", "--best-over", "lr", "--bootstrap", "100", "-o", "swept.json")
text = " ".join(run("methods", "swept.json").stdout.split())
expect("sweeps", "Of each of 36 sweeps over lr (108 runs) the best setting is fitted" in text, text)
expect("methods of groups", run("methods", "groups.json").stdout.count("with family =") == 2)
expect("methods of runs", "isogloss fit runs.csv -o fit.json" in run("methods", "runs.csv", status=2).stderr)
with open("other.json", "w", encoding="utf-8") as out:
    out.write('{"a": 1}')
expect("other JSON", "not the result of a fit" in run("methods", "other.json", status=2).stderr)

# tables carry no warnings: they go to stderr; marks and groupings are in the tables
def marked(name, rows, *args):
    with open(name, "w", encoding="utf-8") as f:
        f.write("run_id,N_params,D_tokens,loss\n" + "".join(f"r{k},{n:.0f},{d:.0f},{loss:.8f}\n" for k, (n, d, loss) in enumerate(rows)))
    return ["fit", name, "--bootstrap", "100", *args]


sizes, tokens = [1e6 * 2**k for k in range(8)], [1e8 * 3**k for k in range(6)]
random.seed(4)
floor = marked("floor.csv", [(n, d, (40 / n**.3 + 300 / d**.33) * (1 + .004 * random.gauss(0, 1))) for n in sizes for d in tokens])
kept = json.loads(run(*floor, "--json").stdout)
expect("E is one-sided", "one-sided" in kept["parameters"]["E"]["method"], kept["parameters"]["E"])
for style, dagger in (("markdown", "†"), ("latex", r"$^\dagger$")):
    p = run(*floor, "--format", style)
    expect(f"{style}: one-sided", dagger in p.stdout and "one-sided interval" in p.stdout, p.stdout)
    lines = p.stderr.splitlines()
    expect(f"{style}: warnings", lines == ["isogloss fit: warning: " + w for w in kept["warnings"]] and lines, p.stderr)
    ways = {n["grouping"] for k in ("parameters", "derived") for n in kept[k].values() if n["grouping"]}
    expect(f"{style}: groupings", (" by run" in p.stdout) == (len(ways) > 1), p.stdout)
rows = list(csv.DictReader(io.StringIO(run(*floor, "--format", "csv").stdout)))
expect("CSV groupings", all(r["grouping"] == (kept["parameters" if r["kind"] == "parameter" else "derived"][r["name"]]["grouping"] or "")
                           for r in rows) and any(r["grouping"] for r in rows), rows)
text = run(*floor, "--resample", "rows", "--format", "markdown").stdout
expect("one grouping is in the caption", "intervals of resampled clusters (" in text and " by " not in text, text)
p = run(*BASE, "--by", "family", "--format", "csv", "--bootstrap", "100")
expect("warnings of groups", p.stderr.count("isogloss fit: warning: family = plain: ") >= 1, p.stderr)
expect("one command for all groups", run("methods", "groups.json").stdout.count("isogloss fit --") == 1)
groups["fits"][0]["converged"] = False
with open("stuck.json", "w", encoding="utf-8") as out:
    json.dump(groups, out)
expect("methods: not converged", run("methods", "stuck.json").stdout.replace("\n", " ").count("did not converge") == 1)

# few refits
for replicates, has, said in ((10, False, "--bootstrap 40 at least"), (39, False, "at least"), (40, True, "1 lie beyond each end"),
                              (399, True, "Only 399 refits"), (400, True, None)):
    few = json.loads(run(*ONE[:2], "--where", "family=plain", "--bootstrap", str(replicates), "--json").stdout)
    expect(f"{replicates} refits", (few["parameters"]["alpha"]["lo"] is not None) == has
          and (any(said in w for w in few["warnings"]) if said else not any("refits" in w for w in few["warnings"])), few["warnings"])

# swapped columns, other units
for args, said in ((("--n", "D_tokens", "--d", "N_params"), "D is smaller than N"), (("--n", "N_params/1e6",), "The largest N is 100")):
    few = json.loads(run(*ONE[:2], "--where", "family=plain", "--bootstrap", "0", "--json", *args).stdout)
    expect(said, any(said in w and "swapped" in w for w in few["warnings"]), few["warnings"])
expect("nothing of it otherwise", not any("swapped" in w for w in fit["warnings"]))
run("methods", status=2)
done()
