"""isogloss-train as the worker meets it: orders, events, checkpoints, mixtures, wrong orders."""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from trainer import TRAINER, bpb, check, describe, done, make_corpus, results, run_object, sentences, talk, train


def test_hello():
    hello = describe()
    check(hello["event"] == "hello" and hello["protocol"] == 1 and hello["exact"] is True and hello["lanes"] == 1, hello)
    status, events, err = talk({"quit": True})
    check((status, events, err) == (0, [hello], ""), (status, events, err))


def test_points(tmp, corpus):
    run = run_object(corpus, tmp / "points", points=[1, 1500, 20000, 40000], tokens=40000)
    events = train(run)
    points = events[:-1]
    check([p["tokens"] for p in points] == [1, 1500, 20000, 40000], points)
    check([p["lr_state"] for p in points] == ["warmup", "warmup", "stable", "end"], points)
    # Measured at the first step boundary at or after the point; the last sequence is whole.
    check([p["seen"]["aa"] for p in points] == [1024, 2048, 20480, 40000], [p["seen"] for p in points])
    check(all(p["run"] == run["id"] for p in events), events)
    check(all(p["bytes"] == {"aa": [1024] * 4} for p in points), points)
    losses = [bpb(p, "aa") for p in points]
    check(7.5 < losses[0] < 8.2 and losses[3] < losses[2] < losses[0], losses)
    end = events[-1]
    flops = 6 * (12 * 32**2 + 256 * 32) + 6 * 64 * 32
    check(end["outcome"] == "done" and end["tokens"] == 40000, end)
    check(abs(end["flops"] / (flops * (40000 + 4 * 4096 / 3)) - 1) < 1e-12, end)
    check(results(train(run)) == results(events), "a repeated run differs")
    check(results(train({**run, "seed": 2})) != results(events), "the seed does nothing")
    check(results(train({**run, "data_seed": 2})) != results(events), "the data seed does nothing")


def test_variants(tmp, corpus):
    """Every instruction set trains to nearly the same loss; several runs in one process."""
    names = ["generic-2", "avx2-2", "avx512-2"]
    best = describe()["numerics"]
    orders = [{"run": run_object(corpus, tmp / n, numerics=n)} for n in names[: names.index(best) + 1]]
    status, events, err = talk(*orders)
    last = [e for e in events if e["event"] == "point" and e["lr_state"] == "end"]
    check(status == 0 and len(last) == len(orders), err)
    losses = [bpb(p, "aa") for p in last]
    check(max(losses) - min(losses) < 0.01, losses)


def test_schedules(tmp, corpus):
    for schedule, state in (("cosine", "end"), ("constant", "stable")):
        points = train(run_object(corpus, tmp / schedule, schedule=schedule))
        check(points[-2]["lr_state"] == state, points[-2])


def test_warmup(tmp, corpus):
    """Tokens from 1 on, a share of the run below, at most half of the run."""
    losses = {w: results(train(run_object(corpus, tmp / f"warmup-{w}", settings={"warmup": w}))) for w in
              (0, 1, 0.05, 2048, 0.5, 20480, 50000)}
    check(losses[0.05] == losses[2048], "5 % of 40960 tokens are 2048")
    check(losses[0.5] == losses[20480] == losses[50000], "more than half of the run is held at half")
    check(losses[0] != losses[2048] != losses[20480], "the warm-up does nothing")
    check(losses[0] == losses[1], "one token is over before the middle of the first step")


def test_tags(tmp, corpus):
    """Windows begin with tags of one or more bytes; every held-out byte is scored, and a resumed run has the same bits."""
    def order(name, a, b, **more):
        mixture = [{"language": "aa", "weight": 0.5, "unique_bytes": 60000, "tag": a}, {"language": "bb", "weight": 0.5, "unique_bytes": 60000, "tag": b}]
        evaluations = [{"name": n, "language": n, "bytes": 1000, "shards": 4, "tag": t} for n, t in (("aa", a), ("bb", b))]
        for row in mixture + evaluations if not a else []:
            del row["tag"]
        return run_object(corpus, tmp / name, mixture=mixture, evaluations=evaluations, **more)
    plain = train(order("tag-0", None, None))
    for n, (a, b) in enumerate((([0xC0], [0xC1]), ([0xC0, 0xF5], [0xC0, 0xFE]), ([0xC0, 0xC0, 0xFE], [0xC0, 0xC1, 0xC0]))):
        events = train(order(f"tag-{n + 1}", a, b))
        check(all(p["bytes"] == {"aa": [250] * 4, "bb": [250] * 4} for p in events[:-1]), events)
        check([p["tokens"] for p in events] == [p["tokens"] for p in plain] and results(events) != results(plain), events)
        check(results(train(order(f"tag-{n + 1}", b, a))) != results(events), "the tags do nothing")
        check(bpb(events[-2], "aa") < bpb(events[0], "aa"), "it learns")
    whole = train(order("tag-whole", a, b, checkpoint={"every_s": 1e-9, "final": False}))
    resume = {"dir": str(tmp / "tag-whole"), "name": "ckpt-15360", "tokens": 15360}
    cut = train(order("tag-cut", a, b, resume=resume, attempt=2))
    check(results(cut) == results(whole)[1:], "resumed with tags")


def test_mixture(tmp, corpus):
    mixture = [{"language": "aa", "weight": 0.75, "unique_bytes": 8192}, {"language": "bb", "weight": 0.25, "unique_bytes": 65536}]
    evaluations = [{"name": n, "language": n, "bytes": 1024, "shards": 1} for n in ("aa", "bb")]
    run = run_object(corpus, tmp / "mixture", mixture=mixture, evaluations=evaluations, tokens=131072, points=[65536, 131072])
    points = train(run)[:-1]
    for p in points:
        n = p["tokens"] // 64
        share = p["seen"]["aa"] / p["tokens"]
        check(sum(p["seen"].values()) == p["tokens"], p["seen"])
        check(abs(share - 0.75) < 4 * (0.75 * 0.25 / n) ** 0.5, share)  # four standard deviations, fixed seed
    check(points[-1]["seen"]["aa"] > 8 * 8192, "eight passes over the small language")


def kill_by_stop(run, wait_for, delay):
    """Order a stop `delay` seconds after `wait_for` events; returns the events."""
    p = subprocess.Popen([TRAINER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdin.write((json.dumps({"run": run}) + "\n").encode())
    p.stdin.flush()
    events = [json.loads(p.stdout.readline()) for _ in range(1 + wait_for)]
    time.sleep(delay)
    try:
        p.stdin.write(b'{"stop":"checkpoint"}\n')
        p.stdin.close()
    except BrokenPipeError:
        pass  # it was done before
    events += [json.loads(line) for line in p.stdout]
    check(p.wait(30) == 0, f"exit {p.returncode}")
    return events[1:]


def test_resume(tmp, corpus):
    """Stopped at random moments and resumed: the same bits as never stopped."""
    mixture = [{"language": "aa", "weight": 0.5, "unique_bytes": 20000}, {"language": "bb", "weight": 0.5, "unique_bytes": 65536}]
    base = run_object(corpus, tmp / "whole", mixture=mixture, tokens=100000, points=[10000 * i for i in range(1, 11)])
    whole = results(train(base))
    rng = random.Random(4)
    stops = 0
    for trial in range(4):
        collected, resume, attempt = [], None, 1
        while True:
            run = run_object(corpus, tmp / f"cut-{trial}-{attempt}", **{k: base[k] for k in ("mixture", "tokens", "points")},
                             attempt=attempt, resume=resume)
            events = kill_by_stop(run, rng.randint(0, 2), rng.random() * 0.02) if attempt < 6 else train(run)
            collected += [e for e in events if e["event"] == "point"]
            end = events[-1]
            if end["outcome"] == "done":
                break
            check(end["outcome"] == "stopped" and events[-2]["event"] == "checkpoint", events[-2:])
            resume = {"dir": run["dir"], "name": events[-2]["name"], "tokens": events[-2]["tokens"]}
            check(events[-2]["tokens"] == end["tokens"] and os.path.exists(f"{run['dir']}/{resume['name']}"), resume)
            attempt += 1
            stops += 1
        check(results(collected + [end]) == whole, f"trial {trial} with {attempt} attempts differs")
    check(stops >= 6, f"only {stops} stops took place")


def test_stop_at_once(tmp, corpus):
    """A stop that arrives with its run ends it after a step; the next run is not touched."""
    run = run_object(corpus, tmp / "stopped")
    status, events, err = talk({"run": run}, {"stop": "checkpoint"})
    check(status == 0 and [e["event"] for e in events] == ["hello", "checkpoint", "end"], events)
    check(events[-1]["outcome"] == "stopped" and events[-1]["tokens"] == 1024, events)
    _, events, _ = talk({"run": run}, {"quit": True}, {"stop": "checkpoint"})
    check(events[-1]["outcome"] == "stopped", "a stop is obeyed after a quit")
    p = subprocess.Popen([TRAINER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ends = []
    for order in (run, run_object(corpus, tmp / "next", id="b" * 32)):
        p.stdin.write((json.dumps({"run": order}) + "\n").encode())
        p.stdin.flush()
        while not ends or ends[-1]["run"] != order["id"]:
            ends += [e for e in [json.loads(p.stdout.readline())] if e["event"] == "end"]
        p.stdin.write(b'{"stop":"checkpoint"}\n')  # too late for this run
    p.stdin.close()
    check(p.wait(30) == 0 and [e["outcome"] for e in ends] == ["done", "done"], ends)


def test_bench():
    """The benchmark answers in JSON and in a table, with sensible figures."""
    env = {**os.environ, "ISOGLOSS_NUMERICS": describe()["numerics"]}
    bench = lambda *options: subprocess.run([TRAINER, "--bench", *options, "p0"], capture_output=True, env=env, timeout=60)
    rows = json.loads(bench("--json", "--rounds", "2").stdout)
    check([(r["shape"], r["numerics"]) for r in rows] == [("p0", env["ISOGLOSS_NUMERICS"])], rows)
    check(rows[0]["tokens_per_cpu_s"]["median"] > 1000 and 0 < rows[0]["share_of_peak"]["median"] < 1.2, rows)
    for figure in (v for v in rows[0].values() if isinstance(v, dict)):
        check(0 < figure["least"] <= figure["median"] <= figure["most"], rows)
    check(len(bench("--rounds", "1").stdout.splitlines()) == 2, "a head and one row")
    wrong = bench("--batch", "1000")
    check(wrong.returncode == 2 and b"1000 is not a multiple of the context 128 (p0); nearest: 1024, or leave" in wrong.stderr, wrong.stderr)
    # It says before what it does and how long, then how far it is; rows come as the last round measures them.
    two = subprocess.run([TRAINER, "--bench", "--rounds", "2", "p0", "p1"], capture_output=True, env=env, timeout=60)
    said = two.stderr.decode().splitlines()
    check(said[0] == "measuring 2 shapes with 1 instruction set, steps of 1024 tokens or one sequence,", said)
    check(said[1].startswith("2 rounds over all of them: about ") and len(said) == 5, said)
    check([line.split()[4] for line in said[2:4]] == ["p0", "p1"] and said[4].startswith("round 1 of 2 is over, about "), said)
    check([line.split()[0] for line in two.stdout.decode().splitlines()] == ["shape", "p0", "p1"], two.stdout)
    live = subprocess.Popen([TRAINER, "--bench", "--rounds", "1", "p0", "p9"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    head, first, before = live.stdout.readline(), live.stdout.readline(), time.monotonic()
    rest = live.stdout.read()
    check(first.startswith(b"p0 ") and rest.startswith(b"p9 ") and time.monotonic() - before > 0.1 and live.wait(30) == 0, (head, first, rest))
    rows = json.loads(subprocess.run([TRAINER, "--bench", "--json", "--rounds", "1", "p0@2048", "p0@640", "p0"], capture_output=True, env=env, timeout=60).stdout)
    check([r["batch"] for r in rows] == [2048, 1280, 1024], rows)
    wrong = subprocess.run([TRAINER, "--bench", "p0"], capture_output=True, env={**env, "ISOGLOSS_NUMERICS": "avx512-1"}, timeout=60)
    check(wrong.returncode == 2 and b"ISOGLOSS_NUMERICS='avx512-1' is not available" in wrong.stderr, wrong.stderr)
    # A line in, a line for each shape out; no line after the last.
    paced = subprocess.run([TRAINER, "--bench", "--paced", "p0", "p1"], input=b"\n\n", capture_output=True, env=env, timeout=60)
    rows = [json.loads(line) for line in paced.stdout.splitlines()]
    check([(r["shape"], r["layers"]) for r in rows] == [("p0", 1), ("p1", 2)] * 2, rows)


def test_checkpoints(tmp, corpus):
    run = run_object(corpus, tmp / "often", checkpoint={"every_s": 1e-9, "final": True}, tokens=10240, points=[10240])
    events = train(run)
    names = [e["name"] for e in events if e["event"] == "checkpoint"]
    check(names == [f"ckpt-{1024 * i}" for i in range(1, 11)], names)
    check(sorted(os.listdir(tmp / "often")) == sorted(names), "no temporary file is left")
    again = {**run, "dir": str(tmp / "often2"), "checkpoint": {"every_s": 0, "final": False},
             "resume": {"dir": run["dir"], "name": "ckpt-5120", "tokens": 5120}}
    check(results(train(again)) == results(events), "resumed from a timed checkpoint")

    # A parent gives its weights; optimiser, schedule and data begin anew.
    parent = {"id": run["id"], "dir": run["dir"], "name": "ckpt-10240", "tokens": 10240}
    child = run_object(corpus, tmp / "child", id="f" * 32, parent=parent, tokens=10240, points=[1024, 10240],
                       settings={"warmup": 512})
    points = train(child)
    fresh = train({**child, "parent": None})
    check(points[0]["tokens"] == 1024 and points[0]["seen"]["aa"] == 1024 and points[0]["lr_state"] == "stable", points[0])
    check(bpb(points[0], "aa") < bpb(fresh[0], "aa") - 1, "finetuning starts from what the parent knows")

    damaged = tmp / "often" / "ckpt-5120"
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    status, _, err = talk({"run": again})
    check(status != 0 and "is damaged" in err, err)
    status, _, err = talk({"run": {**again, "resume": None, "parent": parent, "shape": {**run["shape"], "layers": 2}}})
    check(status != 0 and "another shape" in err, err)
    status, _, err = talk({"run": {**again, "id": "e" * 32, "resume": {**again["resume"], "name": "ckpt-4096"}}})
    check(status != 0 and "written by run 0123" in err, err)


def test_diverged(tmp, corpus):
    events = train(run_object(corpus, tmp / "hot", settings={"lr": 1e6, "clip": 0}))
    check(events[-1]["outcome"] == "diverged" and events[-1]["tokens"] < 40960, events)


def test_end_of_file(tmp, corpus):
    """End of file on stdin: what was ordered is finished, then it leaves."""
    status, events, _ = talk({"run": run_object(corpus, tmp / "eof1")}, {"run": run_object(corpus, tmp / "eof2", id="a" * 32)})
    check(status == 0 and [e["run"] for e in events if e["event"] == "end"] == ["0123456789abcdef" * 2, "a" * 32], events)
    # A closed stdout ends it too, without a signal.
    p = subprocess.Popen([TRAINER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    p.stdout.close()
    p.stdin.write((json.dumps({"run": run_object(corpus, tmp / "pipe")}) + "\n").encode())
    p.stdin.flush()
    check(p.wait(30) == 1 and b"cannot write an event" in p.stderr.read(), p.returncode)
    p.stderr.close()
    p.stdin.close()


def test_wrong_orders(tmp, corpus):
    run = run_object(corpus, tmp / "wrong")
    mixture = run["mixture"][0]
    evaluation = run["evaluations"][0]
    wrong = [
        ({"shape": {**run["shape"], "d": 40}}, "d is 40"),
        ({"shape": {**run["shape"], "vocab": 50257}}, "vocab is 50257"),
        ({"shape": {**run["shape"], "heads": 4}}, "32 over 4 heads"),
        ({"tokens": 0}, "tokens is 0"),
        ({"tokens": -3}, "tokens"),
        ({"tokens": "many"}, "key 'tokens'"),
        ({"numerics": "sse-9"}, "numerics 'sse-9'"),
        ({"schedule": "linear"}, "schedule is 'linear'"),
        ({"settings": {**run["settings"], "batch": 1000}}, "batch is 1000"),
        ({"settings": {**run["settings"], "momentum": 1}}, "no 'momentum'"),
        ({"settings": {**run["settings"], "warmup": -1}}, "warmup is -1"),
        ({"points": [2048, 1024]}, "points[1]"),
        ({"points": [80000]}, "points[0]"),
        ({"mixture": []}, "no language"),
        ({"mixture": [{**mixture, "language": "zz"}]}, "no language 'zz'"),
        ({"mixture": [{**mixture, "unique_bytes": 10**9}]}, "unique bytes wanted"),
        ({"mixture": [{**mixture, "unique_bytes": 10}]}, "less than one context"),
        ({"mixture": [{**mixture, "weight": 0}]}, "weight of 'aa' is 0"),
        ({"evaluations": [{**evaluation, "language": "zz"}]}, "no language 'zz'"),
        ({"evaluations": [{**evaluation, "shards": 0}]}, "0 shards"),
        ({"evaluations": [{**evaluation, "shards": 5}]}, "shard"),
        ({"mixture": [{**mixture, "tag": [255]}]}, "tag of 'aa': wanted 192"),
        ({"mixture": [{**mixture, "tag": ["x"]}]}, "tag of 'aa': wanted 192"),
        ({"mixture": [{**mixture, "tag": []}]}, "tag of 'aa': wanted 1 to 8 bytes"),
        ({"mixture": [{**mixture, "tag": [192] * 9}]}, "tag of 'aa': wanted 1 to 8 bytes"),
        ({"mixture": [{**mixture, "tag": [192]}]}, "tag of 'aa': 0 bytes, but that of 'aa' has 1"),
        ({"evaluations": [{**evaluation, "tag": [192, 193]}]}, "2 bytes, but that of 'aa' has 0"),
        ({"corpus": str(tmp / "nowhere")}, "nowhere"),
        ({"resume": {"dir": str(tmp), "name": "ckpt-1", "tokens": 1}}, "ckpt-1"),
        ({"checkpoint": None}, "key 'checkpoint'"),
    ]
    for change, words in wrong:
        status, events, err = talk({"run": {**run, **change}})
        check(status not in (0, -11, -6) and words in err and len(events) == 1, f"{change}: {status} {err}")
    for text, words in ((b"hello\n", "not valid JSON"), (b'{"go":1}\n', "an order is"), (b"x" * 3_000_000, "longer than")):
        p = subprocess.run([TRAINER], input=text, capture_output=True, timeout=30)
        check(p.returncode == 1 or p.returncode == 2, p.returncode)
        check(words in p.stderr.decode(), p.stderr)
    for word, words in (("p3@100", "context is 100"), ("2x64x3", "64 over 3 heads"), ("p3@x", "'x' is no context")):
        p = subprocess.run([TRAINER, "--bench", word], capture_output=True, timeout=30)
        check(p.returncode == 2 and words in p.stderr.decode(), p.stderr)
    p = subprocess.run([TRAINER, "--bench", "p77"], capture_output=True, timeout=30)
    check(p.returncode == 2 and b"'p77' is not on the ladder" in p.stderr, p.stderr)


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        languages = {code: (sentences(seed, 200_000), sentences(seed, 220_000)[200_000:]) for seed, code in enumerate(("aa", "bb"))}
        corpus = make_corpus(tmp / "corpus", languages)
        test_hello()
        test_points(tmp, corpus)
        test_variants(tmp, corpus)
        test_schedules(tmp, corpus)
        test_warmup(tmp, corpus)
        test_tags(tmp, corpus)
        test_mixture(tmp, corpus)
        test_resume(tmp, corpus)
        test_stop_at_once(tmp, corpus)
        test_checkpoints(tmp, corpus)
        test_bench()
        test_diverged(tmp, corpus)
        test_end_of_file(tmp, corpus)
        test_wrong_orders(tmp, corpus)
    done()


main()
