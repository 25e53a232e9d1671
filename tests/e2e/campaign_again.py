"""The same command again: while the campaign runs, after it changed, and when its tables are full."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import h5py

ISOGLOSS = os.environ["ISOGLOSS"]
sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from checks import check, done  # noqa: E402
CAMPAIGN = """
isogloss: 1
name: again
seed: 1
corpus: {{languages: {{aa: {{train_bytes: 4M, held_bytes: 256k}}}}}}
trainer: {{kind: synthetic, law: {{E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}}, {pace}}}
sizes: [12k]
tokens: {tokens}
evaluate: {{languages: [aa], points: 2, bytes: 16k, shards: 16}}
families: [{{name: mono, mixture: monolingual, languages: [aa], seeds: 4}}]
"""


def write(tokens, pace="seconds_per_run: 0"):
    with open("c.yaml", "w", encoding="ascii") as f:
        f.write(CAMPAIGN.format(tokens=tokens, pace=pace))


def call(*args, launcher=()):
    """(exit status, stdout and stderr, seconds)"""
    begun = time.monotonic()
    p = subprocess.run([*launcher, ISOGLOSS, *args], stdout=subprocess.PIPE, text=True, timeout=60,
                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    return p.returncode, p.stdout, time.monotonic() - begun


def digest():
    return call("export", "--results-digest", "c.h5")[1]


def refused_while_it_runs():
    write("[1M, 2M]", "seconds_per_run: 1")
    first = subprocess.Popen([ISOGLOSS, "run", "-j", "1", "-o", "c.h5", "c.yaml"],
                             stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while not os.path.exists("c.h5") and time.monotonic() < end:
        time.sleep(0.05)
    launchers = [()] + ([("mpirun", "-n", "2")] if shutil.which("mpirun") else [])
    for launcher in launchers:
        code, text, seconds = call("run", "-o", "c.h5", "c.yaml", launcher=launcher)
        check(code == 1 and f"pid {first.pid} on" in text, "a second launch", launcher, code, text)
        check(text.count("is being written by") == 1, "said once", text)
        check(seconds < 10, "at once", launcher, f"{seconds:.1f} s")
    check(first.poll() is None, "the first launch goes on")
    check(first.wait(60) == 0, "the first launch ends well", first.returncode)
    check("8 of 8 runs done; 0 of them now" in call("run", "-o", "c.h5", "c.yaml")[1], "all is done")


def refused_when_changed():
    before = digest()
    write("[1M, 2M, 4M]", "seconds_per_run: 1")
    code, text, _ = call("run", "-o", "c.h5", "c.yaml")
    check(code == 2 and "4 runs added" in text, "a changed campaign is refused with a list", code, text)
    remedy = "isogloss extend "
    check(remedy in text, "the remedy is named", text)
    check(digest() == before, "a refusal changes nothing")
    words = text[text.index(remedy) + len(remedy):].split("\n")[0].split()
    code, text, _ = call("extend", *words)
    check(code == 0 and "12 runs, 4 of them new, 8 results kept" in text, "the remedy works", words, text)
    code, text, _ = call("run", "-o", "c.h5", "c.yaml")
    check(code == 0 and "12 of 12 runs done; 4 of them now" in text, "goes on after extend", code, text)
    write("[1M, 4M]", "seconds_per_run: 1")
    code, text, _ = call("run", "-o", "c.h5", "c.yaml")
    check(code == 2 and "4 runs removed" in text, "runs taken away", code, text)


def grown_when_full():
    write("[1M, 2M, 4M, 8M]", "seconds_per_run: 1")
    check(call("extend", "c.h5", "c.yaml")[0] == 0, "extend")
    before = digest()
    with h5py.File("c.h5", "r+") as f:
        rows = f["attempts/sequence"]
        capacity, runs = len(rows), f["attempts/run"]
        for i in range(int(0.91 * capacity)):
            if not rows[i]:
                rows[i], runs[i] = 1000 + i, i % 16
        launches = len(f["provenance/sequence"])
    with open("c.h5.tmp", "w", encoding="ascii") as f:
        f.write("half a store, of a launch that was killed while it grew it")
    check(digest() == before, "records are no results")
    code, text, _ = call("run", "-o", "c.h5", "c.yaml")
    check(code == 0 and "16 of 16 runs done; 4 of them now" in text, "runs on in a larger store", text)
    with h5py.File("c.h5", "r") as f:
        check(len(f["attempts/sequence"]) == 2 * capacity, "twice the rows", len(f["attempts/sequence"]))
        check(len(f["provenance/sequence"]) == launches, "only what is full grows")
        used = int((f["attempts/sequence"][:] != 0).sum())
        check(used == int(0.91 * capacity) + 4, "no record is lost", used, capacity)
    check(sorted(os.listdir()) == ["c.h5", "c.work", "c.yaml"], "nothing else is left", os.listdir())


with tempfile.TemporaryDirectory(prefix="isg-again-") as directory:
    os.chdir(directory)
    refused_while_it_runs()
    refused_when_changed()
    grown_when_full()
    os.chdir("/")
done()
