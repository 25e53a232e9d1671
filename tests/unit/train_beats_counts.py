"""A trained model knows more of held-out text than counts of single bytes and of pairs do."""

import math
import os
import pathlib
import sys
import tempfile
from collections import Counter

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from trainer import bpb, check, done, make_corpus, run_object, sentences, train


def counts_bpb(train_text, held, order):
    """Bits per byte of the best add-d smoothed counts of `order` bytes before each byte."""
    context, full = Counter(), Counter()
    for i in range(order, len(train_text)):
        context[train_text[i - order : i]] += 1
        full[train_text[i - order : i + 1]] += 1
    best = math.inf
    for d in (1e-3, 1e-2, 0.1):
        nats = sum(math.log((full[held[i - order : i + 1]] + d) / (context[held[i - order : i]] + 256 * d))
                   for i in range(order, len(held)))
        best = min(best, -nats / (len(held) - order) / math.log(2))
    return best


def main():
    text = sentences(7, 420_000, letters=5, words=40)
    seen, held = text[:400_000], text[400_000:]
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        corpus = make_corpus(tmp / "corpus", {"aa": (seen, held)})
        sizes = {"small": {"layers": 1, "d": 32, "heads": 1}, "larger": {"layers": 2, "d": 32, "heads": 1}}
        loss = {}
        for label, shape in sizes.items():
            run = run_object(corpus, tmp / label, shape=shape, settings={"batch": 256}, tokens=400_000, points=[100_000, 400_000],
                             mixture=[{"language": "aa", "weight": 1, "unique_bytes": 400_000}],
                             evaluations=[{"name": "aa", "language": "aa", "bytes": 16384, "shards": 16}])
            events = train(run)
            loss[label] = [bpb(p, "aa") for p in events[:-1]]
    unigram, pairs = counts_bpb(seen, held, 0), counts_bpb(seen, held, 2)
    print(f"order 0: {unigram:.3f}, order 2: {pairs:.3f} bit/byte; trained: {loss}")
    check(loss["small"][-1] < unigram - 1, "better than single bytes")
    check(loss["larger"][-1] < pairs - 0.1, "better than what two bytes say of the next")
    check(all(l[-1] < l[0] for l in loss.values()), "falls with data")
    check(loss["larger"][-1] < loss["small"][-1], "falls with size")
    done()


main()
