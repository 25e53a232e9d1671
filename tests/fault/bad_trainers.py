"""A campaign in which nearly every trainer goes wrong in its own way: each ends with its own
cause within its limits, the runs beside it are well, the exit status is 3 and `status` says why.
In one process and under mpirun."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
CAMPAIGN = """
isogloss: 1
name: bad
seed: 0
corpus: {{languages: {{en: {{train_bytes: 9M, held_bytes: 1M}}}}}}
trainer: {{kind: command, command: {command}}}
sizes: [12k]
tokens: [8k]
evaluate: {{languages: [en], points: {{count: 2, spacing: log}}, bytes: 16k, shards: 1}}
seeds: {seeds}
limits: {{run_time: 6s, silence: 3s, retries: {{crash: 0, exit: 0, protocol: 0, silence: 0, time: 0, killed: 0}}}}
families: [{{name: mono, mixture: monolingual, languages: [en]}}]
"""
# By seed, as in support/bad_trainer.py; done, or cause, code and a part of the message.
WANTED = [
    None,
    ("crash", 11, "killed by signal 11"),
    ("exit", 3, "exit status 3: no more disk on the moon"),
    ("silence", 0, "was silent for longer than allowed (3 s)"),
    ("protocol", 0, 'in line "Traceback (most recent call last):"'),
    ("diverged", 0, ""),
    ("protocol", 0, 'in line "yyyy'),
    ("protocol", 0, 'a line of more than 1048576 bytes, which begins "zzzz'),
    None,
    ("protocol", 0, "exit status 0 without an end event"),
    ("killed", 9, "killed by signal 9"),
    ("protocol", 0, "wanted a name inside the attempt directory"),
    ("time", 0, "ran longer than its run_time (6 s)"),
    ("protocol", 0, "checkpoint 'never-written' was announced, but is not in"),
]
LIMIT_S = 45  # the slowest needs 6 s and a grace; the rest is for a busy machine
failed = 0


def check(good, *what):
    global failed
    if not good:
        failed += 1
        print("bad_trainers:", *what)


def run(launcher, options, command, seeds):
    """-> rows of `status` about runs without a full result, counts of states, `status` as text"""
    with open("bad.yaml", "w", encoding="ascii") as f:
        f.write(CAMPAIGN.format(command=command, seeds=list(range(seeds))))
    start = time.monotonic()
    p = subprocess.run([*launcher, ISOGLOSS, "run", *options, "bad.yaml"], capture_output=True, text=True, timeout=100, check=False)
    took = time.monotonic() - start
    check(p.returncode == 3, launcher, command, "exit status", p.returncode, "wanted 3:", p.stderr)
    check(took < LIMIT_S, launcher, f"took {took:.0f} s")
    rows = json.loads(subprocess.run([ISOGLOSS, "status", "--json", "bad.h5"], capture_output=True, text=True, check=True).stdout)
    text = subprocess.run([ISOGLOSS, "status", "--failed", "bad.h5"], capture_output=True, text=True, check=True).stdout
    return rows["stores"][0]["not_done_well"], rows["stores"][0]["total"]["states"], text


def one(launcher, options):
    rows, states, text = run(launcher, options, "[/usr/bin/python3, bad_trainer.py]", len(WANTED))
    check(states["done"] == 2 and states["diverged"] == 1 and states["failed"] == len(WANTED) - 3, launcher, states)
    found = sorted((r["last"]["cause"], r["last"].get("code") or 0, r["last"]["message"]) for r in rows)
    for cause, code, message in (w for w in WANTED if w):
        fits = [f for f in found if f[:2] == (cause, code) and message in f[2]]
        check(fits, launcher, "nobody ended as", cause, code, message, "but as", found)
        if fits:
            found.remove(fits[0])
            check(message in " ".join(text.split()), launcher, "status does not say", message)
    check(not found, launcher, "unexpected:", found)
    left = os.listdir("bad.work/runs")
    check(len(left) == len(rows) - 1, launcher, len(left), "run directories are left, wanted those of the failures")
    words = [os.path.join(d, "stderr.txt") for d, _, files in os.walk("bad.work") if "stderr.txt" in files]
    check(any("no more disk on the moon" in open(w, encoding="utf-8").read() for w in words), launcher, "no stderr.txt with the last words")
    with open("daemon.pids", encoding="ascii") as f:
        pids = [int(line) for line in f]
    check(len(pids) == 3, launcher, "the daemons did not start")
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            check(False, launcher, f"daemon {pid} outlived its run")
        except ProcessLookupError:
            pass


home = tempfile.mkdtemp(prefix="bad-trainers-")
try:
    for n, (launcher, options) in enumerate([([], ["-j", "14"]), (["mpirun", "-n", "3"], ["-j", "7"])]):
        directory = os.path.join(home, str(n))
        os.mkdir(directory)
        os.chdir(directory)
        shutil.copy(os.path.join(SOURCE, "tests/support/bad_trainer.py"), ".")
        one(launcher, options)
    for command, message in (("[/usr]", "cannot start the command '/usr': Is a directory"),
                             ("[no-such-program]", "cannot start the command 'no-such-program': No such file")):
        directory = os.path.join(home, message[-4:])
        os.mkdir(directory)
        os.chdir(directory)
        rows, states, text = run([], ["-j", "2"], command, 2)
        check(states["failed"] == 2 and text.count(message) == 2, command, text)
finally:
    os.chdir("/")
    shutil.rmtree(home)
print("bad_trainers:", f"{failed} failed" if failed else "all good")
sys.exit(bool(failed))
