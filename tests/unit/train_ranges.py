"""What isogloss-train scores: the ranges of a run, each from its own start, however they are packed; no byte FF."""
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from trainer import check, done, make_corpus, run_object, sentences, talk, train  # noqa: E402


def points(run, tmp, name, evaluations):
    events = train({**run, "dir": str(tmp), "evaluations": evaluations})
    return [e for e in events if e["event"] == "point"], events[-1]


def whole(ranges):
    return sum(n for shard in ranges for _, n in shard)


def evaluation(name, ranges):
    return {"name": name, "language": "aa", "bytes": whole(ranges), "shards": len(ranges), "ranges": ranges}


def main():
    with tempfile.TemporaryDirectory() as scratch:
        tmp = pathlib.Path(scratch)
        text = sentences(1, 120_000)
        held = text[100_000:100_500] + b"\xff" + text[100_501:]  # a page ends inside the first shard
        corpus = make_corpus(tmp / "corpus", {"aa": (text[:100_000], held)}, shards=4)
        run = run_object(corpus, tmp / "run", tokens=16384, points=[4096, 16384])

        # The shards of the corpus, said as ranges, give the same bits.
        each = 1000
        cuts = [len(held) * i // 4 for i in range(4)]
        plain = {"name": "aa", "language": "aa", "bytes": 4 * each, "shards": 4}
        a, end = points(run, tmp / "run", "a", [plain])
        b, _ = points(run, tmp / "run", "b", [evaluation("aa", [[[c, each]] for c in cuts])])
        check([(p["nats"], p["bytes"]) for p in a] == [(p["nats"], p["bytes"]) for p in b], "ranges like shards")
        check(a[0]["bytes"]["aa"] == [each - 1, each, each, each], f"the end of a page is not scored: {a[0]['bytes']}")
        t = run["tokens"] + 2 * 4 * 1024 / 3  # 16 windows of 64 hold 1000 bytes
        per_token = end["flops"] / t
        check(abs(per_token / (6 * (12288 + 256 * 32) + 6 * 64 * 32) - 1) < 1e-9, f"FLOPs of shards: {per_token}")

        # Pieces of many lengths: alone, together, in another order, with others before them.
        pieces = [[7, 1], [300, 63], [1000, 64], [2000, 65], [4000, 500], [9000, 129], [12000, 1], [15000, 700]]
        alone = {}
        for k, piece in enumerate(pieces):
            p, _ = points(run, tmp / "run", "c", [evaluation("aa", [[piece]])])
            alone[k] = [q["nats"]["aa"][0] for q in p]
        together, end = points(run, tmp / "run", "d", [evaluation("x", [[[50, 77]]]), evaluation("aa", [[p] for p in pieces])])
        turned, _ = points(run, tmp / "run", "e", [evaluation("aa", [[p] for p in pieces[::-1]])])
        for i in range(2):
            wanted = [alone[k][i] for k in range(len(pieces))]
            check(together[i]["nats"]["aa"] == wanted, f"packed together: {together[i]['nats']['aa']}, alone {wanted}")
            check(turned[i]["nats"]["aa"] == wanted[::-1], "in another order")
        scored = sum(-(-n // 64) * 64 for _, n in pieces + [[50, 77]])
        check(abs(end["flops"] / (per_token * (run["tokens"] + 2 * scored / 3)) - 1) < 1e-9, "FLOPs of whole windows")

        # Several pieces of a shard: their nats add up.
        p, _ = points(run, tmp / "run", "f", [evaluation("aa", [pieces[:3], pieces[3:]])])
        for i in range(2):
            sums = [sum(alone[k][i] for k in range(3)), sum(alone[k][i] for k in range(3, 8))]
            check(all(abs(x / y - 1) < 1e-12 for x, y in zip(p[i]["nats"]["aa"], sums)), "pieces of a shard")

        wrong = [
            (evaluation("aa", [[[len(held) - 10, 11]]]), "ends behind"),
            ({**evaluation("aa", [[[0, 10]]]), "shards": 2}, "1 lists of ranges"),
            (evaluation("aa", [[[0, 10]], []]), "shard 1 has no range"),
            ({**evaluation("aa", [[[0, 10]]]), "ranges": [[[0, 0]]]}, "a range is"),
            ({**evaluation("aa", [[[0, 10]]]), "ranges": [[[-1, 5]]]}, "a range is"),
            ({**evaluation("aa", [[[0, 10]]]), "ranges": [[7]]}, "a range is"),
            ({**evaluation("aa", [[[0, 10]]]), "ranges": [[["0", 10]]]}, "a range is"),
            (evaluation("aa", [[[held.index(b"\xff"), 1]]]), "shard 0 has no text"),
        ]
        for one, words in wrong:
            status, events, err = talk({"run": {**run, "evaluations": [one]}})
            check(status == 1 or status == 2, f"{one}: {status}")
            check(words in err and len(events) == 1, f"{one}: {err}")
    done()


main()
