"""A small real trainer of one's own: a byte-level bigram model of rank d in numpy.

Follows the protocol of command trainers: reads $ISOGLOSS_RUN, appends events to
$ISOGLOSS_EVENTS, writes checkpoints, resumes, goes on from trunks, stops when $ISOGLOSS_STOP appears.
Like many real ones it has children: a helper it waits for, and one in a session
of its own that it forgets. Usage: tiny_trainer.py MILLISECONDS_PER_STEP PIDS_FILE
"""
import json
import os
import subprocess
import sys
import time

import numpy as np

BATCH, SYMBOLS, LR = 250, 64, 3.0


def text_of(language, n, part):
    """Words of an invented language, the same for everybody."""
    rng = np.random.default_rng([*language.encode()])
    words = [rng.integers(0, SYMBOLS, rng.integers(2, 7)) for _ in range(200)]
    rng = np.random.default_rng([len(part), *language.encode()])
    ranks = np.minimum(rng.zipf(1.3, n), 200) - 1
    return np.concatenate([np.append(words[r], 0) for r in ranks])[:n]


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Model:
    def __init__(self, d, seed):
        rng = np.random.default_rng(seed)
        self.a = rng.normal(0, 0.1, (SYMBOLS, d))
        self.b = rng.normal(0, 0.1, (d, SYMBOLS))

    def nats(self, x, y):
        p = softmax(self.a[x] @ self.b)
        return -np.log(p[np.arange(len(y)), y])

    def step(self, x, y):
        h = self.a[x]
        g = softmax(h @ self.b)
        g[np.arange(len(y)), y] -= 1
        g /= len(y)
        gh = g @ self.b.T
        self.b -= LR * h.T @ g
        np.add.at(self.a, x, -LR * gh)


def main():
    pause, pids = float(sys.argv[1]) / 1000, sys.argv[2]
    with open(os.environ["ISOGLOSS_RUN"], encoding="utf-8") as f:
        run = json.load(f)
    assert run["id"] == os.environ["ISOGLOSS_RUN_ID"]
    out = open(os.environ["ISOGLOSS_EVENTS"], "a", encoding="utf-8")

    def say(event, **rest):
        out.write(json.dumps({"event": event, "run": run["id"], **rest}) + "\n")
        out.flush()

    helper = subprocess.Popen(["sleep", "1000"])
    stray = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    with open(pids, "a", encoding="ascii") as f:
        f.write(f"{helper.pid}\n{stray.pid}\n")

    train = {m["language"]: text_of(m["language"], 20000, "train") for m in run["mixture"]}
    held = {e["name"]: text_of(e["language"], e["bytes"] + 1, "held") for e in run["evaluations"]}
    model, tokens = Model(run["shape"]["d"], run["seed"]), 0
    start = run["resume"] or run["trunk"]  # all there is to its state either way
    if start:
        with np.load(os.path.join(start["dir"], start["name"])) as z:
            model.a, model.b, tokens = z["a"], z["b"], int(z["tokens"])

    def checkpoint():
        name = f"ckpt-{tokens}"
        path = os.path.join(run["dir"], name)
        with open(path + ".tmp", "wb") as f:
            np.savez(f, a=model.a, b=model.b, tokens=tokens)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".tmp", path)
        say("checkpoint", tokens=tokens, name=name)

    def point():
        nats, sizes = {}, {}
        for e in run["evaluations"]:
            text = held[e["name"]]
            parts = np.array_split(model.nats(text[:-1], text[1:]), e["shards"])
            nats[e["name"]] = [float(p.sum()) for p in parts]
            sizes[e["name"]] = [len(p) for p in parts]
        say("point", tokens=tokens, nats=nats, bytes=sizes)

    while tokens < run["tokens"]:
        if os.path.exists(os.environ["ISOGLOSS_STOP"]):
            checkpoint()
            say("end", outcome="stopped", tokens=tokens)
            return
        # The batch depends on seed and position alone, so that resuming changes nothing.
        rng = np.random.default_rng([run["data_seed"], tokens])
        codes = [m["language"] for m in run["mixture"]]
        text = train[rng.choice(codes, p=[m["weight"] for m in run["mixture"]])]
        n = min([BATCH] + [p - tokens for p in run["points"] if p > tokens])
        at = rng.integers(0, len(text) - 1, n)
        model.step(text[at], text[at + 1])
        tokens += n
        time.sleep(pause)
        if tokens in run["points"]:
            point()
    if run["checkpoint"]["final"]:
        checkpoint()
    helper.kill()
    helper.wait()
    say("end", outcome="done", tokens=tokens, flops=float(6 * SYMBOLS * run["shape"]["d"] * 2 * tokens))


main()
