"""What check and plan advise about proxies: warm-ups, batches, steps, evaluations."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]


def run(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=60)
    check(p.returncode == 0 and not p.stderr, (args, p.stderr))
    check("--json" in args or max(map(len, p.stdout.splitlines())) <= 80, p.stdout)
    return " ".join(p.stdout.split())


def advice(path):
    """[(kind, text)] of plan; check must say the warnings among them, and text says what JSON says."""
    rows = [(a["kind"], a["text"]) for a in json.loads(run("plan", "--json", path))["advice"]]
    checked = json.loads(run("check", "--json", path))["campaigns"][0]["advice"]
    check([(a["kind"], a["text"]) for a in checked] == [r for r in rows if r[0] == "warning"], (rows, checked))
    plan, good = run("plan", path), run("check", path)
    for kind, text in rows:
        check(f"{kind}: {text}" in plan, (kind, text, plan))
        check((text in good) == (kind == "warning"), (kind, text, good))
    return rows


def has(rows, kind, *words):
    """Exactly one piece of advice has all words; it is of that kind."""
    found = [k for k, text in rows if all(w in text for w in words)]
    check(found == [kind], f"wanted one {kind} with {words}: {rows}")


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    held = sentences(1, 320_000)[300_000:]
    make_corpus(pathlib.Path(name) / "corpus", {c: (sentences(k, 300_000), held) for k, c in enumerate(("aa", "bb"))})
    path = os.path.join(name, "a.yaml")

    def campaign(trainer="", tokens="[2M, 4M]", evaluate="points: 2, bytes: 8Ki", sizes="[p0, p3]"):
        pathlib.Path(path).write_text(
            f"isogloss: 1\nname: a\ncorpus: corpus\ntrainer: {{kind: proxy{trainer}}}\nsizes: {sizes}\ntokens: {tokens}\n"
            f"evaluate: {{{evaluate}}}\nfamilies:\n  - {{name: m, mixture: monolingual, languages: [aa, bb]}}\n")
        return advice(path)

    check(campaign() == [], "an ordinary campaign needs no advice")

    # warm-up: a constant number of tokens, 100k unless said otherwise
    settings = json.loads(run("plan", "--json", "--runs", path))["run_list"][0]["settings"]
    check(settings["warmup"] == 100000, settings)
    has(campaign(", batch: 128", "[80k, 199k, 200k, 1M]"), "warning", "warm-up takes more than half of 8 of 16 runs",
        "100k of 80k", "Lower 'warmup'")
    check(not campaign(", batch: 128, warmup: 40k", "[80k, 1M]"), "half of a run is not too much")
    has(campaign(", warmup: 0.05"), "note", "share of the run", "exponent of D")
    check(not campaign(", warmup: 0.05", "2M"), "a share of one budget")
    has(campaign(", warmup: 0.6", "2M"), "warning", "more than half of 4 of 4 runs")

    # any shape by its numbers
    campaign(sizes="[4x48x3]")
    shape = json.loads(run("plan", "--json", "--runs", path))["run_list"][0]["shape"]
    check((shape["layers"], shape["d"], shape["heads"]) == (4, 48, 3), shape)
    check("4x48x3" in run("plan", path), "the plan names it")
done()
