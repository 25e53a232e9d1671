"""schemas/trainer-protocol.schema.json fits every line that really crosses between worker and
trainer: a campaign of one's own script, stopped and resumed, with a finetuned run and branches, and
one of proxies. Lines that the worker refuses do not fit it."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["ISOGLOSS_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests/support"))
try:
    import numpy  # noqa: F401 tiny_trainer.py needs it
    from jsonschema import Draft202012Validator
except ImportError as e:
    print(f"needs python3-jsonschema and python3-numpy: {e}")
    sys.exit(77)
from trainer import check, describe, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]
SCHEMA = json.loads((SOURCE / "schemas/trainer-protocol.schema.json").read_text())
Draft202012Validator.check_schema(SCHEMA)


def complaints(kind, value):
    """`kind` is event, order or run; a line must also fit the schema as a whole."""
    part = {"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}
    errors = list(Draft202012Validator(part).iter_errors(value))
    if kind != "run":
        errors += Draft202012Validator(SCHEMA).iter_errors(value)
    return [f"{e.json_path}: {e.message}"[:200] for e in errors]


COMMON = """
isogloss: 1
seed: 3
sizes: [12k]
tokens: [40k]
evaluate: {languages: [aa, bb], points: {count: 3, spacing: log}, bytes: 4k, shards: 4}
checkpoints: {every: 0.1s, keep: all}  # so that run.json and events.jsonl stay
families:
  - {name: mono, mixture: monolingual, languages: [aa], checkpoint: true}
  - {name: pair, mixture: uniform, sets: {both: [aa, bb]}}
  - {name: tuned, from: mono, languages: [bb], tokens: [20k]}
  - {name: cooled, mixture: monolingual, languages: [bb], tokens: [20k, 40k], branches: true}
"""
OWN = """name: own
corpus: {languages: {aa: {train_bytes: 9M, held_bytes: 1M}, bb: {train_bytes: 9M, held_bytes: 1M}}}
trainer: {kind: command, decay: 0.2, command: [sh, -c, 'exec /usr/bin/python3 tiny_trainer.py $MS pids']}
"""
PROXY = "name: proxy\ncorpus: corpus\ntrainer: {kind: proxy, context: 64, warmup: 4k}\n"


def campaign(home, name, text, wanted, **env):
    """Run it with the time limit of the environment; the exit status must be `wanted`."""
    (home / f"{name}.yaml").write_text(COMMON + text)
    stop_after = env.pop("stop_after", None)
    p = subprocess.Popen([ISOGLOSS, "run", "-j", "3", f"{name}.yaml"], cwd=home, env={**os.environ, **env},
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _, err = p.communicate(timeout=stop_after or 100)
    except subprocess.TimeoutExpired:
        p.terminate()
        _, err = p.communicate(timeout=100)
    check(p.returncode == wanted, f"{name}: exit status {p.returncode}, wanted {wanted}: {err}")


def kept(home, name):
    """-> run objects and events of all attempts"""
    attempts = sorted((home / f"{name}.work/runs").glob("*/attempt-*"))
    runs = [json.loads((a / "run.json").read_text()) for a in attempts if (a / "run.json").exists()]
    events = [json.loads(line) for a in attempts if (a / "events.jsonl").exists()
              for line in (a / "events.jsonl").read_text().splitlines()]
    for run in runs:
        check(not complaints("run", run), complaints("run", run))
        check(not complaints("order", {"run": run}), "as an order")
        check(complaints("event", {"run": run}), "an order is no event")
    for event in events:
        check(not complaints("event", event), (event, complaints("event", event)))
        check(complaints("order", event), "an event is no order")
    check({e["event"] for e in events} >= {"point", "checkpoint", "end"}, events[:3])
    for key in ("parent", "trunk"):
        check(any(r[key] for r in runs), f"no run object has a {key}")
    check(all(r["points"][0] > r["trunk"]["tokens"] for r in runs if r["trunk"]), "points before the trunk's end")
    return runs, events


ID = "0123456789abcdef" * 2
POINT = {"event": "point", "run": ID, "tokens": 10, "loss": {"aa": 3.2}}
BAD_EVENTS = [
    {}, [], "hello", {"event": "helo", "protocol": 1}, {"event": "hello"}, {"event": "hello", "protocol": 2},
    {"event": "hello", "protocol": 1, "lanes": 0}, {"event": "hello", "protocol": 1, "exact": "yes"},
    {**POINT, "run": "42"}, {**POINT, "tokens": -1}, {**POINT, "tokens": 1.5}, {**POINT, "loss": {"aa": "low"}},
    {**POINT, "lr_state": "cooled"}, {**POINT, "seen": {"aa": -1}}, {k: v for k, v in POINT.items() if k != "loss"},
    {"event": "point", "run": ID, "tokens": 10, "nats": {"aa": [1]}}, {**POINT, "loss": None, "nats": {"aa": 1}, "bytes": {"aa": 1}},
    {"event": "checkpoint", "run": ID, "tokens": 1, "name": "../x"}, {"event": "checkpoint", "run": ID, "tokens": 1, "name": ".."},
    {"event": "checkpoint", "run": ID, "name": "x"}, {"event": "end", "run": ID}, {"event": "end", "run": ID, "outcome": "ok"},
    {"event": "end", "run": ID, "outcome": "done", "flops": "many"},
]
GOOD_EVENTS = [
    {"event": "hello", "protocol": 1}, POINT, {**POINT, "loss": {"aa": float("nan")}}, {**POINT, "loss": {"aa": None}},
    {**POINT, "note": "more keys are no harm"}, {"event": "end", "run": ID, "outcome": "diverged"},
]
ORDERS = [({"stop": "checkpoint"}, True), ({"quit": True}, True), ({"stop": "now"}, False), ({"quit": 1.5}, False),
          ({}, False), ({"stop": "checkpoint", "quit": True}, False), ({"run": {}}, False)]


def bad_runs(run):
    """Changes after which a run object is none."""
    for key in run:
        yield {k: v for k, v in run.items() if k != key}
    for key, value in (("id", "x"), ("attempt", 0), ("tokens", 0), ("mixture", []), ("schedule", "linear"), ("seed", -1),
                       ("points", [0]), ("dir", "here"), ("resume", {"dir": "/a", "name": "b"}), ("extra", 1),
                       ("parent", {"dir": "/a", "name": "b", "tokens": 1}), ("trunk", {"dir": "/a", "name": "b", "tokens": 1}), ("settings", {"lr": "high"}),
                       ("checkpoint", {"every_s": -1, "final": True})):
        yield {**run, key: value}


with tempfile.TemporaryDirectory() as name:
    home = pathlib.Path(name)
    (home / "tiny_trainer.py").symlink_to(SOURCE / "tests/support/tiny_trainer.py")
    make_corpus(home / "corpus", {c: (sentences(i, 200_000), sentences(i, 220_000)[200_000:]) for i, c in enumerate(("aa", "bb"))})
    campaign(home, "own", OWN, 75, MS="40", stop_after=2.5)
    campaign(home, "own", OWN, 0, MS="0")
    runs, _ = kept(home, "own")
    check(any(r["resume"] for r in runs), "no run object of a resumed attempt")
    campaign(home, "proxy", PROXY, 0)
    proxies, events = kept(home, "proxy")
    check(any(e["event"] == "point" and "nats" in e for e in events), "proxies send nats")
    check(not complaints("event", describe()), complaints("event", describe()))
    for event in GOOD_EVENTS:
        check(not complaints("event", event), (event, complaints("event", event)))
    for event in BAD_EVENTS:
        check(complaints("event", event), f"{event} fits")
    for order, good in ORDERS:
        check(bool(complaints("order", order)) != good, (order, complaints("order", order)))
    for run in bad_runs(proxies[0]):
        check(complaints("run", run), f"{str(run)[:200]} fits")
done()
