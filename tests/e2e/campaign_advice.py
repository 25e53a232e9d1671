"""What check and plan advise about proxies: warm-ups, batches, steps, evaluations."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from trainer import check, done, make_corpus, sentences

ISOGLOSS = os.environ["ISOGLOSS"]


def run(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=60)
    check(p.returncode == 0 and not p.stderr, (args, p.stderr))
    check("--json" in args or max(map(len, p.stdout.splitlines())) <= 80, p.stdout)
    return " ".join(p.stdout.split())


def advice(path):
    """[(kind, text)] of plan; check must say the same, and text says what JSON says."""
    rows = [(a["kind"], a["text"]) for a in json.loads(run("plan", "--json", path))["advice"]]
    checked = json.loads(run("check", "--json", path))["campaigns"][0]["advice"]
    check([(a["kind"], a["text"]) for a in checked] == rows, (rows, checked))
    plan, good = (run("plan", path), run("check", path)) if rows else ("", "")
    for kind, text in rows:
        check(f"{kind}: {text}" in plan, (kind, text, plan))
        check(f"{kind}: {text}" in good, (kind, text, good))
    return rows


def has(rows, kind, *words):
    """Exactly one piece of advice has all words; it is of that kind."""
    found = [k for k, text in rows if all(w in text for w in words)]
    check(found == [kind], f"wanted one {kind} with {words}: {rows}")


with tempfile.TemporaryDirectory() as name:
    os.chdir(name)
    held = sentences(1, 320_000)[300_000:]
    make_corpus(pathlib.Path(name) / "corpus", {c: (sentences(k, 300_000), held) for k, c in enumerate(("aa", "bb"))})
    path = os.path.join(name, "a.yaml")

    def write(trainer="", tokens="[2M, 4M]", evaluate="points: 2, bytes: 8Ki", sizes="[p0, p3]"):
        pathlib.Path(path).write_text(
            f"isogloss: 1\nname: a\ncorpus: corpus\ntrainer: {{kind: proxy{trainer}}}\nsizes: {sizes}\ntokens: {tokens}\n"
            f"evaluate: {{{evaluate}}}\nfamilies:\n  - {{name: m, mixture: monolingual, languages: [aa, bb]}}\n")

    def campaign(*args, **keys):
        write(*args, **keys)
        return advice(path)

    def refused(trainer, words):
        write(trainer)
        p = subprocess.run([ISOGLOSS, "check", path], capture_output=True, text=True, timeout=60)
        check(p.returncode == 2 and words in p.stderr and p.stderr.startswith(path), (trainer, p.stderr))

    check(campaign() == [], "an ordinary campaign needs no advice")

    # warm-up: a constant number of tokens, 100k unless said otherwise
    settings = json.loads(run("plan", "--json", "--runs", path))["run_list"][0]["settings"]
    check(settings["warmup"] == 100000, settings)
    has(campaign(", batch: 128", "[80k, 199k, 200k, 1M]"), "warning", "warm-up takes more than half of 8 of 16 runs",
        "100k of 80k", "Lower 'warmup'")
    check(not campaign(", batch: 128", "[200k, 1M]"), "half of a run is not too much")
    has(campaign(", warmup: 0.05"), "note", "share of the run", "exponent of D")
    check(not campaign(", warmup: 0.05", "2M"), "a share of one budget")
    has(campaign(", warmup: 0.6", "2M"), "warning", "more than half of 4 of 4 runs")

    # batch: constant, or by size; by tokens only with a warning, in run, too
    batches = lambda: {(r["shape"]["d"], r["shape"]["layers"], r["tokens"]): r["settings"]["batch"]
                       for r in json.loads(run("plan", "--json", "--runs", path))["run_list"]}
    by_tokens = ", batch: 512, batch_by_tokens: [{from: 4M, batch: 2Ki}, {from: 2M, batch: 1024}]"
    has(campaign(by_tokens, "[1M, 2M, 3M, 4M]"), "warning", "batch follows the budget", "512 to 2048 tokens", "exponent of D")
    check({t: b for (_, _, t), b in batches().items()} == {1e6: 512, 2e6: 1024, 3e6: 1024, 4e6: 2048}, batches())
    check(not campaign(by_tokens, "[2M, 3M]"), "no budget reaches the next batch")
    check(not campaign(", batch: 512, batch_by_size: [{from: 98304, batch: 2048}]", "4M", sizes="[p0, p3, p4]"), "by size")
    check(batches() == {(32, 1, 4e6): 512, (64, 2, 4e6): 2048, (64, 4, 4e6): 2048}, batches())
    check(not campaign(", batch: 512, batch_by_size: [{from: 1M, batch: 2048}]", "2M"), "no size reaches the next batch")
    has(campaign("", "[500k, 511700, 512k, 2M]"), "note", "4 of 16 runs have fewer than 1000 optimiser steps", "977, 500k tokens")
    refused(", batch_by_tokens: [{from: 1M, batch: 512}, {from: 1000k, batch: 1024}]", "'from: 1000000' is given twice")
    refused(by_tokens + ", batch_by_size: [{from: 1, batch: 512}]", "one of 'batch_by_tokens' and 'batch_by_size'")
    refused(", batch_by_tokens: [{from: 1M, batch: 1000}]", "key 'batch': 1000 is not a multiple of the context, 128; nearest: 896 or 1024")
    refused(", batch_by_tokens: [{from: 1M}]", "key 'batch' is missing")
    refused(", batch_by_tokens: {1M: 1024}", "allowed: a list")

    # what a family varies, or a file states, wins over the rule; a sweep of all budgets bends nothing
    write(by_tokens, "[1M, 4M]", sizes="[p0]")
    text = pathlib.Path(path).read_text()
    pathlib.Path(path).write_text(text.replace("languages: [aa, bb]}", "languages: [aa], vary: {batch: [256, 4Ki]}}"))
    listed = json.loads(run("plan", "--json", "--runs", path))["run_list"]
    check(sorted((r["tokens"], r["settings"]["batch"]) for r in listed) ==
          [(1e6, 256), (1e6, 4096), (4e6, 256), (4e6, 4096)], listed)
    pathlib.Path("rows.csv").write_text("size,tokens,mixture,batch\np0,4M,aa,\np0,8M,aa,640\n")
    pathlib.Path(path).write_text(text.replace("mixture: monolingual, languages: [aa, bb]}", "runs: rows.csv}"))
    listed = json.loads(run("plan", "--json", "--runs", path))["run_list"]
    check([r["settings"]["batch"] for r in listed] == [2048, 640], listed)

    # run warns once, when the store is made
    pathlib.Path("s.yaml").write_text(
        "isogloss: 1\nname: s\ncorpus: {languages: {aa: {train_bytes: 9M, held_bytes: 1M}}}\ntokens: [1M, 2M]\nsizes: [p0]\n"
        "trainer: {kind: synthetic, law: {E: 1, A: 9, B: 9, alpha: 0.3, beta: 0.3}, batch_by_tokens: [{from: 2M, batch: 2048}]}\n"
        "families:\n  - {name: m, mixture: monolingual, languages: aa}\n")
    for said in (1, 0):
        p = subprocess.run([ISOGLOSS, "run", "s.yaml"], capture_output=True, text=True, timeout=60)
        check(p.returncode == 0 and p.stderr.count("bends the exponent of D") == said, p.stderr)

    # a fit takes a batch that follows the size; one that follows the budget only when it is told to
    law = "kind: synthetic, law: {E: 1, A: 300, B: 900, alpha: 0.35, beta: 0.33}, noise: {run: 0.01}"
    for rule, words in (("batch_by_size: [{from: 90k, batch: 2048}]", None), ("batch_by_tokens: [{from: 2M, batch: 2048}]", "batch (2 values: 512, 2048)")):
        store = rule.split(":")[0]
        pathlib.Path("f.yaml").write_text(
            f"isogloss: 1\nname: {store}\ncorpus: {{languages: {{aa: {{train_bytes: 99M, held_bytes: 1M}}}}}}\ntokens: [1M, 2M, 4M, 8M]\n"
            f"sizes: [p0, p1, p2, p3, p4]\nseeds: 2\ntrainer: {{{law}, {rule}}}\nfamilies:\n  - {{name: m, mixture: monolingual, languages: aa}}\n")
        p = subprocess.run([ISOGLOSS, "run", "f.yaml"], capture_output=True, text=True, timeout=60)
        check(p.returncode == 0, p.stderr)
        fit = lambda *more: subprocess.run([ISOGLOSS, "fit", f"{store}.h5", "--bootstrap", "20", *more], capture_output=True, text=True, timeout=60)
        p = fit()
        check((p.returncode == 0) == (words is None) and (words or "") in p.stderr, (rule, p.returncode, p.stdout, p.stderr))
        check(words is None or fit("--pool").returncode == 0, rule)

    # evaluation: at most a fifth of the FLOPs, and no more than there is
    has(campaign("", "2M", "points: 60, bytes: 16Ki"), "warning", "evaluation takes 25 % of all FLOPs", "scope: trained")
    check(not campaign("", "2M", "points: 40, bytes: 16Ki"), "18 % are not too much")
    has(campaign("", "4M", "points: 2, bytes: 64Ki"), "note", "2 of 2 evaluations have less held-out text than the 65.5k bytes",
        "20k bytes of aa")

    # a context longer than what is scored of a shard: 8Ki in 16 shards, or 20k bytes of text
    has(campaign(", context: 1024", "4M"), "note", "a context of 1024 is longer", "in 2 of 2 evaluations (the least: 512 bytes of aa)",
        "Nearest: a 'context' of at most 512, or 'bytes' of 'evaluate' of at least 16384.")
    check(not campaign(", context: 512", "4M"), "as long as a shard")
    has(campaign(", context: 2048", "8M", evaluate="points: 2, bytes: 20000"), "note", "the least: 1250 bytes of aa",
        "Nearest: a 'context' of at most 1248, or at most about 9 'shards' of at least 18432 'bytes' together.")
    has(campaign("", "4M", evaluate="points: 2, bytes: 320"), "note", "the least: 20 bytes", "Nearest: 'bytes' of 'evaluate' of at least 2048.")

    # few steps: a smaller batch only where there is one
    has(campaign(", batch: 1024", "512k"), "note", "at batch 1024). Small runs want steps: more 'tokens', or a smaller 'batch'.")
    has(campaign(", context: 512, batch: 512", "500k"), "note", "or a shorter 'context' and with it a smaller 'batch' (which is one sequence already).")
    has(campaign(", context: 32, batch: 32, warmup: 4k", "31k", evaluate="points: 2, bytes: 2k"), "note", "more 'tokens' (a batch is one sequence already).")

    # any shape by its numbers
    campaign(sizes="[4x48x3]")
    shape = json.loads(run("plan", "--json", "--runs", path))["run_list"][0]["shape"]
    check((shape["layers"], shape["d"], shape["heads"]) == (4, 48, 3), shape)
    check("4x48x3" in run("plan", path), "the plan names it")
done()
