"""Runs on two cores: the losses of runs on one, whatever changes in between; how many threads a trainer has."""
import glob
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

ISOGLOSS, TRAIN, SOURCE = (os.environ[v] for v in ("ISOGLOSS", "ISOGLOSS_TRAIN", "ISOGLOSS_SOURCE"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import check, done  # noqa: E402
CORES = len(os.sched_getaffinity(0))
CAMPAIGN = """
isogloss: 1
name: threads
seed: 4
corpus: corpus
trainer: {kind: proxy}
sizes: [p2]
tokens: [100k]
evaluate: {languages: [en], points: 2, bytes: 8k, shards: 4}
checkpoints: {every: 0.1s}
families:
  - {name: mono, mixture: monolingual, languages: [en]}
  - {name: tune, from: mono, languages: [de], tokens: [40k]}
"""


def call(program, *args, threads=None, **more):
    env = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if threads is not None:
        env["OMP_NUM_THREADS"] = threads
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=env, check=False, **more)


def number_of_threads():
    for threads, wanted in ((None, 1), ("", 1), ("1", 1), ("2", min(2, CORES)), ("4096", min(4096, CORES))):
        p = call(TRAIN, "--describe", threads=threads)
        check(p.returncode == 0 and json.loads(p.stdout)["threads"] == wanted, threads, p)
    for threads in ("0", "x", "1.5", "-2", "4,2", "5000"):
        for option in ("--describe", None):
            p = call(TRAIN, *([option] if option else []), threads=threads)
            check(p.returncode == 2 and "OMP_NUM_THREADS is '%s'" % threads in p.stderr and not p.stdout, threads, option, p)


def no_more_threads():
    """The system refuses a thread: a message and an end, not a hang."""
    if CORES < 2 or "asan" in os.environ.get("ISOGLOSS_BUILD", ""):
        return
    low, high = 1 << 20, 1 << 32  # most bytes with which it fails, least with which it does not
    while high - low > 1 << 20:
        limit = (low + high) // 2
        p = call(TRAIN, "--describe", threads="2",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        if p.returncode == 0:
            high = limit
        else:
            low = limit
            if p.returncode == 1 and "cannot start thread 2 of 2" in p.stderr:
                return
    check(False, "no limit leaves room for the program, but not for a thread")


def write_campaign(cores):
    with open("c.yaml", "w", encoding="ascii") as f:
        f.write(CAMPAIGN + (f"resources: [{{cores: {cores}}}]\n" if cores else ""))


def run(store, cores):
    write_campaign(cores)
    return subprocess.Popen([ISOGLOSS, "run", "-j", "2", "-o", store, "c.yaml"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def threads_of_trainers(pid):
    """Threads of every trainer below `pid`."""
    below, found = {pid}, []
    for p in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
        try:
            with open(f"/proc/{p}/stat", encoding="ascii", errors="replace") as f:
                head, tail = f.read().rsplit(")", 1)
        except OSError:
            continue
        if int(tail.split()[1]) in below:
            below.add(p)
            if head.endswith("(isogloss-train"):
                found.append(int(tail.split()[17]))
    return found


def digest(store):
    p = call(ISOGLOSS, "export", "--results-digest", store)
    check(p.returncode == 0 and len(p.stdout) > 60, store, p)
    return p.stdout


def campaigns():
    corpus = call("/usr/bin/python3", os.path.join(SOURCE, "tests/support/make_corpus.py"), "corpus", "--languages", "en,de",
                  "--bytes", "200000", "--shards", "4")
    check(corpus.returncode == 0, corpus)
    p = run("one.h5", None)
    check(p.wait(60) == 0, p.stderr.read())
    plain = digest("one.h5")
    if CORES < 2:
        p = run("two.h5", 2)
        check(p.wait(60) == 1 and "more cores" in p.stderr.read(), "a run on two cores where there is one")
        return
    p = run("two.h5", 2)
    most, trainers, end = 0, 0, time.monotonic() + 60
    while p.poll() is None and time.monotonic() < end:
        found = threads_of_trainers(p.pid)
        most, trainers = max([most, *found]), max(trainers, len(found))
        time.sleep(0.05)
    check(p.wait(1) == 0, p.stderr.read())
    check(most == 2 and trainers == 1, "one trainer at a time, with two threads", most, trainers)
    check(digest("two.h5") == plain, "losses on two cores are not those on one")

    p = run("mixed.h5", 2)  # drained on two cores, goes on with one
    while p.poll() is None and not any(os.path.getsize(f) for f in glob.glob("mixed.work/runs/*/*/events.jsonl")):
        time.sleep(0.005)  # until a first point was measured
    p.send_signal(signal.SIGUSR1)
    check(p.wait(60) == 75, "a drained campaign", p.stderr.read())
    p = run("mixed.h5", None)
    check(p.wait(60) == 0, p.stderr.read())
    check(digest("mixed.h5") == plain, "losses differ after a change of cores")

    plans = []
    for cores in (None, 2):
        write_campaign(cores)
        plans.append(json.loads(call(ISOGLOSS, "plan", "--json", "--speed", "1e9", "--workers", "2", "c.yaml").stdout))
    check(plans[1]["hash"] == plans[0]["hash"], "cores change the campaign")
    one, two = (p["longest"]["seconds"] for p in plans)
    check(1.3 < one / two < 2, "a run on two cores is planned", one, two)
    check(plans[0]["work_s"] < plans[1]["work_s"] <= 2 * plans[1]["makespan_s"] * 1.0001, plans)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    number_of_threads()
    no_more_threads()
    campaigns()
done()
