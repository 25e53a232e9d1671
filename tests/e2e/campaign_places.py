"""What proxies cannot be: check names the condition that fails and what is nearest, at the key that says it."""
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]

with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    held = sentences(1, 320_000)[300_000:]
    make_corpus(pathlib.Path(name) / "corpus", {c: (sentences(k, 300_000), held) for k, c in enumerate(("aa", "bb"))})
    path = os.path.join(name, "a.yaml")

    def write(trainer="", tokens="[2M, 4M]", sizes="[p0, p3]"):
        pathlib.Path(path).write_text(
            f"isogloss: 1\nname: a\ncorpus: corpus\ntrainer: {{kind: proxy{trainer}}}\nsizes: {sizes}\ntokens: {tokens}\n"
            f"evaluate: {{points: 2, bytes: 8Ki}}\nfamilies:\n  - {{name: m, mixture: monolingual, languages: [aa, bb]}}\n")

    def refused(trainer, words, at="", **keys):
        """`at`: what stands at the line and column that are said."""
        write(trainer, **keys)
        if at:
            lines = pathlib.Path(path).read_text().split("\n")
            at = next(f"{n}:{line.index(at) + 1}:" for n, line in enumerate(lines, 1) if at in line)
        p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
        check(p.returncode == 2 and words in p.stderr and p.stderr.startswith(f"{path}:{at}"), (trainer, keys, at, p.stderr))

    refused(", batch_by_tokens: [{from: 1M, batch: 1000}]", "key 'batch': 1000 is not a multiple of the context, 128; nearest: 896 or 1024", "1000}")
    refused("", "d 50 is not a multiple of 16; nearest for proxies: d 64 for 4 heads", "4x50x4", sizes="[p0, 4x50x4]")
    refused("", "d 96 by heads 4 is 24, not a multiple of 16; nearest for proxies: d 64 or 128 for 4 heads, or heads 3 or 6", "4x96x4", sizes="[4x96x4]")
    refused("", "d 64 is not divisible by heads 3; nearest for proxies: d 48 or 96 for 3 heads, or heads 2 or 4", "64, heads", sizes="[{layers: 1, d: 64, heads: 3}]")
    refused("", "d 32 by heads 4 is 8, not a multiple of 16; nearest for proxies: d 64 for 4 heads, or heads 2", "32, heads", sizes="[{layers: 1, d: 32, heads: 4}]")
    refused("", "layers 65 is too many for proxies; nearest: 64", "65, d", sizes="[{layers: 65, d: 32, heads: 1}]")
    refused("", "d 4112 is too many for proxies; nearest: 4096", "1x4112x1", sizes="[1x4112x1]")
    refused("", "heads 272 is too many for proxies; nearest: 256", "1x4096x272", sizes="[1x4096x272]")
    refused(", context: 100", "key 'context': found 100, allowed for proxies: a multiple of 32, at most 4096; nearest: 96 or 128", "100}")
    refused(", context: 9000", "nearest: 4096", "9000}")
    refused(", context: 8", "nearest: 32", "8}")
    refused(", batch: 1000", "key 'batch': 1000 is not a multiple of the context, 128; nearest: 896 or 1024", "1000}")
    refused(", batch: 1234567", "key 'batch': 1234567 is not a multiple of the context, 128; nearest: 1234560 or 1234688", "1234567}")
    refused(", context: 2048, batch: 1024", "key 'batch': 1024 is not a multiple of the context, 2048; nearest: 2048", "1024}")
    refused(", context: 1024, batch_by_size: [{from: 90k, batch: 2048}]", "key 'batch': 512 is not a multiple of the context, 1024; nearest: 1024", "[{from")
    for vary, words, at in (("context: [64, 100]", "key 'context': found 100", "100]"), ("batch: [512, 1000]", "key 'batch': 1000 is not", "1000]"),
                            ("batch: [512, 1000], lr: [1, 2], context: [64, 128]", "of the context, 64; nearest: 960 or 1024", "1000]")):
        write()
        text = pathlib.Path(path).read_text().replace("languages: [aa, bb]}", "languages: [aa], vary: {" + vary + "}}")
        pathlib.Path(path).write_text(text)
        line = text.split("\n")[-2]
        p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
        check(p.returncode == 2 and words in p.stderr and p.stderr.startswith(f"{path}:9:{line.index(at) + 1}:"), (vary, p.stderr))
    pathlib.Path("rows.csv").write_text("size,tokens,mixture,batch\np0,4M,aa,\n4x96x4,4M,aa,640\n")
    write()
    text = pathlib.Path(path).read_text().replace("mixture: monolingual, languages: [aa, bb]}", "runs: rows.csv}")
    pathlib.Path(path).write_text(text)
    p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
    check(p.returncode == 2 and "rows.csv:3:1: d 96 by heads 4 is 24" in p.stderr, p.stderr)
    pathlib.Path("rows.csv").write_text("size,tokens,mixture,batch\np0,4M,aa,\np3,4M,aa,650\n")
    p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
    check(p.returncode == 2 and "rows.csv:3:10: column 'batch': 650 is not a multiple of the context, 128; nearest: 640 or 768" in p.stderr, p.stderr)
    for unique, words, at in (("100", "100 unique bytes in family 'm', fewer than one context of 128; nearest: unique 128, or context 96", "unique: 100"),
                              ("20", "nearest: unique 128", "unique: 20")):
        write()
        text = pathlib.Path(path).read_text().replace("families:", f"unique: {unique}\nfamilies:")
        pathlib.Path(path).write_text(text)
        p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
        check(p.returncode == 2 and words in p.stderr and p.stderr.startswith(f"{path}:8:9:"), (unique, p.stderr))
done()
