#!/usr/bin/env python3
"""SIGKILL at random moments, to the trainer, its guard, a worker, rank 0 or mpirun; then resume.

Claim: whatever is killed whenever, with and without --enable-recovery or mpirun, the same command goes on and
ends with result variables equal byte for byte to those of an unbroken campaign; no committed run is
trained again; no process, held lock or shared-memory file is left. With --enable-recovery the death
of a worker does not end the job.

usage: kill_campaign.py [KILLS [SEED]]     default: 32 kills
Needs $ISOGLOSS. Moments come from a fixed seed; what they hit depends on the machine's speed.
"""
import fcntl
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

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 32
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261121
TARGETS = ("trainer", "guard", "worker", "rank 0", "mpirun")
MODES = {  # how the campaign is launched, and who can be killed there
    "plain": (["mpirun", "-n", "3"], TARGETS),
    "recovery": (["mpirun", "-n", "3", "--enable-recovery"], TARGETS),
    "one process": ([], ("trainer", "guard", "rank 0")),
}
ISOGLOSS = os.environ["ISOGLOSS"]
HERE = os.path.dirname(os.path.abspath(__file__))
TAG = "ISOGLOSS_KILL_TEST=" + uuid.uuid4().hex

CAMPAIGN = """
isogloss: 1
name: killed
seed: 7
corpus: corpus
trainer: {kind: proxy, context: 64, batch: 512}
sizes: [{layers: 1, d: 32, heads: 1}]
tokens: [48k, 96k, 192k]
evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 2k, shards: 2}
families:
  - {name: mono, mixture: monolingual, languages: [en, de], seeds: 3}
  - {name: base, mixture: uniform, languages: [en, de], tokens: [192k], checkpoint: true}
  - {name: tuned, from: base, languages: [en, de], tokens: [96k]}
limits: {retries: {crash: 50, exit: 50, killed: 50}}
checkpoints: {every: 1s}
"""


class Broken(Exception):
    pass


def expect(good, text):
    if not good:
        raise Broken(text)


def ours():
    """{pid: role} of every live process that inherited the tag."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                environ = f.read().decode(errors="replace").split("\0")
            with open(f"/proc/{name}/cmdline", "rb") as f:
                argv = f.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if TAG not in environ or not argv[0]:
            continue
        program = os.path.basename(argv[0])
        rank = [e.split("=")[1] for e in environ if e.startswith("OMPI_COMM_WORLD_RANK=")]
        if program == "isogloss":
            found[int(name)] = "rank 0" if rank in ([], ["0"]) else "worker"
        else:
            found[int(name)] = {"isogloss-train": "trainer", "isogloss-guard": "guard",
                                "mpirun": "mpirun", "orterun": "mpirun"}.get(program, program)
    return found


def wait_gone(what, limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        left = ours()
        if not left:
            return
        time.sleep(0.05)
    expect(False, f"{what}: processes left after {limit} s: {left}")


def marks(store):
    """{run id: mark} of the committed runs."""
    if not os.path.exists(store):
        return {}
    with h5py.File(store, "r") as f:
        runs = f["runs"]
        return {i: m for i, m in zip(runs["id"][:], runs["mark"][:]) if m != 0}


def attempts_after(store, runs, moment):
    """Attempts of the given runs that began after the moment."""
    with h5py.File(store, "r") as f:
        table = f["attempts"]
        ids = f["runs"]["id"][:]
        used = table["sequence"][:] != 0
        return [(ids[r], s) for u, r, s in zip(used, table["run"][:], table["start"][:])
                if u and ids[r] in runs and s > moment]


def shared_memory():
    return {n for n in os.listdir("/dev/shm") if "vader" in n or "OMPIO" in n or "isogloss" in n}


class Campaign:
    def __init__(self, directory, name, mode):
        self.store = os.path.join(directory, name + ".h5")
        self.directory, self.mode = directory, mode
        self.log = os.path.join(directory, name + ".log")

    def start(self):
        command = MODES[self.mode][0] + [ISOGLOSS, "run", "campaign.yaml", "-o", self.store]
        key, value = TAG.split("=")
        env = dict(os.environ, ISOGLOSS_BEAT_S="0.5", ISOGLOSS_LEASE_S="4", **{key: value})
        with open(self.log, "ab") as log:
            return subprocess.Popen(command, cwd=self.directory, env=env, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True)

    def end(self, job, what, in_init=False, limit=120):
        """Wait for the end. Open MPI 4.1's mpirun hangs, alone, when a rank dies inside MPI_Init."""
        begun = alone = time.monotonic()
        while job.poll() is None:
            now = time.monotonic()
            alive = ours()
            if set(alive.values()) != {"mpirun"}:
                alone = now
            if in_init and now - alone > 5:
                os.killpg(job.pid, signal.SIGKILL)
                job.wait()
                print(f"{what} inside MPI_Init: mpirun hung alone and was ended")
                break
            if now - begun > limit:
                os.killpg(job.pid, signal.SIGKILL)
                expect(False, f"{what}: still running after {limit} s: {alive}; log:\n{self.tail()}")
            time.sleep(0.1)
        wait_gone(what, 20)
        return job.returncode

    def tail(self):
        with open(self.log, "rb") as f:
            return f.read()[-3000:].decode(errors="replace")

    def status(self):
        return subprocess.run([ISOGLOSS, "status", "--exit-code", self.store],
                              capture_output=True, timeout=60).returncode

    def digest(self):
        out = subprocess.run([ISOGLOSS, "export", "--results-digest", self.store], capture_output=True,
                             text=True, timeout=60)
        expect(out.returncode == 0, f"export --results-digest: {out.stderr}")
        return out.stdout


def in_mpi_init(pid):
    """True for a rank that has not mapped its shared memory yet: the last step of MPI_Init."""
    try:
        with open(f"/proc/{pid}/maps") as f:
            return "vader_segment" not in f.read()
    except OSError:
        return True


def pick(rng, target, deadline):
    """A live process of that role, waiting for one if need be."""
    while time.monotonic() < deadline:
        pids = sorted(p for p, role in ours().items() if role == target)
        if pids:
            return rng.choice(pids)
        time.sleep(0.005)
    return None


def kill_until_done(rng, campaign, wanted, tally):
    """Kill and resume one campaign until it ends by itself."""
    committed, moment = {}, 0.0
    for launch in range(60):
        what = f"{os.path.basename(campaign.store)} launch {launch}"
        begun = time.monotonic()
        job = campaign.start()
        survived, in_init = None, False
        while sum(tally.values()) < wanted and job.poll() is None:
            time.sleep(rng.uniform(0.05, 2.0))
            target = min(MODES[campaign.mode][1], key=lambda t: (tally[t], rng.random()))
            pid = pick(rng, target, time.monotonic() + 0.5)
            if pid is None or job.poll() is not None:
                break
            in_init = campaign.mode != "one process" and target in ("worker", "rank 0") and in_mpi_init(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            tally[target] += 1
            what += f", {target} killed after {time.monotonic() - begun:.2f} s"
            if target == "worker" and campaign.mode == "recovery" and not in_init and "worker" in ours().values():
                survived = True  # this death alone must not end the job
                time.sleep(2.5)
                expect(job.poll() is None or campaign.status() == 0, f"{what}: a killed worker ended "
                       f"the job in spite of --enable-recovery; log:\n{campaign.tail()}")
            if target in ("trainer", "guard"):
                continue  # an attempt ends, the job goes on
            if not survived or target in ("rank 0", "mpirun"):
                break
        campaign.end(job, what, in_init)
        now = marks(campaign.store)
        for run, mark in committed.items():
            expect(now.get(run) == mark, f"{what}: committed run {run} changed its mark")
        again = attempts_after(campaign.store, committed, moment) if committed else []
        expect(not again, f"{what}: committed runs were trained again: {again}")
        committed, moment = now, time.time()
        if os.path.exists(campaign.store) and campaign.status() == 0:
            return launch + 1
    raise Broken(f"{campaign.store} did not end in 60 launches; log:\n{campaign.tail()}")


def check_nothing_left(directory, campaign, shm_before):
    lock = campaign.store + ".lock"
    if os.path.exists(lock):
        with open(lock, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if somebody still holds it
    left = shared_memory() - shm_before
    expect(not left, f"shared-memory files left: {sorted(left)}")
    tmp = [n for n in os.listdir(directory) if ".tmp" in n]
    expect(not tmp, f"temporary files left: {tmp}")


def main():
    directory = tempfile.mkdtemp(prefix="isg-kill-")
    rng = random.Random(SEED)
    tally = dict.fromkeys(TARGETS, 0)
    try:
        subprocess.run([sys.executable, os.path.join(HERE, "../support/make_corpus.py"),
                        os.path.join(directory, "corpus"), "--languages", "en,de", "--bytes",
                        "400000", "--shards", "2"], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(directory, "campaign.yaml"), "w") as f:
            f.write(CAMPAIGN)
        shm_before = shared_memory()
        whole = Campaign(directory, "whole", "plain")
        begun = time.monotonic()
        status = whole.end(whole.start(), "unbroken campaign")
        expect(status == 0, f"unbroken campaign: exit status {status}; log:\n{whole.tail()}")
        print(f"unbroken: {time.monotonic() - begun:.1f} s, {len(marks(whole.store))} runs")
        wanted, number = whole.digest(), 0
        while sum(tally.values()) < KILLS:
            campaign = Campaign(directory, f"k{number}", list(MODES)[number % len(MODES)])
            launches = kill_until_done(rng, campaign, KILLS, tally)
            expect(campaign.digest() == wanted, f"{campaign.store}: results differ from unbroken")
            check_nothing_left(directory, campaign, shm_before)
            print(f"campaign {number} ({campaign.mode}): "
                  f"{launches} launches, kills so far {sum(tally.values())}", flush=True)
            number += 1
        print(f"{sum(tally.values())} kills: {tally}; {number} campaigns equal to the unbroken one")
    except (Broken, BlockingIOError) as e:
        print(f"FAILED (seed {SEED}): {e}", file=sys.stderr)
        for pid in ours():
            os.kill(pid, signal.SIGKILL)
        print(f"kept: {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
