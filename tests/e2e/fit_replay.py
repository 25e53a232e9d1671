"""The 4000 resamples of Besiroglu et al. 2024, replayed: their notebook seeds numpy with 42 and draws 240 of the 240
rows 4000 times. Refitting exactly these must give the printed standard errors and intervals; the lower end for A is
that of converged refits (the printed 285.21 carries some that stopped early)."""
import csv
import os
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("python3-numpy is not installed")
    sys.exit(77)

PATH = os.path.join(os.environ.get("ISOGLOSS_SHARED", "/nonexistent"), "data", "chinchilla_replication.csv")
TOOL = os.path.join(os.environ["ISOGLOSS_BUILD"], "tests/bin/replay_tool")
if not os.path.exists(PATH):
    print("published data not found: their resamples were not replayed")
    sys.exit(77)

NAMES = ["A", "B", "E", "alpha", "beta"]
SE = {"A": (124.522, .001), "B": (1293.284, .001), "E": (.02566, .001), "alpha": (.01540, .001), "beta": (.02060, .001)}
ENDS = {"A": (286.09, 743.626), "B": (1042.36, 5810.34), "E": (1.769, 1.871), "alpha": (.317, .373), "beta": (.331, .415)}
PRINTED = {"A": 0, "B": 0, "E": 5e-4, "alpha": 5e-4, "beta": 5e-4}  # half a unit of the last printed digit

rows = [r for r in csv.DictReader(open(PATH)) if r["in_published_fit"] == "1"]
np.random.seed(42)
counts = [np.bincount(np.random.choice(240, size=240, replace=True), minlength=240) for _ in range(4000)]
lines = [" ".join((r["N_params"], r["D_tokens"], r["loss"])) for r in rows]
lines += [" ".join(map(str, c)) for c in counts]
p = subprocess.run([TOOL, str(len(rows)), str(len(counts))], input="\n".join(lines), capture_output=True, text=True, timeout=100)
assert p.returncode == 0, p.stderr
got = np.array([list(map(float, line.split())) for line in p.stdout.splitlines()])
assert got.shape == (4000, 5), got.shape

failed = 0
for k, name in enumerate(NAMES):
    se, (lo, hi) = got[:, k].std(ddof=1), np.percentile(got[:, k], [2.5, 97.5])
    wanted, tolerance = SE[name]
    good = abs(se / wanted - 1) <= tolerance
    for end, printed in zip((lo, hi), ENDS[name]):
        good = good and abs(end - printed) <= 1e-3 * printed + PRINTED[name]
    print(f"{name:6} se {se:.6g} (printed {wanted:g}), interval {lo:.6g} .. {hi:.6g} (printed {ENDS[name][0]:g} .. {ENDS[name][1]:g})",
          "" if good else "FAILED")
    failed += not good
sys.exit(failed > 0)
