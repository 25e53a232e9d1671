"""No process outlives a campaign, whichever of its processes is killed: trainer, guard, worker,
leader, mpirun; nor the next launch if guard and worker are killed at once. The trainers here have
children in sessions of their own that ignore TERM."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

ISOGLOSS = os.environ["ISOGLOSS"]
TAG = "ISOGLOSS_ORPHAN_TEST=" + uuid.uuid4().hex
CAMPAIGN = """
isogloss: 1
name: orphans
seed: 0
corpus: {languages: {en: {train_bytes: 9M, held_bytes: 1M}}}
trainer: {kind: command, command: [/usr/bin/python3, family.py]}
sizes: [12k]
tokens: [8k]
evaluate: {languages: [en], points: 1, bytes: 16k, shards: 1}
seeds: [1, 2]
families: [{name: mono, mixture: monolingual, languages: [en]}]
"""
FAMILY = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(1000)
open(f"up.{os.getpid()}", "w").close()
time.sleep(1000)
"""
failed = 0


def check(good, *what):
    global failed
    if not good:
        failed += 1
        print("orphans:", *what)


def ours():
    """{pid: words of the command line} of all living processes of this test"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                mine = TAG.encode() in f.read().split(b"\0")
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
            if mine and words[0] and int(pid) != os.getpid():
                found[int(pid)] = words
        except OSError:
            continue  # it ended while we looked
    return found


def is_program(words, name):
    return os.path.basename(words[0]) == name


def rank_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as f:
        for entry in f.read().split(b"\0"):
            if entry.startswith(b"OMPI_COMM_WORLD_RANK="):
                return int(entry.split(b"=")[1])
    return 0


def victim(target, processes):
    for pid, words in sorted(processes.items()):
        if target == "trainer" and os.path.exists(f"up.{pid}"):
            return pid
        if target == "guard" and is_program(words, "isogloss-guard"):
            return pid
        if target == "mpirun" and is_program(words, "mpirun"):
            return pid
        if target in ("leader", "worker") and is_program(words, "isogloss") and (rank_of(pid) == 0) == (target == "leader"):
            return pid
    return None


def wait_until(condition, limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def begin(launcher, directory):
    for file, text in (("c.yaml", CAMPAIGN), ("family.py", FAMILY)):
        with open(os.path.join(directory, file), "w", encoding="ascii") as f:
            f.write(text)
    key, value = TAG.split("=")
    return subprocess.Popen([*launcher, ISOGLOSS, "run", "-j", "2", "c.yaml"], cwd=directory,
                            env={**os.environ, key: value}, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def one(launcher, target):
    name = f"{' '.join(launcher) or 'one process'}, {target}:"
    directory = tempfile.mkdtemp(prefix="orphans-")
    os.chdir(directory)
    p = begin(launcher, directory)
    up = lambda: len([n for n in os.listdir(".") if n.startswith("up.")])
    check(wait_until(lambda: up() >= 2, 30), name, "the trainers did not start")
    before = ours()
    pid = victim(target, before)
    check(pid is not None, name, "nobody to kill among", before)
    if pid is not None:
        # Trainers of the part that dies; a killed trainer or guard is replaced by another attempt.
        os.kill(pid, signal.SIGKILL)
        if target in ("trainer", "guard"):
            check(wait_until(lambda: up() >= 3, 30), name, "no further attempt")
            # One family of 3 died, one came: never more than two at a time.
            count = lambda: sum("family.py" in w and not is_program(w, "isogloss-guard") for w in ours().values())
            check(wait_until(lambda: count() <= 6, 10), name, count(), "processes of trainers, wanted 6")
            p.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            p.send_signal(signal.SIGTERM)
        elif "--enable-recovery" in launcher and target == "worker":
            p.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            p.send_signal(signal.SIGTERM)
    gone = wait_until(lambda: not ours(), 20)
    check(gone, name, "left are", ours())
    for left in ours():
        os.kill(left, signal.SIGKILL)
    p.wait(timeout=20)
    os.chdir("/")
    shutil.rmtree(directory)


def guards_too(launcher, target):
    """Guards and their worker at once: what the trainers started is left, until somebody looks."""
    name = f"{' '.join(launcher) or 'one process'}, guards and {target}:"
    with tempfile.TemporaryDirectory(prefix="orphans-") as directory:
        p = begin(launcher, directory)
        up = lambda: len([n for n in os.listdir(directory) if n.startswith("up.")])
        check(wait_until(lambda: up() >= 2, 30), name, "the trainers did not start")
        worker = victim(target, ours())
        with open(f"/proc/{worker}/task/{worker}/children", encoding="ascii") as f:
            guards = [int(pid) for pid in f.read().split()]
        os.kill(worker, signal.SIGSTOP)
        for pid in [*guards, worker]:
            os.kill(pid, signal.SIGKILL)
        if launcher:  # the others end, and the leader looks
            p.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            p.send_signal(signal.SIGTERM)
        else:
            p.wait(timeout=20)
            check(len(ours()) >= 2, name, "nothing was left: this tries nothing")
            p = begin(launcher, directory)
            check(wait_until(lambda: up() >= 4, 30), name, "the next launch did not start")
            check(len(ours()) <= 1 + 2 + 6, name, "of the former launch is left", ours())
            p.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            p.send_signal(signal.SIGTERM)
        check(wait_until(lambda: not ours(), 20), name, "left are", ours())
        for left in ours():
            os.kill(left, signal.SIGKILL)
        p.wait(timeout=20)


MODES = [([], ("trainer", "guard", "leader")), (["mpirun", "-n", "2"], ("trainer", "guard", "worker", "leader", "mpirun")),
         (["mpirun", "--enable-recovery", "-n", "3"], ("guard", "worker"))]
for mode, targets in MODES:
    for who in targets:
        one(mode, who)
guards_too([], "leader")
guards_too(["mpirun", "--enable-recovery", "-n", "3"], "worker")
print("orphans:", f"{failed} failed" if failed else "all good")
sys.exit(bool(failed))
