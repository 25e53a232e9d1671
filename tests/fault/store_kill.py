"""A writer is killed at any moment: what it acknowledged is there, the rest is not torn.

Claim: after SIGKILL every acknowledged mark fits its result, at most one further run a writer is
committed (marked, not yet said), the file opens, and going on gives the same bytes as a store
that was never interrupted. 40 serial kills, 4 under mpirun, 10 during create and 10 during extend."""
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, TINY, TOOL, call, check, done, isogloss, scratch, store  # noqa: E402

chance = random.Random(20261121)
empty = store("empty.h5")
whole = store("whole.h5", "--first", "0")
wanted = isogloss("export", "--results-digest", whole)
victim = os.path.join(scratch, "victim.h5")


def committed(path):
    report = json.loads(isogloss("status", "--verify", "--json", path))["stores"][0]
    check(report["damaged"] == 0, f"{report['damaged']} torn results")
    return report["total"]["states"]["done"]


def finish_and_compare(path):
    call(TOOL, "fill", path, TINY)
    check(isogloss("export", "--results-digest", path) == wanted, "going on gives other results")


kills = 0
for trial in range(40):
    shutil.copyfile(empty, victim)
    writer = subprocess.Popen([TOOL, "fill", victim, TINY], stdout=subprocess.PIPE, text=True)
    acknowledged = 0
    for _ in range(chance.randrange(48)):
        if writer.stdout.readline():
            acknowledged += 1
    time.sleep(chance.random() * 0.003)
    writer.kill()
    acknowledged += len([line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")])
    kills += writer.wait() == -signal.SIGKILL
    found = committed(victim)
    check(found in (acknowledged, acknowledged + 1), f"{found} committed, {acknowledged} acknowledged")
    if trial % 10 == 0:
        finish_and_compare(victim)
check(kills >= 32, f"only {kills} of 40 writers were killed in time")


def ranks_of(launcher):
    """Processes of ours below mpirun."""
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat, encoding="utf-8") as f:
                pid, rest = f.read().split(" ", 1)
            name, parent = rest[rest.find("(") + 1:rest.rfind(")")], rest[rest.rfind(")") + 2:].split()[1]
        except OSError:
            continue
        if int(parent) == launcher and name == "store_tool":
            found.append(int(pid))
    return found


for trial in range(4 if shutil.which("mpirun") else 0):
    shutil.copyfile(empty, victim)
    writer = subprocess.Popen(["mpirun", "-n", "3", TOOL, "fill", victim, TINY, "--mpi", "--step", "3"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    acknowledged = sum(bool(writer.stdout.readline()) for _ in range(chance.randrange(1, 30)))
    for pid in chance.sample(ranks_of(writer.pid), 1):
        os.kill(pid, signal.SIGKILL)
    acknowledged += len(writer.stdout.read().splitlines())
    writer.wait(timeout=60)
    found = committed(victim)
    check(acknowledged <= found <= acknowledged + 3, f"mpirun: {found} committed, {acknowledged} acknowledged")
    if trial == 0:
        finish_and_compare(victim)

for trial in range(10):
    path = os.path.join(scratch, f"create-{trial}.h5")
    writer = subprocess.Popen([TOOL, "create", path, TINY])
    time.sleep(0.002 + 0.01 * trial * chance.random())
    writer.kill()
    writer.wait()
    if os.path.exists(path):
        committed(path)
    else:
        call(TOOL, "create", path, TINY)
        check(not os.path.exists(path + ".tmp"), "the file of a killed creation is left")

larger = os.path.join(scratch, "larger.yaml")
with open(TINY, encoding="utf-8") as f:
    text = f.read().replace("tokens: [1M, 2M, 4M]", "tokens: [500k, 1M, 2M, 4M]")
with open(larger, "w", encoding="utf-8") as f:
    f.write(text)
for trial in range(10):
    shutil.copyfile(whole, victim)
    writer = subprocess.Popen([ISOGLOSS, "extend", victim, larger], stdout=subprocess.DEVNULL)
    time.sleep(0.01 * trial * chance.random())
    writer.kill()
    writer.wait()
    check(committed(victim) == 48, "a killed extension lost results")
    isogloss("extend", victim, larger) # the lock of the killed one does not block
    check(committed(victim) == 48 and not os.path.exists(victim + ".lock"), "the extension after a killed one")
done()
