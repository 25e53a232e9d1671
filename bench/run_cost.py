#!/usr/bin/python3
"""What training runs cost beside training steps.

    run_cost.py start ISOGLOSS CORPUS       one trainer spoken to directly
    run_cost.py campaign ISOGLOSS CORPUS    campaigns of equal runs of about 1 s and 10 s

`start`: CPU time from the start of a trainer to its hello, and that of a run, from its order to its
end event, beside its steps and their evaluations: runs of one and of four steps tell the two apart.
Beside it the import of PyTorch, which a new process of a script pays.

`campaign`: the trainers' own seconds (set-up, training and evaluation, as their end events say)
against what the workers had: run phase times workers. What is missing is the time before the
first run, between runs, and after a worker's last: the last is no cost of scheduling, it depends
on how the runs divide among the workers, and is told apart.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

BATCH = 1024
# Stands for the trainer: notes when each event was said, and passes it on.
TAP = """#!/bin/bash
set -o pipefail
"{trainer}" "$@" | while IFS= read -r line; do
    printf '%s %s\\n' "$EPOCHREALTIME" "$line" >>"{log}/$$.log"
    printf '%s\\n' "$line"
done
"""


def spread(values):
    """Median and range, a decimal for small ones."""
    form = "{:.0f}" if max(map(abs, values)) >= 10 else "{:.1f}"
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def campaign_text(corpus, size, tokens, runs, evaluate="points: 8"):
    return f"""isogloss: 1
name: cost
seed: 1
corpus: {corpus}
trainer: {{kind: proxy}}
sizes: [{size}]
tokens: [{tokens}]
evaluate: {{languages: [en], {evaluate}}}
families: [{{name: mono, mixture: monolingual, languages: [en], seeds: {runs}}}]
"""


def planned_run(options, directory, size, tokens):
    """The run object of a plan with one run, to be completed as a worker does."""
    path = directory / f"{size}.yaml"
    path.write_text(campaign_text(options.corpus, size, tokens, 1, "points: 4, bytes: 2Ki, shards: 2"))
    text = subprocess.run([options.isogloss, "plan", "--json", "--runs", path], check=True, capture_output=True).stdout
    run = json.loads(text)["run_list"][0]
    return {**run, "checkpoint": {"every_s": 0, "final": False}, "resume": None, "parent": None}


# ---- one trainer -------------------------------------------------------------


def cpu_s(process):
    """CPU time of a trainer that waits for orders."""
    stat = pathlib.Path(f"/proc/{process.pid}/stat")
    while stat.read_text().rsplit(")", 1)[1].split()[0] != "S":
        time.sleep(0.001)
    return int(pathlib.Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) * 1e-9


def serve(process, run, steps):
    """CPU seconds of a run of so many steps with an evaluation after each."""
    order = {"run": {**run, "tokens": steps * BATCH, "points": [BATCH * (i + 1) for i in range(steps)]}}
    before = cpu_s(process)
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    while json.loads(process.stdout.readline())["event"] != "end":
        pass
    return cpu_s(process) - before


def start(options, directory):
    trainer = pathlib.Path(options.isogloss).with_name("isogloss-train")
    print(f"CPU ms beside steps and evaluations, median (least to most) of {options.rounds}")
    print("      start to hello     first run          a later run        (one step)")
    for size in options.shapes:
        run = {**planned_run(options, directory, size, "1M"), "attempt": 1, "dir": str(directory)}
        figures = []
        for _ in range(options.rounds):
            process = subprocess.Popen([trainer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            process.stdout.readline()
            hello = cpu_s(process)
            first, one, more = (serve(process, run, steps) for steps in (1, 1, 4))
            step = (more - one) / 3
            figures.append([1e3 * f for f in (hello, first - step, one - step, step)])
            process.stdin.close()
            process.wait()
        print(f"{size:<4}" + "".join(f"  {spread(f):<17}" for f in zip(*figures)).rstrip(), flush=True)
    if options.alone:
        return
    imports = []
    for _ in range(3):
        began = time.perf_counter()
        if subprocess.run(["/usr/bin/python3", "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode:
            return
        imports.append(time.perf_counter() - began)
    print(f"PyTorch: start of Python and import alone {spread(imports)} s")


# ---- a campaign --------------------------------------------------------------


def tap(options, directory):
    """A folder of helper programs whose trainer notes what it says; (folder, folder of notes)."""
    bin_dir, log_dir = directory / "libexec", directory / "said"
    bin_dir.mkdir()
    log_dir.mkdir()
    real = pathlib.Path(options.isogloss).resolve().parent
    (bin_dir / "isogloss-guard").symlink_to(real / "isogloss-guard")
    trainer = bin_dir / "isogloss-train"
    trainer.write_text(TAP.format(trainer=real / "isogloss-train", log=log_dir))
    trainer.chmod(0o755)
    return bin_dir, log_dir


def told(log_dir):
    """[(when, seconds)] of the end events of each trainer process."""
    for path in sorted(log_dir.iterdir()):
        ends = []
        for line in path.read_text().splitlines():
            when, event = line.split(" ", 1)
            event = json.loads(event)
            if event["event"] == "end":
                ends.append((float(when), event["seconds"]))
        path.unlink()
        if ends:
            yield ends


def one_campaign(options, directory, text, ranks, slots):
    """Figures of one launch as a named tuple."""
    bin_dir, log_dir = directory / "libexec", directory / "said"
    path, store = directory / "cost.yaml", directory / "cost.h5"
    path.write_text(text)
    for left in directory.glob("cost.h5*"):
        left.unlink()
    argv = [options.isogloss, "run", "-v", path, "-o", store, "--slots", str(slots)]
    if ranks:
        argv = ["mpirun", "-n", str(ranks), *argv]
    before = os.times()
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, "ISOGLOSS_LIBEXEC": str(bin_dir)})
    after = os.times()
    start_up, run_s = (float(re.search(rf"run phase over.* {name}=([0-9.]+)", done.stderr)[1]) for name in ("start_up_s", "run_s"))
    own = sum(float(x) for x in re.findall(r"run phase over.* cpu_s=([0-9.]+)", done.stderr))
    all_cpu = after.children_user + after.children_system - before.children_user - before.children_system
    trainers = list(told(log_dir))
    workers = max(slots, 1) if not ranks else (ranks - 1) * slots
    trained = sum(s for ends in trainers for _, s in ends)
    last = max(ends[-1][0] for ends in trainers)
    tail = sum(last - ends[-1][0] for ends in trainers)
    gaps = [b - s - a for ends in trainers for (a, _), (b, s) in zip(ends, ends[1:])]
    lost = workers * run_s - trained - tail
    Figures = collections.namedtuple("Figures", "runs mean_s cost cost_ms tail gap_ms start_up_s cpu")
    n = sum(len(ends) for ends in trainers)
    return Figures(n, trained / n, 100 * lost / (workers * run_s), 1e3 * lost / n, 100 * tail / (workers * run_s),
                   1e3 * statistics.median(gaps or [0]), start_up, 100 * own / (all_cpu - own))


def campaign(options, directory):
    tap(options, directory)
    trial = one_campaign(options, directory, campaign_text(options.corpus, "p1", 200000, 4), 0, 2)
    print("cost: time of the workers in the run phase that is no trainer's, and of a run;")
    print("gap: median between two runs of a trainer; tail: workers without work at the end")
    print("runs                 number   cost   a run    gap   tail  start-up  ranks' CPU")
    for seconds, runs in ((options.seconds, options.runs),) if options.seconds else ((1, 24), (10, 6)):
        text = campaign_text(options.corpus, "p1", int(200000 * seconds / trial.mean_s), runs)
        for name, ranks, slots in (("--slots 1", 0, 1), ("--slots 2", 0, 2), ("mpirun -n 3", 3, 1))[:2 if options.alone else 3]:
            for _ in range(options.rounds):
                f = one_campaign(options, directory, text, ranks, slots)
                print(f"{f.mean_s:6.2f} s  {name:<11} {f.runs:6} {f.cost:6.2f}% {f.cost_ms:4.0f} ms {f.gap_ms:3.0f} ms "
                      f"{f.tail:4.1f}%  {f.start_up_s:6.2f} s  {f.cpu:10.2f}%", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["start", "campaign"])
    parser.add_argument("isogloss")
    parser.add_argument("corpus")
    parser.add_argument("shapes", nargs="*", default=["p0", "p3", "p6", "p9"])
    parser.add_argument("--rounds", type=int, help="default: 3 starts, 1 campaign")
    parser.add_argument("--seconds", type=float, help="campaign: only runs of about so long")
    parser.add_argument("--runs", type=int, default=24, help="campaign: so many of them")
    parser.add_argument("--alone", action="store_true", help="without PyTorch, without mpirun")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.what == "start" else 1)
    with tempfile.TemporaryDirectory() as name:
        {"start": start, "campaign": campaign}[options.what](options, pathlib.Path(name))


if __name__ == "__main__":
    main()
