#!/usr/bin/env python3
"""A bootstrap that is saved is killed at random moments, in one process and on ranks.

Claim: whatever is killed whenever (SIGKILL to a rank, to mpirun or to all at once, TERM), the same
command goes on, on any number of ranks, computes none of the blocks that are marked again, and
ends with the digest of a fit that was never interrupted; nothing is left beside the file, running, or
in shared memory (of ranks killed inside MPI_Init until the next launch under mpirun).

usage: kill_fit.py [KILLS [SEED]]     default: 12 kills in each of the two ways
Needs $ISOGLOSS. Moments come from a fixed seed; what they hit depends on the machine's speed, so the
bootstrap is as long as about two seconds of this one.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

try:
    import h5py
except ImportError:
    print("skipped: h5py is not installed for this python")
    sys.exit(77)

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 12
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261122
ISOGLOSS = os.environ["ISOGLOSS"]
TAG = "ISOGLOSS_KILL_FIT=" + uuid.uuid4().hex
WAYS = {"one process": [0], "ranks": [3, 3, 5, 3, 0]}  # how many in each launch, in turn; 0: no mpirun
chance = random.Random(SEED)
directory = tempfile.mkdtemp(prefix="isg-kill-fit-")
jobs = set()


class Broken(Exception):
    pass


def expect(good, text):
    if not good:
        raise Broken(text)


def ours():
    """{pid: program} of every live process that inherited the tag."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                environ = f.read().decode(errors="replace").split("\0")
            with open(f"/proc/{name}/cmdline", "rb") as f:
                program = os.path.basename(f.read().decode(errors="replace").split("\0")[0])
        except OSError:
            continue
        if TAG not in environ or not program:
            continue
        found[int(name)] = program
        for e in environ:
            if e.startswith("OMPI_MCA_ess_base_jobid="):
                jobs.add(int(e.split("=")[1]))
    return found


def start(ranks, refits, log):
    key, value = TAG.split("=")
    words = (["mpirun", "-n", str(ranks)] if ranks else []) + [ISOGLOSS, "fit", "runs.csv", "--bootstrap", str(refits), "--save", "it", "--json"]
    return subprocess.Popen(words, cwd=directory, env=dict(os.environ, **{key: value}), stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, start_new_session=True)


def wait_gone(job, what, limit=60):
    """Until nothing of the launch is left. mpirun alone, of a rank killed inside MPI_Init, hangs."""
    end = time.monotonic() + limit
    alone = time.monotonic()
    while True:
        job.poll()
        alive = ours()
        now = time.monotonic()
        if not alive:
            return job.wait()
        if set(alive.values()) != {"mpirun"}:
            alone = now
        if now - alone > 5:
            os.killpg(job.pid, signal.SIGKILL)
        expect(now < end, f"{what}: still running after {limit} s: {alive}")
        time.sleep(0.02)


def hit(job, tally):
    """Kill what was killed least; what it was, or None if it had ended."""
    alive = ours()
    ranks = [p for p, program in alive.items() if program == "isogloss"]
    kind = min(["rank", "all", "first", "TERM"], key=lambda k: (tally.get(k, 0), chance.random()))
    pids = {"rank": ranks and [chance.choice(ranks)], "all": list(alive), "first": [job.pid], "TERM": [job.pid]}[kind]
    if not pids or job.poll() is not None:
        return None
    for pid in pids:
        try:
            os.kill(pid, signal.SIGTERM if kind == "TERM" else signal.SIGKILL)
        except ProcessLookupError:
            return None
    return kind


def there():
    """{(set, block): mark} of the fit so far."""
    path = os.path.join(directory, "runs.fits.h5")
    if not os.path.exists(path):
        return {}
    with h5py.File(path, "r") as f:
        group = f["fits/it"]
        names = group.attrs["sets"].split()
        marks = {n: (group if len(names) == 1 else group[n])["mark"][:] for n in names}
        return {(n, b): int(m) for n in names for b, m in enumerate(marks[n]) if m}


def wait_for_more(job, n):
    end = time.monotonic() + 20
    while job.poll() is None and time.monotonic() < end:
        try:
            if len(there()) > n:
                return
        except (OSError, KeyError):
            pass  # between two files
        time.sleep(0.05)


def digest():
    with h5py.File(os.path.join(directory, "runs.fits.h5"), "r") as f:
        group = f["fits/it"]
        expect(group.attrs["state"] == "complete", f"the fit is {group.attrs['state']}")
        return group.attrs["digest"], group.attrs["report_sha256"]


def tail(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()[-2000:]


def kill_until_done(way, refits, tally):
    """One fit, killed until it ends by itself. Returns the launches that found blocks, and all."""
    log_path = os.path.join(directory, "log")
    before, resumed = {}, 0
    for launch in range(200):
        with open(log_path, "w", encoding="utf-8") as log:
            job = start(WAYS[way][launch % len(WAYS[way])], refits, log)
        what, kind = f"{way}, launch {launch}", None
        if sum(tally.values()) < KILLS:
            if launch % 2:  # once something was done, however slow the machine is today
                wait_for_more(job, len(before))
            time.sleep(10 ** chance.uniform(-1.7, 0.1 if launch % 2 == 0 else -0.7))
            kind = hit(job, tally)
            if kind:
                tally[kind] = tally.get(kind, 0) + 1
                what += f", {kind} killed"
        status = wait_gone(job, what)
        now = there()
        resumed += bool(before)
        lost = [b for b in before if now.get(b) != before[b]]
        expect(not lost, f"{what}: marks of blocks {lost[:5]} are gone")
        before = now
        if status == 0:
            return resumed, launch + 1
        expect(kind or status == 75, f"{what}: exit status {status} though nobody killed it: {tail(log_path)}")
        known = {75, -signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGKILL, 128 + signal.SIGTERM}
        expect(status in known or way != "one process", f"{what}: exit status {status}: {tail(log_path)}")
    raise Broken(f"{way}: did not end in 200 launches: {tail(log_path)}")


def check_nothing_left():
    left = sorted(os.listdir(directory))
    expect(left == ["log", "runs.csv", "runs.fits.h5"], f"left in the directory: {left}")
    shared = [n for n in os.listdir("/dev/shm")
              if n.startswith("vader_segment.") and n.split(".")[-2] in {f"{j:x}" for j in jobs}]
    expect(not shared, f"shared-memory files left: {shared}")


def write_runs():
    made = random.Random(3)
    with open(os.path.join(directory, "runs.csv"), "w", encoding="utf-8") as f:
        f.write("run_id,N_params,D_tokens,loss\n")
        for i in range(80):
            n, d = 1e7 * 10 ** made.uniform(0, 3), 1e9 * 10 ** made.uniform(0, 2)
            loss = (1.8 + 480 / n**.35 + 2100 / d**.37) * (1 + .01 * made.uniform(-1, 1))
            f.write(f"r{i},{n:.6g},{d:.6g},{loss:.9f}\n")


def undisturbed(refits):
    with open(os.path.join(directory, "log"), "w", encoding="utf-8") as log:
        begun = time.monotonic()
        job = start(0, refits, log)
        expect(job.wait(timeout=100) == 0, f"undisturbed: {tail(os.path.join(directory, 'log'))}")
    seconds, found = time.monotonic() - begun, digest()
    os.unlink(os.path.join(directory, "runs.fits.h5"))
    return seconds, found


def main():
    try:
        write_runs()
        seconds, _ = undisturbed(20000)
        refits = max(20000, min(1000000, round(20000 * 2 / seconds / 1000) * 1000))
        seconds, wanted = undisturbed(refits)
        print(f"undisturbed: {refits} refits in {seconds:.1f} s", flush=True)
        for way in WAYS if shutil.which("mpirun") else ["one process"]:
            tally = {}
            fits = launches = resumed = 0
            while sum(tally.values()) < KILLS:
                found, n = kill_until_done(way, refits, tally)
                resumed, launches = resumed + found, launches + n
                expect(digest() == wanted, f"{way}: the results differ from those of an undisturbed fit")
                if way == "ranks":
                    with open(os.path.join(directory, "log"), "w", encoding="utf-8") as log:
                        expect(wait_gone(start(2, refits, log), "the complete fit") == 0, "the complete fit")
                check_nothing_left()
                os.unlink(os.path.join(directory, "runs.fits.h5"))
                fits += 1
            print(f"{way}: {sum(tally.values())} kills {tally}, {launches} launches, {resumed} of them found blocks, "
                  f"{fits} fits, all the same", flush=True)
            expect(resumed > 0, f"{way}: no launch found blocks of an earlier one: nothing was tried")
    except Broken as e:
        print(f"FAILED (seed {SEED}): {e}\nkept: {directory}", file=sys.stderr)
        for pid in ours():
            os.kill(pid, signal.SIGKILL)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
