"""Tags of languages from the campaign to the trainer: ranks, digits, identity, a run."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py

SOURCE = os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]
CODES = [a + b for a in "abcd" for b in "wxyz"]


def isogloss(*args, status=0):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=100)
    check(p.returncode == status, (args, p.returncode, p.stderr))
    return p.stdout if status == 0 else p.stderr


def plan(languages, trainer=", tags: true", evaluate="", tokens="64k"):
    """The runs of one uniform mixture, and the tags of the first: {language: tag}, mixture and evaluations."""
    pathlib.Path("t.yaml").write_text(
        f"isogloss: 1\nname: t\ncorpus: corpus\ntrainer: {{kind: proxy, warmup: 4k{trainer}}}\nsizes: [p0]\ntokens: {tokens}\n"
        f"evaluate: {{points: 2, bytes: 2Ki, shards: 4{evaluate}}}\n"
        f"families:\n  - {{name: m, mixture: uniform, languages: [{', '.join(languages)}]}}\n")
    runs = json.loads(isogloss("plan", "--json", "--runs", "t.yaml"))["run_list"]
    tags = lambda rows: {r["language"]: r.get("tag") for r in rows}
    return runs, tags(runs[0]["mixture"]), tags(runs[0]["evaluations"])


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    make_corpus(pathlib.Path(name) / "corpus",
                {c: (sentences(k, 30_000), sentences(k, 34_096)[30_000:]) for k, c in enumerate(reversed(CODES))})

    # one byte for up to twelve languages, by rank of the code, whatever the order in the file
    runs, mixture, evaluated = plan(["cw", "aw", "by"])
    check(mixture == evaluated == {"aw": [0xC0], "by": [0xC1], "cw": [0xF5]}, (mixture, evaluated))
    again, _, _ = plan(["by", "cw", "aw"])
    check(runs[0]["id"] == again[0]["id"], "the order in the file is no part of a run")
    other, without, _ = plan(["by", "cw", "aw"], trainer="")
    check(set(without.values()) == {None} and other[0]["id"] != runs[0]["id"], without)

    # languages that are only scored have tags, too, and count
    more, mixture, evaluated = plan(["cw", "by"], evaluate=", languages: [aw, by, dz]")
    check(mixture == {"by": [0xC1], "cw": [0xF5]} and evaluated == {"aw": [0xC0], "by": [0xC1], "dz": [0xF6]}, (mixture, evaluated))
    fewer, mixture, _ = plan(["cw", "by"])
    check(mixture == {"by": [0xC0], "cw": [0xC1]}, mixture)

    # two digits for more than twelve
    _, mixture, _ = plan(CODES[:12])
    check([mixture[c] for c in CODES[:12]] == [[b] for b in (0xC0, 0xC1, *range(0xF5, 0xFF))], mixture)
    _, mixture, _ = plan(CODES)
    check(mixture["aw"] == [0xC0, 0xC0] and mixture["dz"] == [0xC1, 0xF6] and len({tuple(t) for t in mixture.values()}) == 16, mixture)

    # trained so: every held-out byte is scored, and a tag tells languages apart
    for tags in (", tags: true", ""):
        plan(CODES, tags)
        isogloss("run", "-o", "tags.h5" if tags else "none.h5", "t.yaml")
        per_token = 6 * (12 * 32**2 + 256 * 32) + 6 * 128 * 32
        windows = 16 * 4 * (5 if tags else 4)  # 512 bytes of each shard, in windows of 127 or 128 bytes
        with h5py.File("tags.h5" if tags else "none.h5", "r") as f:
            planned, spent = f["runs/flops_planned"][0], f["points/flops"][0]
        wanted = per_token * (64000 + 2 * windows * 128 / 3)
        check(max(abs(n / wanted - 1) for n in (planned, spent)) < 1e-12, f"cost{tags}: planned {planned}, spent {spent}")
    check(isogloss("export", "tags.h5") != isogloss("export", "none.h5"), "tags do nothing")

    text = pathlib.Path("t.yaml").read_text().replace("kind: proxy", "kind: command, command: [x], tags: true")
    pathlib.Path("t.yaml").write_text(text)
    check("key 'tags': only for trainers of kind proxy" in isogloss("check", "t.yaml", status=2), "only proxies have tags")
done()
