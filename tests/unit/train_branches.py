"""Branches, bit for bit: a trunk cut into parts, and budgets cooled from it, are the ordinary runs of these budgets."""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from trainer import check, describe, done, make_corpus, results, run_object, sentences, talk, train

MIXTURE = [{"language": "aa", "weight": 0.75, "unique_bytes": 10000}, {"language": "bb", "weight": 0.25, "unique_bytes": 32768}]
SETTINGS = {"warmup": 3000, "decay": 0.15, "batch": 1024}
BUDGETS = [10000, 20500, 33001]  # no decay begins at a whole number of steps before it is rounded down
PER_TOKEN = 6 * (12 * 32**2 + 256 * 32) + 6 * 64 * 32
EVALUATION = 4096 / 3


def cut_of(budget):
    return int(budget * 0.85) // 1024 * 1024


def flops(events, tokens, points):
    return abs(events[-1]["flops"] / (PER_TOKEN * (tokens + points * EVALUATION)) - 1) < 1e-12


def same_points(plain, branched):
    """All but the run's id: tokens, states, bytes seen, nats of every shard."""
    return [{**p, "run": 0} for p in plain] == [{**p, "run": 0} for p in branched]


def points_of(events):
    return [e for e in events if e["event"] == "point"]


def test_same_bits(tmp, corpus, numerics):
    trunk, before = None, 0
    for i, budget in enumerate(BUDGETS):
        def run(kind, **changes):
            return run_object(corpus, tmp / f"{numerics}-{kind}-{i}", id=f"{kind.encode().hex():0<31}{i}", mixture=MIXTURE,
                              numerics=numerics, settings=SETTINGS, **changes)

        cut = cut_of(budget)
        points = [before + 1024, before + 3000, cut, cut + 1, cut + 1100, budget]
        whole = train(run("whole", tokens=budget, points=points))
        part = run("part", tokens=cut, points=points[:3], schedule="constant", trunk=trunk, checkpoint={"every_s": 0, "final": True})
        stable = train(part)
        check(stable[-2]["event"] == "checkpoint" and stable[-2]["tokens"] == cut, stable[-2])
        check(points_of(stable)[-1]["lr_state"] == "stable", stable)
        trunk = {"id": part["id"], "dir": part["dir"], "name": stable[-2]["name"], "tokens": cut}
        cooled = run("cooled", tokens=budget, points=points[3:], trunk=trunk)
        events = train(cooled)
        check([p["lr_state"] for p in points_of(events)] == ["decay", "decay", "end"], events)
        check(same_points(points_of(whole), points_of(stable) + points_of(events)), f"{numerics}, {budget} tokens")
        check(flops(whole, budget, 6) and flops(stable, cut - before, 3) and flops(events, budget - cut, 3),
              "a part or branch costs what it adds")
        before = cut
    return cooled, events


def test_resumed(tmp, run, events):
    """A branch that is stopped goes on as if it had not been; its trunk's share stays out of its cost."""
    (tmp / "stopped").mkdir()
    _, stopped, _ = talk({"run": {**run, "dir": str(tmp / "stopped")}}, {"stop": "checkpoint"})
    check(stopped[-1]["outcome"] == "stopped" and stopped[-1]["tokens"] == cut_of(BUDGETS[-1]) + 1024, stopped)
    check(flops(stopped, 1024, len(points_of(stopped))), stopped[-1])
    resume = {"dir": str(tmp / "stopped"), "name": stopped[-2]["name"], "tokens": stopped[-2]["tokens"]}
    again = train({**run, "attempt": 2, "resume": resume})
    check(results(points_of(stopped) + again) == results(events), "stopped in a branch and resumed")


def test_wrong_trunks(run):
    trunk = run["trunk"]
    wrong = [
        ({"id": "e" * 32}, "wanted run eeee"),
        ({"tokens": trunk["tokens"] - 1024}, "the trunk ends at"),
        ({"tokens": 1000}, "whole steps of 1024"),
        ({"tokens": 0}, "whole steps of 1024"),
        ({"tokens": 34816}, "fewer than the run's 33001"),
        ({"name": "ckpt-1"}, "ckpt-1"),
        ({"id": None}, "key 'id'"),
    ]
    for change, words in wrong:
        status, events, err = talk({"run": {**run, "trunk": {**trunk, **change}}})
        check(status not in (0, -11, -6) and words in err and len(events) == 1, f"{change}: {status} {err}")


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        languages = {code: (sentences(seed, 100_000), sentences(seed, 120_000)[100_000:]) for seed, code in enumerate(("aa", "bb"))}
        corpus = make_corpus(tmp / "corpus", languages)
        names = ["generic-2", "avx2-2", "avx512-2"]
        for numerics in names[: names.index(describe()["numerics"]) + 1]:
            run, events = test_same_bits(tmp, corpus, numerics)
        test_resumed(tmp, run, events)
        test_wrong_trunks(run)
    done()


main()
