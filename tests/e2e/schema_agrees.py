"""The committed JSON Schema and `isogloss check --shape-only` agree about 400 mutated campaigns.

A campaign that uses every key is changed at random places (fixed seed); Debian's python3-jsonschema
and isogloss must both accept or both refuse each result. JSON is YAML, so one text serves both.
"""
import copy
import json
import os
import random
import subprocess
import sys
import tempfile

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
try:
    from jsonschema import Draft202012Validator
except ImportError:
    print("python3-jsonschema with draft 2020-12 is not installed")
    sys.exit(77)

MUTANTS = 400
LAW = {"E": 1.5, "A": 300, "B": 900, "alpha": 0.35, "beta": 0.33}
LANGUAGE = {"name": "A", "script": "Latn", "family": "x", "licence": "y", "train_bytes": "4M", "held_bytes": 262144}
EVERYTHING = {
    "isogloss": 1, "name": "all", "title": "every key", "seed": 7, "unit": "bit/byte",
    "corpus": {"languages": {"aa": LANGUAGE, "bb": dict(LANGUAGE, train_bytes=2e6)}, "path": "data", "shards": 16,
               "fingerprint": "f", "manifest": "m.yaml"},
    "trainer": {"kind": "synthetic", "context": 128, "vocab": "256", "schedule": "cosine", "device": "cpu", "tags": True, "batch": 2048,
                "lr": 0.5, "warmup": 0.1, "decay": 0.2, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0, "clip": 2,
                "settings": {"dropout": 0.1}, "batch_by_tokens": [{"from": "16M", "batch": 2048}],
                "batch_by_size": [{"from": 400000, "batch": "4Ki"}], "command": ["a", 1, "--x"], "version": 2.5, "law": LAW, "laws": {"aa": LAW},
                "noise": {"run": 0.01, "point": 0.02}, "seconds_per_run": "1s", "speed": 1e9},
    "shapes": {"big": {"layers": 8, "d": 512, "heads": 8, "n_nonembedding": "30M", "n_total": 40000000}},
    "sizes": ["12k", 25000, "p3", "big", {"layers": 2, "d": 64, "heads": 2}],
    "tokens": ["1M", "20x", "max(4M, 20x)"], "flops": 1e12, "seeds": [1, 2], "unique": ["all", "500k"],
    "evaluate": {"languages": "all", "scope": "trained", "bytes": "16Ki", "shards": 16,
                 "points": {"count": 4, "spacing": "linear", "first": 0.1}},
    "families": [
        {"name": "mono", "mixture": "monolingual", "languages": ["aa", "bb"], "seeds": 2, "points": 3, "evaluate": ["aa"],
         "scope": "all", "checkpoint": True, "unique": "all", "flops": [1e12, 1e13], "vary": {"lr": [0.5, 1, 2]}},
        {"name": "pairs", "mixture": "bilingual", "targets": "aa", "sources": "all", "pairs": [["aa", "bb"]],
         "share": [0.25, 0.5], "sizes": ["98k"], "tokens": "2M"},
        {"name": "mixed", "mixture": "custom", "weights": {"aa": 2, "bb": 1.5}, "points": {"count": 2}},
        {"name": "sets", "mixture": "unimax", "sets": {"v0": ["aa", "bb"]}, "max_epochs": 4},
        {"name": "tune", "from": "mono", "languages": "aa"}, {"name": "list", "runs": "r.csv"}],
    "resources": [{"up_to": "1M", "cores": 1}, {"cores": 2, "gpus": 1}],
    "limits": {"run_time": "2h", "silence": "off",
               "retries": {"crash": 1, "exit": 0, "protocol": 0, "silence": 1, "time": 0, "memory": 0, "killed": 3, "diverged": 0}},
    "checkpoints": {"every": "90s", "keep": "all"},
}
VALUES = [0, 1, 2, -1, 16, 0.5, 1.5, 3.0, 1e6, 1e19, 1e40, "", "0", "1", "-1", "1.5M", "1.5 M", "16Ki", "20x", "x20",
          "max(4M, 20x)", "max(4M)", "min( 1k , 2x )", "max(4M, 20x", "90s", "off", "4 h", "all", "de", "zh-Hans", "a b", "a/b",
          "..", "p3", "proxy", "log", "true", "x" * 70, "\u00e9", True, False, None, [], {}, [1], ["aa"], [["aa"]], {"a": 1},
          {"count": 3}, {"layers": 1, "d": 32, "heads": 1}, ["1M", "2M"]]


def places(value, path=()):
    """Every (container, key) below a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


def mutate(document, rng):
    container, key = rng.choice(list(places(document)))
    kind = rng.choice(["value", "value", "value", "delete", "rename", "wrap", "unwrap", "add", "copy"])
    if kind == "value":
        container[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == "delete":
        del container[key]
    elif kind == "rename" and isinstance(container, dict):
        container[rng.choice([key[1:], key + "s", key.upper(), "x y"])] = container.pop(key)
    elif kind == "wrap":
        container[key] = [container[key]]
    elif kind == "unwrap" and isinstance(container[key], list) and container[key]:
        container[key] = container[key][0]
    elif kind == "add" and isinstance(container, dict):
        container[rng.choice(["extra", "lr", "seed", "kind", "points"])] = rng.choice(VALUES)
    elif kind == "copy" and isinstance(container, list):
        container.append(copy.deepcopy(container[key]))


schema = json.load(open(os.path.join(SOURCE, "schemas/campaign.schema.json")))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
rng = random.Random(20261121)
documents = [EVERYTHING]
for _ in range(MUTANTS):
    document = copy.deepcopy(EVERYTHING)
    for _ in range(rng.choice([1, 1, 1, 2])):
        mutate(document, rng)
    documents.append(document)

disagree = 0
with tempfile.TemporaryDirectory() as d:
    paths = []
    for i, document in enumerate(documents):
        paths.append(os.path.join(d, f"{i}.yaml"))
        with open(paths[-1], "w") as f:
            json.dump(document, f)
    p = subprocess.run([ISOGLOSS, "check", "--shape-only", "--json", *paths], capture_output=True, text=True, timeout=100)
    reports = json.loads(p.stdout)["campaigns"]
    assert len(reports) == len(documents), (len(reports), p.stderr)
    valid = 0
    for document, report in zip(documents, reports):
        errors = [e.message for e in validator.iter_errors(document)]
        valid += not errors
        if report["good"] != (not errors):
            disagree += 1
            print("schema says", errors[:2] or "valid", "\nisogloss says", report["errors"][:2] or "valid", "\n")
    print(f"{len(documents)} campaigns, {valid} valid, {disagree} disagreements")
    first = reports[0]
    assert first["good"], first
    # the test could fail: both answers are well represented
    assert 60 <= valid <= MUTANTS - 60, valid
sys.exit(disagree > 0)
