#!/usr/bin/python3
"""isogloss-train in turns with PyTorch, or with itself on a second core.

    turns.py torch TRAINER [--rounds N] [--batch TOKENS]... SHAPE...
    turns.py pair TRAINER [--rounds N] SHAPE...

Training steps, tokens per CPU second. Both programs stay and wait; one round of the one, then one
of the other, so that what else the machine does falls on both. `torch`: both pinned to one core.
`pair`: one on each of two cores, alone and both at once.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

LEAST_S = 0.3  # CPU time of a round of the peer


class Turns:
    """A program that answers a line on standard input with a line of JSON."""

    def __init__(self, argv, core, **env):
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, stderr=subprocess.DEVNULL,
            env={**os.environ, **env}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def ask(self, line=""):
        self.process.stdin.write(line + "\n")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"turns.py: {self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def turn(self, line=""):
        self.ask(line)
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def spread(values, form):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def our_bench(options, shape, batch, core):
    best = json.loads(subprocess.run([options.trainer, "--describe"], check=True, capture_output=True).stdout)
    argv = [options.trainer, "--bench", "--paced", "--rounds", "100000", "--batch", str(batch), shape]
    return Turns(argv, core, ISOGLOSS_NUMERICS=best["numerics"])


# ---- PyTorch -----------------------------------------------------------------


def core_types():
    """OpenBLAS core types worth trying here, and those that use all of this CPU."""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        flags = next((line for line in info if line.startswith("flags")), "").split()
    if "avx512f" in flags:
        return ["COOPERLAKE", "SKYLAKEX", "HASWELL"], {"Cooperlake", "SkylakeX", "Sapphirerapids"}
    return ["HASWELL", "ZEN"], {"Haswell", "Zen"}


def open_peers(core):
    """{core type in effect: peer}; ends the program where a comparison would be false."""
    names, full = core_types()
    peers, hello = {}, None
    for name in names:
        peer = Turns(["/usr/bin/python3", str(pathlib.Path(__file__).with_name("torch_step.py"))], core,
                     OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE=name)
        hello = peer.answer()
        if len(hello["cores"]) != 1 or hello["other_blas"]:
            sys.exit(f"trainer: no ratio to PyTorch: its BLAS is {hello['cores']} {hello['other_blas']}, "
                     "not one OpenBLAS (make bench installs libopenblas0-pthread)")
        if hello["cores"][0] in peers:
            peer.close()
        else:
            peers[hello["cores"][0]] = peer
    if not full & set(peers):
        sys.exit(f"trainer: no ratio to PyTorch: OpenBLAS takes this CPU for {', '.join(peers)}; "
                 f"wanted one of {', '.join(sorted(full))}")
    return peers, hello


def order(row, batch, variant, seconds):
    keys = {k: row[k] for k in ("layers", "d", "heads", "context")}
    return json.dumps({**keys, "batch": batch, "variant": variant, "warm": 1 if row["d"] > 256 else 3,
                       "seconds": seconds})


def best_peer(peers, variants, row):
    """The core type and variant that is fastest at 1024 tokens a step."""
    def rate(name, variant):
        text = order(row, 1024, variant, LEAST_S)
        return max(peers[name].turn(text)["tokens_per_cpu_s"] for _ in range(2))

    name = max(peers, key=lambda n: rate(n, variants[1]))
    return name, max(variants, key=lambda v: rate(name, v))


def against_torch(options):
    core = max(os.sched_getaffinity(0))
    peers, hello = open_peers(core)
    print(f"PyTorch {hello['torch']}, OpenBLAS as {', '.join(peers)}, one thread, {options.rounds} rounds in turns")
    print("tokens/CPU s    isogloss                  PyTorch                   ratio                peer's share of the peak")
    for shape in options.shapes:
        best = None
        for batch in options.batch or [1024, 4096]:
            ours = our_bench(options, shape, batch, core)
            row = ours.turn()
            best = best or best_peer(peers, hello["variants"], row)
            text = order(row, batch, best[1], LEAST_S)
            peers[best[0]].turn(text)
            own, theirs, shares = [], [], []
            for _ in range(options.rounds):
                row = ours.turn()
                own.append(row["tokens_per_cpu_s"])
                theirs.append(peers[best[0]].turn(text)["tokens_per_cpu_s"])
                shares.append(row["share_of_peak"] * theirs[-1] / own[-1])  # at 1 no ratio could be above 1
            ours.close()
            ratios = [a / b for a, b in zip(own, theirs)]
            print(f"{shape:<6} {batch:5}   {spread(own, '{:.0f}'):<25} {spread(theirs, '{:.0f}'):<25} "
                  f"{spread(ratios, '{:.2f}'):<20} {statistics.median(shares):.0%}", flush=True)
        print(f"       (the peer's best: {best[0]}, {best[1]})")
    for peer in peers.values():
        peer.close()


# ---- two trainers ------------------------------------------------------------


def two_at_once(options):
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        sys.exit("trainer: two at once need two cores")
    print(f"two trainers at once over one, cores {cores[0]} and {cores[1]}; {options.rounds} rounds")
    for shape in options.shapes:
        both = [our_bench(options, shape, 1024, core) for core in cores]
        gains = []
        for one in both:
            one.turn()
        for _ in range(options.rounds):
            alone = [one.turn()["tokens_per_cpu_s"] for one in both]
            for one in both:
                one.ask()
            together = [one.answer()["tokens_per_cpu_s"] for one in both]
            gains.append(sum(t / a for t, a in zip(together, alone)))
        for one in both:
            one.close()
        print(f"{shape:<5} {spread(gains, '{:.2f}')} times one", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["torch", "pair"])
    parser.add_argument("trainer")
    parser.add_argument("shapes", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, action="append")
    options = parser.parse_args()
    {"torch": against_torch, "pair": two_at_once}[options.what](options)


if __name__ == "__main__":
    main()
