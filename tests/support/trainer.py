"""A corpus written directly, and isogloss-train spoken to over its pipes."""

import json
import math
import os
import pathlib
import random
import subprocess

from checks import check, done  # noqa: F401  for the tests that import this

TRAINER = os.environ["ISOGLOSS_TRAIN"]


def sentences(seed, size, letters=14, words=150):
    """Bytes of a made-up language: words of a lexicon, common ones more often. Few letters
    make every pair of them the start of many words."""
    rng = random.Random(seed)
    alphabet = rng.sample("abcdefghijklmnopqrstuvwxyz", letters)
    lexicon = ["".join(rng.choice(alphabet) for _ in range(rng.randint(3, 9))) for _ in range(words)]
    weights = [1 / (i + 3) for i in range(words)]
    text = ""
    while len(text) < size:
        text += " ".join(rng.choices(lexicon, weights, k=rng.randint(4, 12))) + ".\n"
    return text.encode()[: size - 1] + b"\n"


def make_corpus(path, languages, shards=16):
    """languages: {code: (training bytes, held-out bytes)}; the index as isogloss corpus build writes it."""
    path = pathlib.Path(path)
    path.mkdir(parents=True)
    rows = []
    for code, (train, held) in languages.items():
        (path / f"{code}.train").write_bytes(train)
        (path / f"{code}.held").write_bytes(held)
        cuts = [len(held) * i // shards for i in range(shards + 1)]
        part = lambda kind, data: {"file": f"{code}.{kind}", "sha256": "0" * 64, "bytes": len(data), "lines": data.count(b"\n")}
        rows.append({"code": code, "name": code, "script": "Latn", "family": "none", "licence": "CC0-1.0",
                     "train": part("train", train), "held": {**part("held", held), "shard_offset": cuts}})
    index = {"isogloss_corpus": 1, "name": "tiny", "fingerprint": "0" * 64, "shards": shards, "languages": rows}
    (path / "index.json").write_text(json.dumps(index))
    return path


def run_object(corpus, directory, **changes):
    """A run as the worker orders it; `settings` and `shape` are merged."""
    run = {
        "id": "0123456789abcdef0123456789abcdef",
        "attempt": 1,
        "shape": {"layers": 1, "d": 32, "heads": 1, "context": 64, "vocab": 256, "n_nonembedding": 12288, "n_total": 22976},
        "tokens": 40960,
        "mixture": [{"language": "aa", "weight": 1.0, "unique_bytes": 65536}],
        "schedule": "wsd",
        "settings": {"batch": 1024, "lr": 1, "warmup": 2048, "decay": 0.15, "beta1": 0.9, "beta2": 0.95,
                     "weight_decay": 0.1, "clip": 1},
        "seed": 1,
        "data_seed": 1,
        "evaluations": [{"name": "aa", "language": "aa", "bytes": 4096, "shards": 4}],
        "points": [10240, 20480, 40960],
        "numerics": describe()["numerics"],
        "corpus": str(corpus),
        "dir": str(directory),
        "checkpoint": {"every_s": 0, "final": False},
        "resume": None,
        "parent": None,
        "trunk": None,
    }
    for key, value in changes.items():
        run[key] = {**run[key], **value} if key in ("settings", "shape") else value
    pathlib.Path(directory).mkdir(parents=True, exist_ok=True)
    return run


def describe():
    return json.loads(subprocess.run([TRAINER, "--describe"], check=True, capture_output=True, timeout=20).stdout)


def talk(*orders, timeout=120):
    """Send all orders, close, return (exit status, events, stderr)."""
    text = "".join(json.dumps(o) + "\n" for o in orders)
    p = subprocess.run([TRAINER], input=text.encode(), capture_output=True, timeout=timeout)
    return p.returncode, [json.loads(line) for line in p.stdout.splitlines()], p.stderr.decode()


def train(run, timeout=120):
    """The events of one run behind the hello; it must have ended in order."""
    status, events, err = talk({"run": run}, timeout=timeout)
    check(status == 0 and events[0]["event"] == "hello" and events[-1]["event"] == "end", f"status {status}: {err}")
    return events[1:]


def results(events):
    """What must be the same when a run is repeated: all but the clock."""
    return [{k: v for k, v in e.items() if k != "seconds"} for e in events if e["event"] in ("point", "end")]


def bpb(point, name):
    """Bits per byte of an evaluation in a point."""
    return sum(point["nats"][name]) / sum(point["bytes"][name]) / math.log(2)
