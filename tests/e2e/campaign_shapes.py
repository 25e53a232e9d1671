"""Shapes off the ladder from the campaign to a result, and one that no machine can hold."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]


def isogloss(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=100)
    return p.returncode, p.stdout, p.stderr


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    text = sentences(1, 66_000)
    make_corpus(pathlib.Path("corpus"), {"aa": (text[:60_000], text[60_000:])})

    def campaign(name, shape, context):
        pathlib.Path(f"{name}.yaml").write_text(
            f"isogloss: 1\nname: {name}\ncorpus: corpus\nsizes: [{shape}]\ntokens: [4096]\n"
            f"trainer: {{kind: proxy, context: {context}, batch: {max(256, context)}, warmup: 1k}}\n"
            "evaluate: {points: 1, bytes: 2Ki, shards: 2}\nfamilies:\n  - {name: m, mixture: monolingual, languages: aa}\n")

    # head widths 16, 32, 48, 64, 112; contexts 32 to 2048; 1 to 64 layers
    for i, (shape, context) in enumerate((("1x16x1", 32), ("64x16x1", 32), ("3x48x1", 64), ("2x80x5", 128), ("1x112x1", 256),
                                          ("1x64x1", 512), ("1x32x1", 2048))):
        campaign(f"c{i}", shape, context)
        code, out, err = isogloss("run", "-j", "1", f"c{i}.yaml")
        check(code == 0 and "1 of 1 run done" in out, (shape, context, err))
        rows = isogloss("export", f"c{i}.h5")[1].splitlines()
        check(len(rows) == 2, (shape, context, rows))

    for shape, context, words in (("65x16x1", 32, "layers 65 is too many for proxies; nearest: 64"), ("1x40x1", 32, "d 40 is not a multiple of 16"),
                                  ("2x64x3", 32, "d 64 is not divisible by heads 3"), ("1x64x1", 48, "a multiple of 32"),
                                  ("1x64x1", 8192, "at most 4096"), ("2x64", 32, "LAYERSxDxHEADS")):
        campaign("bad", shape, context)
        code, _, err = isogloss("check", "bad.yaml")
        check(code == 2 and words in err and err.startswith("bad.yaml:"), (shape, context, err))

    # what cannot fit is said before any training, with how much it needs
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < 300e9:  # the largest shape needs 328 GB
        campaign("big", "64x4096x256", 4096)
        code, out, err = isogloss("run", "big.yaml")
        check(code == 3 and "1 failed" in out, (code, out, err))
        code, out, err = isogloss("status", "big.h5")
        said = " ".join(out.split())
        check(re.search(r"\d [GT]B of memory to train, and this machine has", said), out)
done()
