"""The programs of `make bench` that need no other software still speak the product's language: one short round."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["ISOGLOSS_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests" / "support"))
from trainer import TRAINER, check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]


def bench(script, *args):
    p = subprocess.run([SOURCE / "bench" / script, *args], capture_output=True, text=True, timeout=100)
    check(p.returncode == 0 and not p.stderr, (script, p.stderr))
    check(max(map(len, p.stdout.splitlines()), default=81) <= 80, p.stdout)
    return p.stdout


def test_pair():
    gain = re.search(r"^p0 +([0-9.]+) \(", bench("turns.py", "pair", TRAINER, "--rounds", "1", "p0"), re.M)
    check(gain and 0.5 < float(gain[1]) < 4, gain)


def test_cost(corpus):
    row = re.search(r"^p0((?: +-?[0-9.]+ \(-?[0-9.]+ to -?[0-9.]+\)){4})$",
                    bench("run_cost.py", "start", "--rounds", "1", "--alone", ISOGLOSS, corpus, "p0"), re.M)
    check(row, "one row of four figures")
    rows = bench("run_cost.py", "campaign", "--seconds", "0.2", "--runs", "4", "--alone", ISOGLOSS, corpus).splitlines()
    figures = [[float(x) for x in re.findall(r"-?\d+\.?\d*", line[26:])] for line in rows if re.match(r" *\d+\.\d\d s ", line)]
    check([f[0] for f in figures] == [4, 4], rows)
    check(all(0 < f[2] < 2000 and f[3] > 0 for f in figures), rows)


def main():
    with tempfile.TemporaryDirectory() as name:
        text = sentences(1, 400_000)
        corpus = make_corpus(pathlib.Path(name) / "corpus", {"en": (text, sentences(2, 100_000))})
        test_cost(str(corpus))
    if len(os.sched_getaffinity(0)) > 1:
        test_pair()
    done()


main()
