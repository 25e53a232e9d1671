#!/usr/bin/env python3
"""A corpus of made-up text for tests: the same bytes on every machine, no network, a second of time.

usage: make_corpus.py DIR [--languages en,de,ru,el,ja] [--bytes N] [--shards N]

Languages differ in alphabet and lexicon; `de` takes two thirds of its words from `en` with some
letters changed, so that one helps the other. Words follow Zipf's law and each word has preferred
followers, so a model has something to learn beyond letter frequencies. Needs $ISOGLOSS, or isogloss
in the PATH. An existing DIR made the same way is left as it is.
"""
import argparse
import bisect
import itertools
import os
import random
import subprocess
import sys
import tempfile

LATIN = "etaoinshrdlucmfwypvbgkjqxz"
ALPHABETS = {  # code: name, script, family, letters from frequent to rare
    "en": ("English-like", "Latn", "alpha", LATIN),
    "de": ("German-like", "Latn", "alpha", "enisratdhulcgmobwfkzvpüäößjyxq"),
    "ru": ("Russian-like", "Cyrl", "beta", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэф"),
    "el": ("Greek-like", "Grek", "gamma", "αοιετσνηυρπκμλωδγχθφβξζψ"),
    "ja": ("Japanese-like", "Jpan", "delta", "のにはをたがでてとしれさあるいもなうか。こ日人年大本中"),
    "eu": ("Basque-like", "Latn", "epsilon", "aeintrkouzldbsghmpxjfc"),
}
WORDS, FOLLOWERS = 1500, 6


def zipf(n, s=1.0):
    return list(itertools.accumulate(1 / (i + 1) ** s for i in range(n)))


def draw(rng, cumulative):
    return bisect.bisect_left(cumulative, rng.random() * cumulative[-1])


def make_lexicon(rng, letters):
    """Words from an order-1 letter chain: every letter has a few likely next letters."""
    start = zipf(len(letters), 0.7)
    after = {c: rng.sample(letters, 7) for c in letters}
    step = zipf(7)
    words = {}  # keeps the order: frequent words come from frequent beginnings
    while len(words) < WORDS:
        word = letters[draw(rng, start)]
        while len(word) < 2 or rng.random() < 0.72:
            word += after[word[-1]][draw(rng, step)]
        words[word[:14]] = True
    return list(words)


def related(rng, words, own):
    change = str.maketrans("tdkwz", "dtgvs")
    return [w.translate(change) if rng.random() < 2 / 3 else o for w, o in zip(words, own)]


def text_of(code, lexicon, size):
    """KEY<TAB>TEXT lines; keys are the same in every language, as if they were translations."""
    rng = random.Random("text " + code)
    common, step = zipf(WORDS), zipf(FOLLOWERS)
    followers = [[draw(rng, common) for _ in range(FOLLOWERS)] for _ in range(WORDS)]
    lines, total, page = [], 0, 0
    while total < size:
        for unit in range(rng.randint(4, 12)):
            w, sentence = draw(rng, common), []
            for _ in range(rng.randint(5, 16)):
                sentence.append(lexicon[w])
                w = followers[w][draw(rng, step)] if rng.random() < 0.7 else draw(rng, common)
            text = " ".join(sentence).capitalize() + "."
            total += len(text.encode()) + 1
            lines.append(f"page{page:05d}#{unit}\t{text}\n")
        page += 1
    return "".join(lines)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--languages", default="en,de,ru,el,ja")
    p.add_argument("--bytes", type=int, default=250_000)
    p.add_argument("--shards", type=int, default=16)
    a = p.parse_args()
    codes = a.languages.split(",")
    lexicon = {c: make_lexicon(random.Random("lexicon " + c), v[3]) for c, v in ALPHABETS.items()}
    lexicon["de"] = related(random.Random("relation"), lexicon["en"], lexicon["de"])
    with tempfile.TemporaryDirectory() as tmp:
        manifest = [f"name: made-up\nlicence: none\nkeys: column\nshards: {a.shards}\nheld_fraction: 0.12\nlanguages:\n"]
        for code in codes:
            name, script, family, _ = ALPHABETS[code]
            with open(f"{tmp}/{code}.txt", "w", encoding="utf-8") as f:
                f.write(text_of(code, lexicon[code], a.bytes))
            manifest.append(f"  - {{code: {code}, name: {name}, script: {script}, family: {family}, files: {code}.txt}}\n")
        with open(f"{tmp}/manifest.yaml", "w", encoding="utf-8") as f:
            f.writelines(manifest)
        isogloss = os.environ.get("ISOGLOSS", "isogloss")
        sys.exit(subprocess.run([isogloss, "corpus", "build", "-o", a.dir, f"{tmp}/manifest.yaml"]).returncode)


main()
