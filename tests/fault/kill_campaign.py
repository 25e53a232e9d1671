#!/usr/bin/env python3
"""SIGKILL at random moments, to trainer, guard, worker, rank 0, mpirun or all at once; then resume.

Claim: whatever is killed whenever, with and without --enable-recovery or mpirun, the same command
goes on and ends with result variables equal byte for byte to those of an unbroken campaign; no
committed run is trained again; no process, held lock, shared-memory file, unfinished file or work
directory is left, but for checkpoints that are kept. Some runs share trunks, some are finetuned. With
--enable-recovery the death of a worker does not end the job once it trains.

usage: kill_campaign.py [KILLS [SEED...]]     default: 32 kills; that many for each seed
Needs $ISOGLOSS. Moments come from fixed seeds; what they hit depends on the machine's speed.

Open MPI 4.1's mpirun hangs, alone, when a rank dies inside MPI_Init. So if nobody else is left of a
launch that never got to training, it is ended here, and counted; else it is a failure.
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

KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 32
SEEDS = [int(a) for a in sys.argv[2:]] or [20261121]
TARGETS = ("trainer", "guard", "worker", "rank 0", "mpirun", "all")
KILLS_PER_CAMPAIGN = 8  # so that every mode has its share
MODES = {  # how the campaign is launched, and who can be killed there
    "plain": (["mpirun", "-n", "3"], TARGETS),
    "recovery": (["mpirun", "-n", "3", "--enable-recovery"], TARGETS),
    "one process": ([], ("trainer", "guard", "rank 0", "all")),
}
ISOGLOSS = os.environ["ISOGLOSS"]
HERE = os.path.dirname(os.path.abspath(__file__))
TAG = "ISOGLOSS_KILL_TEST=" + uuid.uuid4().hex

CAMPAIGN = """
isogloss: 1
name: killed
seed: 7
corpus: corpus
trainer: {kind: proxy, context: 64, batch: 512, warmup: 4k}
sizes: [{layers: 1, d: 32, heads: 1}]
tokens: [48k, 96k, 192k]
evaluate: {languages: [en, de], points: {count: 4, spacing: log}, bytes: 2k, shards: 2}
families:
  - {name: mono, mixture: monolingual, languages: [en, de], seeds: 3, branches: true}
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


def ours(jobs=None):
    """{pid: role} of every live process that inherited the tag.

    `jobs` collects the numbers of their MPI jobs, by which shared memory is named.
    """
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
        mpi = dict(e.split("=", 1) for e in environ if e.startswith("OMPI_") and "=" in e)
        if program == "isogloss":
            found[int(name)] = "worker" if mpi.get("OMPI_COMM_WORLD_RANK", "0") != "0" else "rank 0"
        else:
            found[int(name)] = {"isogloss-train": "trainer", "isogloss-guard": "guard",
                                "mpirun": "mpirun", "orterun": "mpirun"}.get(program, program)
        if jobs is not None and "OMPI_MCA_ess_base_jobid" in mpi:
            jobs.add(int(mpi["OMPI_MCA_ess_base_jobid"]))
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


def shared_memory(jobs):
    """Files of the given MPI jobs: vader_segment.HOST.UID.JOB.RANK, the job in hexadecimal."""
    names = [n for n in os.listdir("/dev/shm") if n.startswith("vader_segment.")]
    return [n for n in names if n.split(".")[-2] in {f"{job:x}" for job in jobs}]


def points(store):
    """{variable: bytes} of all numbers that were measured."""
    with h5py.File(store, "r") as f:
        return {name: x[...].tobytes() for name, x in f["points"].items() if x.dtype.kind != "O"}


class Campaign:
    def __init__(self, directory, name, mode):
        self.store = os.path.join(directory, name + ".h5")
        self.work = os.path.join(directory, name + ".work")
        self.directory, self.mode = directory, mode
        self.log = os.path.join(directory, name + ".log")
        self.jobs = set()
        self.hangs = 0

    def start(self):
        command = MODES[self.mode][0] + [ISOGLOSS, "run", "campaign.yaml", "-o", self.store]
        key, value = TAG.split("=")
        env = dict(os.environ, ISOGLOSS_BEAT_S="0.5", ISOGLOSS_LEASE_S="4", **{key: value})
        with open(self.log, "ab") as log:
            return subprocess.Popen(command, cwd=self.directory, env=env, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True)

    def ours(self):
        return ours(self.jobs)

    def end(self, job, what, trained=True, limit=120):
        """Wait for the end of a launch. `trained`: it got as far as training."""
        begun = alone = time.monotonic()
        while job.poll() is None:
            now = time.monotonic()
            alive = self.ours()
            trained = trained or "guard" in alive.values()
            if set(alive.values()) != {"mpirun"}:
                alone = now
            if not trained and now - alone > 10:
                os.killpg(job.pid, signal.SIGKILL)
                job.wait()
                self.hangs += 1
                break
            if now - begun > limit:
                os.killpg(job.pid, signal.SIGKILL)
                raise Broken(f"{what}: runs still after {limit} s: {alive}; log:\n{self.tail()}")
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
        out = subprocess.run([ISOGLOSS, "export", "--results-digest", self.store],
                             capture_output=True, text=True, timeout=60)
        expect(out.returncode == 0, f"export --results-digest: {out.stderr}")
        return out.stdout


def pick(rng, campaign, target, deadline):
    """A live process of that role, waiting for one if need be, and all roles alive then.

    The role "all" is every process, in any order.
    """
    while time.monotonic() < deadline:
        alive = campaign.ours()
        pids = sorted(p for p, role in alive.items() if target in (role, "all"))
        rng.shuffle(pids)
        if pids:
            return pids if target == "all" else pids[:1], list(alive.values())
        time.sleep(0.005)
    return [], []


def kill(pids):
    """False if they had ended before."""
    hit = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            hit += 1
        except ProcessLookupError:
            pass
    return hit > 0


def kill_in_launch(rng, campaign, job, wanted, tally, what):
    """Kill until the launch must end, or has ended. Returns (what happened, did it train)."""
    begun, trained = time.monotonic(), False
    while sum(tally.values()) < wanted and job.poll() is None:
        time.sleep(10 ** rng.uniform(-2.5, 0.4))  # the start of a launch, and later
        target = min(MODES[campaign.mode][1], key=lambda t: (tally[t], rng.random()))
        pids, alive = pick(rng, campaign, target, time.monotonic() + 0.5)
        if not pids:
            continue  # it begins later, or the job ends
        trained = trained or "guard" in alive
        if not kill(pids):
            continue
        tally[target] += 1
        what += f", {target} killed after {time.monotonic() - begun:.2f} s"
        if target in ("trainer", "guard"):
            continue  # an attempt ends, the job goes on
        spare = target == "worker" and alive.count("worker") > 1 and "rank 0" in alive
        if campaign.mode != "recovery" or not spare or not trained:
            break
        time.sleep(2.5)  # this death alone must not end the job
        expect(job.poll() is None or campaign.status() == 0, f"{what}: a killed worker ended "
               f"the job in spite of --enable-recovery; log:\n{campaign.tail()}")
    return what, trained


def kill_until_done(rng, campaign, wanted, tally):
    """Kill and resume one campaign until it ends by itself. Returns the number of launches."""
    committed, moment = {}, 0.0
    for launch in range(60):
        job = campaign.start()
        what = f"{os.path.basename(campaign.store)} launch {launch}"
        what, trained = kill_in_launch(rng, campaign, job, wanted, tally, what)
        ended = campaign.end(job, what, trained)
        now = marks(campaign.store)
        for run, mark in committed.items():
            expect(now.get(run) == mark, f"{what}: committed run {run} changed its mark")
        again = attempts_after(campaign.store, committed, moment) if committed else []
        expect(not again, f"{what}: committed runs were trained again: {again}")
        committed, moment = now, time.time()
        if not os.path.exists(campaign.store) or campaign.status() != 0:
            continue
        if ended != 0:  # killed after the last mark: the next launch finds nothing to do and tidies up
            ended = campaign.end(campaign.start(), f"{what}, then a launch without runs to train")
            expect(ended == 0, f"{what}: with every run done a launch ends with {ended}")
        return launch + 1
    raise Broken(f"{campaign.store} did not end in 60 launches; log:\n{campaign.tail()}")


def check_trained_once(store):
    """The attempt that gave the result was the last of its run."""
    with h5py.File(store, "r") as f:
        marked, made = f["runs/mark"][:] >> 32, f["runs/attempts"][:]
        used = f["attempts/sequence"][:] != 0
        rows = zip(f["attempts/run"][:][used], f["attempts/number"][:][used])
        expect((marked == made).all(), f"{store}: attempts {made}, results by {marked}")
        later = [(r, n) for r, n in rows if n > marked[r]]
        expect(not later, f"{store}: attempts (run, number) after the result's: {later}")


def check_nothing_left(campaign):
    left = shared_memory(campaign.jobs)
    expect(not left, f"shared-memory files left: {sorted(left)}")
    name = os.path.basename(campaign.store)
    beside = [n for n in os.listdir(campaign.directory) if n.startswith(name) and n != name]
    expect(not beside, f"left beside the store: {beside}")
    with h5py.File(campaign.store, "r") as f:
        family = [n.decode() for n in f["runs/family"][:]].index("base")
        kept = [i.decode() for i in f["runs/id"][:][f["runs/membership"][:, family] != 0]]
    runs = os.path.join(campaign.work, "runs")
    expect(sorted(os.listdir(runs)) == sorted(kept), f"left in {runs}: {os.listdir(runs)}")
    for run in kept:  # attempt-K/{checkpoint.json, the checkpoint}
        attempts = os.listdir(os.path.join(runs, run))
        files = os.listdir(os.path.join(runs, run, attempts[0]))
        expect(len(attempts) == 1 and len(files) == 2 and "checkpoint.json" in files,
               f"left of run {run}: {attempts}, in the first {files}")


def unbroken(directory):
    whole = Campaign(directory, "whole", "plain")
    begun = time.monotonic()
    status = whole.end(whole.start(), "unbroken campaign")
    expect(status == 0, f"unbroken campaign: exit status {status}; log:\n{whole.tail()}")
    check_trained_once(whole.store)
    check_nothing_left(whole)
    print(f"unbroken: {time.monotonic() - begun:.1f} s, {len(marks(whole.store))} runs", flush=True)
    return whole


def kill_from(seed, directory, whole):
    """All kills of one seed, over as many campaigns as it takes."""
    rng = random.Random(seed)
    tally, number, hangs = dict.fromkeys(TARGETS, 0), 0, 0
    digest, measured = whole.digest(), points(whole.store)
    while sum(tally.values()) < KILLS:
        mode = list(MODES)[number % len(MODES)]
        campaign = Campaign(directory, f"k{seed}-{number}", mode)
        wanted = min(KILLS, sum(tally.values()) + KILLS_PER_CAMPAIGN)
        launches = kill_until_done(rng, campaign, wanted, tally)
        expect(campaign.digest() == digest and points(campaign.store) == measured,
               f"{campaign.store}: results differ from the unbroken campaign's")
        check_trained_once(campaign.store)
        check_nothing_left(campaign)
        print(f"campaign {number} ({mode}): {launches} launches, kills so far "
              f"{sum(tally.values())}", flush=True)
        hangs += campaign.hangs
        number += 1
    print(f"seed {seed}: {sum(tally.values())} kills {tally}, {number} campaigns equal to the "
          f"unbroken one; mpirun hung alone {hangs} times", flush=True)


def main():
    directory = tempfile.mkdtemp(prefix="isg-kill-")
    seed = None
    try:
        subprocess.run([sys.executable, os.path.join(HERE, "../support/make_corpus.py"),
                        os.path.join(directory, "corpus"), "--languages", "en,de", "--bytes",
                        "400000", "--shards", "2"], check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(directory, "campaign.yaml"), "w", encoding="ascii") as f:
            f.write(CAMPAIGN)
        whole = unbroken(directory)
        for seed in SEEDS:
            kill_from(seed, directory, whole)
    except Broken as e:
        print(f"FAILED (seed {seed}): {e}", file=sys.stderr)
        for pid in ours():
            os.kill(pid, signal.SIGKILL)
        print(f"kept: {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
