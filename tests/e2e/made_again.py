"""A finished run whose checkpoint is gone is trained again when an extended campaign goes on from it: of a command, which
may not give the same losses twice, a warning says what that means."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, check, done, isogloss, scratch, skip  # noqa: E402

try:
    import h5py
except ImportError as e:
    skip(str(e))

os.chdir(scratch)
# Every start of it is another training; the loss counts them.
TRAINER = """
import json, os
run = json.load(open(os.environ["ISOGLOSS_RUN"]))
open("starts", "a").write("x")
def say(event, **more):
    with open(os.environ["ISOGLOSS_EVENTS"], "a") as f:
        print(json.dumps({"event": event, "run": run["id"], "tokens": run["tokens"], **more}), file=f)
say("point", loss={e["name"]: 2 + os.path.getsize("starts") for e in run["evaluations"]})
if run["checkpoint"]["final"]:
    open(run["dir"] + "/last", "w").close()
    say("checkpoint", name="last")
say("end", outcome="done", flops=1, seconds=1)
"""
CAMPAIGN = f"""
isogloss: 1
name: c
seed: 1
corpus: {{languages: {{aa: {{train_bytes: 4M, held_bytes: 64k}}, bb: {{train_bytes: 4M, held_bytes: 64k}}}}}}
trainer: {{kind: command, command: [{sys.executable}, t.py]}}
sizes: [12k]
tokens: [1M]
evaluate: {{languages: [aa], points: 1, bytes: 16k, shards: 1}}
families:
  - {{name: base, mixture: monolingual, languages: [aa]}}
"""
TUNE = "  - {name: tune, from: base, languages: [bb]}\n"
OTHER = "  - {name: other, from: base, languages: [bb], tokens: [2M]}\n"


def run(*families, extend=True):
    """What the campaign with these families says, and its losses by id."""
    with open("c.yaml", "w", encoding="ascii") as f:
        f.write(CAMPAIGN + "".join(families))
    if extend:
        isogloss("extend", "c.h5", "c.yaml")
    p = subprocess.run([ISOGLOSS, "run", "-j", "1", "-o", "c.h5", "c.yaml"], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == 0, p.stderr)
    with h5py.File("c.h5", "r") as f:
        return p.stderr, dict(zip((i.decode() for i in f["runs/id"][:]), f["points/loss"][:, 0, 0]))


with open("t.py", "w", encoding="ascii") as f:
    f.write(TRAINER)
said, loss = run(extend=False)
(base,) = loss
check("again" not in said and loss[base] == 3, f"the first time: {said} {loss}")

# Nobody needed its checkpoint; now its first child does.
said, loss = run(TUNE)
check(f"run {base} is trained again" in said and "are replaced" in said and "went on" not in said, said)
check("'checkpoint: true'" in said, said)
check(sorted(loss.values()) == [4, 5] and loss[base] == 4, loss)

# With its checkpoint another child changes nothing.
said, loss = run(TUNE, OTHER)
check("again" not in said and sorted(loss.values()) == [4, 5, 6], f"{said} {loss}")

# Without it the children there are keep what the earlier training gave.
shutil.rmtree("c.work")
said, loss = run(TUNE, OTHER, OTHER.replace("other", "third").replace("2M", "3M"))
check("2 finished runs went on from the earlier training" in said, said)
check(sorted(loss.values()) == [5, 6, 7, 8] and loss[base] == 7, loss)
done()
