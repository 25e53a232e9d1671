"""Branches as a user meets them: a campaign of proxies on a small corpus, whose branched runs lose to the bit what
the ordinary ones lose, stopped and killed on the way; what it leaves and costs; larger budgets later. Then fits:
as many clusters as trunks."""
import collections
import csv
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["ISOGLOSS_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests/support"))
try:
    import h5py
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]

CAMPAIGN = """
isogloss: 1
name: {name}
seed: 3
corpus: corpus
trainer: {{kind: proxy, context: 64, warmup: 4k, branches: true}}
sizes: [{{layers: 1, d: 32, heads: 1}}]
tokens: [{tokens}]
seeds: 2
evaluate: {{languages: [aa, bb], points: 3, bytes: 2k, shards: 2}}
checkpoints: {{every: 0.1s}}
families:
  - {{name: mono, mixture: uniform, sets: {{both: [aa, bb]}}{more}}}
  - {{name: plain, mixture: uniform, sets: {{both: [aa, bb]}}, branches: false}}
"""
BUDGETS = "40k, 80k, 160k"


def isogloss(home, *words, wanted=0, **env):
    p = subprocess.run([ISOGLOSS, *words], cwd=home, env={**os.environ, **env}, capture_output=True, text=True, timeout=200)
    check(p.returncode == wanted, f"{words} ended with {p.returncode}, wanted {wanted}: {p.stderr}")
    return p.stdout if not wanted else p.stderr


def write(home, name, tokens=BUDGETS, more=""):
    (home / f"{name}.yaml").write_text(CAMPAIGN.format(name=name, tokens=tokens, more=more))
    return f"{name}.yaml"


def table(home, store):
    return list(csv.DictReader(io.StringIO(isogloss(home, "export", store))))


def left(home, name):
    """Ids of runs that have files in the work directory."""
    runs = home / f"{name}.work/runs"
    return sorted(os.listdir(runs)) if runs.exists() else []


def files(home, name):
    """Checkpoints of runs, whole ones and those of trunks."""
    return {str(f) for f in (home / f"{name}.work/runs").glob("*/*")}


def check_losses(rows, budgets):
    """Each budget and seed has a branch and an ordinary run: alike, but independent of each other."""
    found = collections.defaultdict(dict)
    for r in rows:
        if r["is_final"] == "1":
            found[tuple(r[k] for k in ("D_tokens", "seed", "evaluation"))]["plain" if r["in_plain"] == "1" else "mono"] = r
    check(len(found) == budgets * 2 * 2, f"{len(found)} final points")
    for of, both in found.items():
        plain, mono = both["plain"], both["mono"]
        check(plain["lr_state"] == mono["lr_state"] == "end", f"{of}: {plain} {mono}")
        apart = abs(float(plain["loss"]) - float(mono["loss"]))
        check(0 < apart < 0.5, f"{of}: losses {apart} apart")
    early = collections.defaultdict(set)  # before any decay ordinary runs of one seed are not one run either
    for r in rows:
        if r["in_plain"] == "1" and r["D_tokens"] == "10000":
            early[r["seed"], r["evaluation"]].add(r["loss"])
    check(early and all(len(losses) == 2 for losses in early.values()), early)


def test_plan(home):
    plan = json.loads(isogloss(home, "plan", "--json", "--runs", "whole.yaml"))
    b = plan["branches"]
    check((plan["runs"], b["runs"], b["trunks"], b["parts"]) == (12, 6, 2, 6), b)
    check(len(plan["run_list"]) == 18 and plan["waiting"] == 6, plan["waiting"])
    checked = json.loads(isogloss(home, "check", "--json", "whole.yaml"))["campaigns"][0]
    check((checked["runs"], checked["parts"]) == (12, 6), checked)
    check("12 runs and 6 parts of trunks in 2 families" in isogloss(home, "check", "whole.yaml"), "check")
    cuts = [int(d * 0.85) // 512 * 512 for d in (40000, 80000, 160000)]
    tokens = cuts[-1] + sum(d - c for d, c in zip((40000, 80000, 160000), cuts))
    check(abs(b["training_flops"] / b["unbranched_flops"] - (tokens + 280000) / 560000) < 1e-12, b)
    runs = {r["id"]: r for r in plan["run_list"]}
    for r in plan["run_list"]:
        check(r["is_trunk"] == (r["schedule"] == "constant"), r)
        check(not r["trunk"] or runs[r["trunk"]]["is_trunk"], r)
    text = isogloss(home, "plan", "whole.yaml")
    saved = round(100 * (1 - (tokens + 280000) / 560000))
    check("12 runs and 6 parts of trunks in 2 families, 2 languages" in text and "6 runs and 4 parts of trunks wait for a parent" in text, text)
    check("12 of 12 runs have fewer than 1000 optimiser steps" in " ".join(text.split()), text)
    check( f"6 runs go on from 2 trunks: {saved} % of the training" in text, text)
    check(max(map(len, text.splitlines())) <= 80, text)
    alone = CAMPAIGN.format(name="alone", tokens="40k, 160k", more="").replace("name: mono", "name: all_languages_together")
    (home / "alone.yaml").write_text(alone[:alone.index("  - {name: plain")])
    text = isogloss(home, "plan", "alone.yaml")
    check(re.search(r"longest .*: part of a trunk [0-9a-f]{8}\n {15}\(.*family all_languages_together\)\n", text), text)
    check(max(map(len, text.splitlines())) <= 80, text)
    return plan


def test_whole(home, plan):
    out = isogloss(home, "run", "-j", "2", "whole.yaml")
    check("12 of 12 runs and 6 of 6 parts of trunks done; 18 of them now" in out, out)
    rows = table(home, "whole.h5")
    check_losses(rows, 3)
    for r in rows:
        trunk = r["is_trunk"] == "1"
        check(not (trunk and r["is_final"] == "1") and (not trunk or r["lr_state"] in ("warmup", "stable")), r)
        check(abs(int(r["tokens_aa"]) + int(r["tokens_bb"]) - int(r["D_tokens"])) < 1024, r)
    clusters = {r["cluster_id"] for r in rows if r["in_mono"] == "1"}
    check(len(clusters) == 2, clusters)
    once = collections.Counter((r["D_tokens"], r["seed"], r["evaluation"]) for r in rows if r["in_mono"] == "1")
    check(set(once.values()) == {1}, "a point is measured once")
    check(left(home, "whole") == [], "checkpoints of trunks are gone with their last run")
    with h5py.File(home / "whole.h5") as f:  # trainers report what a run itself has cost: that is what was planned
        reported, planned = f["points/flops"][:], f["runs/flops_planned"][:]
        check(all(abs(reported / planned - 1) < 1e-12), "reported and planned FLOPs")
        check(f["runs/trunk"][:].sum() == 6 and list(f["runs/attempts"][:]) == [1] * 18, "trunks and attempts")


def cut(home, name, kill):
    """Launches the campaign and stops it as soon as it has left a file that was not there: SIGKILL or SIGTERM."""
    before = files(home, name)
    p = subprocess.Popen([ISOGLOSS, "run", "-j", "2", f"{name}.yaml"], cwd=home, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, start_new_session=True)
    limit = time.monotonic() + 60
    while p.poll() is None and files(home, name) <= before and time.monotonic() < limit:
        time.sleep(0.002)
    if p.returncode is None:
        os.killpg(p.pid, signal.SIGKILL) if kill else p.send_signal(signal.SIGTERM)
    p.communicate(timeout=60)
    return p.returncode


def test_broken(home):
    """Stopped by a signal, then killed at once, twice: the same results in the end, and nothing left over."""
    write(home, "broken")
    wanted = isogloss(home, "export", "--results-digest", "whole.h5")
    ends = [cut(home, "broken", kill) for kill in (False, True, False, True)]
    check(ends[0] == 75 and ends[1] == -signal.SIGKILL, f"cut off, the launches ended with {ends}")
    isogloss(home, "run", "-j", "2", "broken.yaml")
    check(isogloss(home, "export", "--results-digest", "broken.h5") == wanted, "broken and whole differ")
    check(left(home, "broken") == [], left(home, "broken"))


def test_extended(home):
    """A larger budget: only what is new where the checkpoints were kept, else the trunk again; never other losses."""
    for name, more in (("kept", ", checkpoint: true"), ("gone", "")):
        write(home, name, "40k, 80k", more)
        isogloss(home, "run", "-j", "2", f"{name}.yaml")
        check(len(left(home, name)) == (8 if more else 0), f"{name}: {left(home, name)}")
        write(home, name, "40k, 80k, 160k", more)
        out = isogloss(home, "extend", f"{name}.h5", f"{name}.yaml")
        check("12 runs and 6 parts of trunks, 6 of them new, 12 results kept" in out, out)
        isogloss(home, "run", "-j", "2", f"{name}.yaml")
        check_losses(table(home, f"{name}.h5"), 3)
        with h5py.File(home / f"{name}.h5") as f:
            again = (f["runs/trunk"][:] == 1) & (f["runs/tokens"][:] < 80000) & (not more)
            check(list(f["runs/attempts"][:]) == list(1 + again), f["runs/attempts"][:])
        check(len(left(home, name)) == (12 if more else 0), f"{name}: {left(home, name)}")
        digest = isogloss(home, "export", "--results-digest", f"{name}.h5")
        check(digest == isogloss(home, "export", "--results-digest", "whole.h5"), f"{name}: as if planned so from the start")
    # A smaller budget cuts the trunk elsewhere: other runs, and no silent loss of results.
    write(home, "gone", "20k, 40k, 80k, 160k")
    err = isogloss(home, "extend", "gone.h5", "gone.yaml", wanted=2)
    check("finished runs and 6 finished parts of trunks" in err and "extending would lose them" in err, err)
    # So `run` does not offer that, but what works.
    err = isogloss(home, "run", "gone.yaml", wanted=2)
    check("added above the largest, not below it" in err and "isogloss extend" not in err, err)
    offered = err.splitlines()[-1].split()
    check(offered[:4] == ["isogloss", "run", "-o", str(home / "gone-2.h5")], err)
    write(home, "gone", "20k, 40k")  # less to train: the command counts
    out = isogloss(home, *offered[1:])
    check("8 of 8 runs and 4 of 4 parts of trunks done" in out, out)


def test_refused(home):
    text = (home / "whole.yaml").read_text()
    for old, new, words in (("kind: proxy", "kind: proxy, schedule: cosine", "'cosine' cannot share a trunk"),
                            ("warmup: 4k", "warmup: 0.1", "a share of each run")):
        (home / "bad.yaml").write_text(text.replace(old, new))
        err = isogloss(home, "check", "bad.yaml", wanted=2)
        check("bad.yaml:6:" in err and words in err, err)


def test_diverged(home):
    """What goes on from a trunk that diverged has diverged, as it would have by itself: an outcome, no failure."""
    write(home, "hot", "40k, 80k", ", vary: {lr: [1, 100000]}")
    text = (home / "hot.yaml").read_text().replace("branches: true", "branches: true, clip: 0").replace("seeds: 2", "seeds: 1")
    (home / "hot.yaml").write_text(text)
    for _ in range(2):
        out = isogloss(home, "run", "-j", "2", "hot.yaml")
        check("6 of 6 runs and 4 of 4 parts of trunks done; " in out, out)
        check("\n  diverged: 2 runs and 2 parts of trunks\n" in out and "not by --retry-failed" in out, out)
        check(max(map(len, out.replace(str(home), "").splitlines())) <= 80, out)
    status = json.loads(isogloss(home, "status", "--json", "hot.h5"))["stores"][0]
    for of, runs, diverged in ((status["families"][0], 4, 2), (status["total"], 6, 2)):
        parts = of["trunk_parts"]
        states = [s for p in (of, parts) for s in (p["states"]["done"], p["states"]["diverged"], p["states"]["failed"])]
        check((of["runs"], parts["parts"], states) == (runs, 4, [runs - diverged, diverged, 0, 2, 2, 0]), of)
    lost = status["not_done_well"]
    check(sorted(r["trunk_part"] for r in lost) == [False] * 2 + [True] * 2, lost)
    check(all(r["settings"] == {"lr": 100000} and r["mixture"] == {"aa": 0.5, "bb": 0.5} for r in lost), lost)
    text = isogloss(home, "status", "--failed", "hot.h5")
    trunk = next(r["run"][:12] for r in lost if r["trunk_part"] and "trunk" not in r["last"]["message"])
    for words in (rf"its trunk diverged \({trunk}\)", r"and parts of trunks +4 +2 +2 +0", r"part of a trunk, 1 attempt on .*\n +the loss diverged after \d+ tokens\n",
                  r"lr 100000, seed 3, aa:0.5 bb:0.5", r"diverged is an outcome"):
        check(re.search(words, text), f"{words} is not in {text}")
    check(max(map(len, text.splitlines())) <= 80, text)
    check(all(r["is_final"] == "0" for r in table(home, "hot.h5") if r["diverged"] == "1"), "no final point")


SYNTHETIC = """
isogloss: 1
name: fits
corpus: {languages: {aa: {train_bytes: 100M, held_bytes: 256k}}}
trainer: {kind: synthetic, branches: true, warmup: 10k, noise: {run: 0.01, point: 0.001},
  law: {E: 1.0, A: 60, B: 300, alpha: 0.35, beta: 0.33}}
sizes: [s0, s4, s8, s12, s16, s19]
tokens: [250k, 500k, 1M, 2M]
seeds: 4
families:
  - {name: branched, mixture: monolingual, languages: [aa]}
"""


def test_fits(home):
    """24 trunks of 4 budgets: 24 clusters. A trunk's luck is that of all its budgets, so what the sizes tell is known
    less well than from 96 independent runs, and what the budgets tell better."""
    (home / "fits.yaml").write_text(SYNTHETIC)
    isogloss(home, "run", "-j", "2", "fits.yaml")
    width, clusters = {}, {}
    for column in ("cluster_id", "run_id"):
        out = json.loads(isogloss(home, "fit", "fits.h5", "--json", "--bootstrap", "400", "--cluster", column))
        check(out["n_observations"] == 96 and not any("cooled" in e["reason"] for e in out["excluded"]), out["excluded"])
        clusters[column] = out["n_clusters"]
        width[column] = {k: v["hi"] - v["lo"] for k, v in out["parameters"].items()}
    check(clusters == {"cluster_id": 24, "run_id": 96}, clusters)
    default = json.loads(isogloss(home, "fit", "fits.h5", "--json", "--bootstrap", "0"))
    check(default["n_clusters"] == 24, "trunks are clusters by default")
    check(width["cluster_id"]["alpha"] > 1.5 * width["run_id"]["alpha"], width)
    check(width["cluster_id"]["beta"] < 0.5 * width["run_id"]["beta"], width)
    text = isogloss(home, "fit", "fits.h5", "--bootstrap", "100")
    check("24 " in text and "cluster_id" in text, text)
    # What is missing are runs, not parts of their trunks.
    (home / "fits.yaml").write_text(SYNTHETIC.replace("2M]", "2M, 4M]"))
    isogloss(home, "extend", "fits.h5", "fits.yaml")
    grown = json.loads(isogloss(home, "fit", "fits.h5", "--json", "--bootstrap", "0"))
    check([(f["selection"]["planned_runs"], f["selection"]["missing_runs"]) for f in (default, grown)] == [(96, 0), (120, 24)], grown)
    check("24 of 120 planned runs have no result (waiting 24)" in grown["warnings"][0], grown["warnings"])
    stable = json.loads(isogloss(home, "fit", "fits.h5", "--json", "--bootstrap", "0", "--points", "stable"))
    check(stable["n_observations"] > 96 and stable["n_clusters"] == 24, "the trunk's own points")


def main():
    with tempfile.TemporaryDirectory() as name:
        home = pathlib.Path(name)
        make_corpus(home / "corpus", {c: (sentences(i, 200_000), sentences(i, 220_000)[200_000:]) for i, c in enumerate(("aa", "bb"))})
        write(home, "whole")
        test_whole(home, test_plan(home))
        test_broken(home)
        test_extended(home)
        test_refused(home)
        test_diverged(home)
        test_fits(home)
    done()


main()
