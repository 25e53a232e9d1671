"""Runs of several cores: what plan says of them, and of more cores than there are, which run refuses."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from trainer import check, done, make_corpus, sentences

try:
    import h5py
except ImportError as e:
    print("not tried: what a refused launch writes:", e)
    h5py = None

ISOGLOSS = os.environ["ISOGLOSS"]

with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    held = sentences(1, 320_000)[300_000:]
    make_corpus(pathlib.Path(name) / "corpus", {c: (sentences(k, 300_000), held) for k, c in enumerate(("aa", "bb"))})
    path = os.path.join(name, "a.yaml")

    def write(trainer="", tokens="[2M, 4M]", sizes="[p0, p3]"):
        pathlib.Path(path).write_text(
            f"isogloss: 1\nname: a\ncorpus: corpus\ntrainer: {{kind: proxy{trainer}}}\nsizes: {sizes}\ntokens: {tokens}\n"
            f"evaluate: {{points: 2, bytes: 8Ki}}\nfamilies:\n  - {{name: m, mixture: monolingual, languages: [aa, bb]}}\n")

    def run(*args):
        p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=60)
        check(p.returncode == 0 and not p.stderr, (args, p.stderr))
        check("--json" in args or max(map(len, p.stdout.splitlines())) <= 80, p.stdout)
        return " ".join(p.stdout.split())

    # one run, one family; several cores a run; more of them than there are
    write(tokens="4M", sizes="[p3]")
    text = pathlib.Path(path).read_text().replace("languages: [aa, bb]}", "languages: [aa]}\nresources: [{cores: 2}]")
    pathlib.Path(path).write_text(text)
    said = run("plan", "--workers", "2", "--speed", "1e10", path)
    check("campaign a: 1 run in 1 family, 2 languages" in said and "on 2 workers, longest" in said, said)
    check("cores up to 2 each, in 1 of 1 run; work is time x cores" in said and "1 of 1 trained" in said, said)
    check("good: campaign 'a', 1 run in 1 family" in run("check", path), "check")
    said = run("plan", "--workers", "1", path)
    check("makespan none on 1 worker: see the warning below" in said and "1 of 1 runs take up to 2 cores ('resources: cores'), and there is 1: " in said, said)
    report = json.loads(run("plan", "--workers", "1", "--json", path))
    check(report["makespan_s"] is None and report["too_wide"] == 1 and report["advice"][0]["kind"] == "warning", report)
    report = json.loads(run("plan", "--workers", "2", "--json", path))
    check(report["makespan_s"] >= report["work_s"] / 2 * 0.9999 and report["too_wide"] == 0 and not report["advice"], report)
    for line in run("plan", path).split("  "):
        check("70-70" not in line and "67-67" not in line, line)

    # run refuses what no worker can begin, and leaves nothing behind; what fits goes on where it is
    law = "trainer: {kind: synthetic, law: {E: 1, A: 9, B: 9, alpha: 0.3, beta: 0.3}}\n"
    cores = len(os.sched_getaffinity(0))
    many = str(cores + 2)
    wide = ("isogloss: 1\nname: w\ncorpus: {languages: {aa: {train_bytes: 9M, held_bytes: 1M}}}\ntokens: [1M]\nsizes: [p0, p3]\n" + law +
            f"resources: [{{up_to: 30k}}, {{cores: {many}}}]\nfamilies:\n  - {{name: m, mixture: monolingual, languages: aa}}\n")
    pathlib.Path("w.yaml").write_text(wide)
    launch = lambda *args: subprocess.run([ISOGLOSS, "run", *args, "w.yaml"], capture_output=True, text=True, timeout=60)
    p = launch()
    check(p.returncode == 2 and f"w.yaml: 1 run takes {many} cores, and no worker here has more than {cores}: lower 'cores'" in p.stderr, p.stderr)
    check("next" not in p.stdout and not os.path.exists("w.h5") and not os.path.exists("w.work"), (p.stdout, os.listdir(".")))
    p = launch("-j", many)
    check(p.returncode == 0 and "2 of 2 runs done" in p.stdout, (p.stdout, p.stderr))
    os.remove("w.h5")
    # what is left of a store is refused alike: no proposal to run the same again, and no word of it in the store
    pathlib.Path("w.yaml").write_text(wide.replace(law, "trainer: {kind: command, command: [/bin/false]}\nlimits: {retries: {exit: 0}}\n"))
    p = launch("-j", many)
    check(p.returncode == 3 and "2 failed" in p.stdout and f"isogloss run --retry-failed -j {many} w.yaml" in p.stdout, (p.stdout, p.stderr))
    p = launch("--retry-failed")
    check(p.returncode == 2 and not p.stdout and f"1 run takes {many} cores, and no worker here" in p.stderr, (p.stdout, p.stderr))
    check(launch().returncode == 3, "nothing is open: nothing to refuse")
    if h5py:
        with h5py.File("w.h5", "r+") as f:
            f["runs/state"][:] = 2  # as a launch that was killed leaves them: running
        for _ in range(2):
            check(launch().returncode == 2, "what ran is open again")
        with h5py.File("w.h5", "r") as f:
            check(set(f["runs/state"][:]) == {2} and (f["attempts/sequence"][:] > 0).sum() == 2, "a refused launch writes nothing")
    os.remove("w.h5")
    pathlib.Path("w.yaml").write_text(wide.replace("[p0, p3]", "[p0]"))
    check(launch().returncode == 0, "it fits")
done()
