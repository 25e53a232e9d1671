"""Bits per character and unigram-normalised loss: the constants in the store are those of an independent count,
fits in other metrics are the same fit with other units, and who does not know the text says why."""
import csv
import io
import itertools
import json
import math
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, SOURCE, check, done, isogloss, made_corpus, scratch, skip, store  # noqa: E402

try:
    import h5py
    from jsonschema import Draft202012Validator
except ImportError as e:
    skip(str(e))

corpus = made_corpus("de,ru,ja", 200000)
campaign, runs = (os.path.join(scratch, n) for n in ("c.yaml", "c.h5"))
BYTES, SHARDS = 1003, 4  # cuts characters in the middle
with open(campaign, "w", encoding="ascii") as f:
    f.write(f"""
isogloss: 1
name: metrics
seed: 1
corpus: {corpus}
trainer: {{kind: proxy, context: 64}}
sizes: [{{layers: 1, d: 16, heads: 1}}, {{layers: 1, d: 32, heads: 1}}, {{layers: 2, d: 32, heads: 1}}]
tokens: [16k, 32k, 64k, 128k]
evaluate: {{languages: [de, ru, ja], scope: trained, points: 1, bytes: {BYTES * SHARDS}, shards: {SHARDS}}}
families: [{{name: mono, mixture: monolingual, languages: [de, ru, ja]}}]
""")
isogloss("run", "-j", "1", "-o", runs, campaign)


def evaluated(code):
    """The scored bytes of every shard, from the files alone."""
    with open(os.path.join(corpus, "index.json"), encoding="utf-8") as f:
        index = json.load(f)
    cuts = next(x for x in index["languages"] if x["code"] == code)["held"]["shard_offset"]
    with open(os.path.join(corpus, code + ".held"), "rb") as f:
        held = f.read()
    k = index["shards"] // SHARDS
    return [held[cuts[s * k]:min(cuts[s * k + k], cuts[s * k] + BYTES)] for s in range(SHARDS)]


def costs(code):
    with open(os.path.join(corpus, code + ".train"), "rb") as f:
        text = f.read()
    return [-math.log2((text.count(bytes([b])) + 1) / (len(text) + 256)) for b in range(256)]


constants = {}
with h5py.File(runs) as f:
    group = f["evaluations"]
    names = list(group["evaluation"].asstr())
    for e, code in enumerate(names):
        shards, cost = evaluated(code), costs(code)
        characters = [sum(1 for b in s if b >> 6 != 2) for s in shards]
        bits = [sum(cost[b] for b in s) for s in shards]
        check(list(group["shard_scored_bytes"][e]) == [len(s) for s in shards], f"{code}: bytes {group['shard_scored_bytes'][e]}")
        check(list(group["shard_characters"][e]) == characters, f"{code}: characters {group['shard_characters'][e]}, {characters}")
        check(all(abs(a / b - 1) < 1e-12 for a, b in zip(group["shard_unigram_bits"][e], bits)), f"{code}: unigram")
        check(group["scored_bytes"][e] == sum(map(len, shards)) and group["characters"][e] == sum(characters), f"{code}: sums")
        check(abs(group["unigram_bits"][e] / sum(bits) - 1) < 1e-12 and group["pages"][e] == 0, f"{code}: sum of bits")
        constants[code] = (sum(map(len, shards)) / sum(characters), sum(bits) / sum(map(len, shards)))
        # bits of the shards add up to those of the evaluation
        own = [r for r in range(len(f["points/loss"])) if not math.isnan(f["points/loss"][r, 0, e])]
        for r in own:
            total = sum(float(x) * len(s) for x, s in zip(f["points/shard_loss"][r, 0, e], shards))
            check(abs(total / (f["points/loss"][r, 0, e] * sum(map(len, shards))) - 1) < 1e-6, f"{code}: shards of run {r}")
        check(len(own) == 12, f"{code}: {len(own)} runs")
check(constants["ja"][0] > 2.4 and 1.7 < constants["ru"][0] < 2 and 1 < constants["de"][0] < 1.1, f"bytes a character: {constants}")
cut = evaluated("ja")[0]
check(cut[-1] >> 6 == 2 or cut[-1] >= 0xC0, "a shard ends inside a character")

rows = list(csv.DictReader(io.StringIO(isogloss("export", runs))))
for row in rows:
    a, b = constants[row["evaluation"]]
    check(abs(float(row["bytes_per_character"]) / a - 1) < 1e-12 and abs(float(row["unigram_loss"]) / b - 1) < 1e-12, f"columns: {row}")
check("bytes_per_page" not in rows[0], "no pages, no column")

# Losses that lie exactly on a law, with noise that is no multiple of anything.
tidy = os.path.join(scratch, "tidy.csv")
with open(tidy, "w", encoding="ascii", newline="") as f:
    out = csv.DictWriter(f, rows[0].keys())
    out.writeheader()
    first = {row["evaluation"]: row for row in rows if row["is_final"] == "1"}
    for k, (row, i, j) in enumerate(itertools.product(first.values(), range(6), range(6))):
        n, d = 1e4 * 3 ** i, 1e5 * 4 ** j
        loss = (1.1 + 60 / n ** .4 + 900 / d ** .6) * (1 + .001 * math.sin(7 * k + k * k))
        out.writerow({**row, "run_id": k, "cluster_id": k, "N_params": n, "D_tokens": d, "loss": repr(loss)})


def fit(*args, status=0):
    return json.loads(isogloss("fit", tidy, *args, "--json", status=status))


BASE = ["--target", "ja", "--bootstrap", "200", "--seed", "3"]
plain = fit(*BASE)
named = fit(*BASE, "--metric", "bits-per-byte")
check(named["parameters"] == plain["parameters"] and named["selection"]["metric"] == "bits-per-byte", "bits per byte is what is stored")
ratio, unigram = constants["ja"]
character = fit(*BASE, "--metric", "bits-per-character")
check(character["selection"]["unit"] == "bit/character", f"unit: {character['selection']['unit']}")
for name in ("alpha", "beta", "A", "B", "E"):
    factor = ratio if name in "ABE" else 1
    for key in ("estimate", "lo", "hi", "se"):
        a, b = plain["parameters"][name][key], character["parameters"][name][key]
        check(abs(b / (a * factor) - 1) < (1e-7 if key == "estimate" else 1e-4), f"bits per character, {name} {key}: {b}, wanted {a * factor}")
below = fit(*BASE, "--metric", "unigram", "--at", "C=1e10", "--forecast", "N=100k,D=1M", "--rivals", "none", "--profile", "E")
plain = fit(*BASE, "--at", "C=1e10", "--forecast", "N=100k,D=1M", "--rivals", "none", "--profile", "E")
check(below["selection"]["unit"] == "bit/byte minus unigram" and abs(below["selection"]["offset"] + unigram) < 1e-12, below["selection"])
for name, number in plain["parameters"].items():
    for key in ("estimate", "lo", "hi", "se"):
        wanted = number[key] - (unigram if name == "E" and key != "se" else 0)
        check(abs(below["parameters"][name][key] - wanted) <= 1e-12 * abs(wanted), f"unigram, {name} {key}")
with open(os.path.join(SOURCE, "schemas", "fit.schema.json"), encoding="utf-8") as f:
    schema = json.load(f)
for result in (named, character, below):
    complaints = [e.message[:200] for e in Draft202012Validator(schema).iter_errors(result)]
    check(not complaints, f"schema: {complaints}")
wanted = {k: plain["parameters"]["E"]["profile"][k] - unigram for k in ("lo", "hi")}
check(all(abs(below["parameters"]["E"]["profile"][k] - v) < 1e-12 for k, v in wanted.items()), "profile of E")
for part in ("optima", "forecasts"):
    a, b = plain[part][0]["loss"], below[part][0]["loss"]
    a, b = (a["estimate"], b["estimate"]) if part == "optima" else (a, b)
    check(abs(a - unigram - b) < 1e-12, f"{part}: {a} {b}")
check(plain["derived"] == below["derived"], "what E has no part in")

# The unit is in every output.
for metric, unit in (("bits-per-character", "bit/character"), ("unigram", "bit/byte minus unigram")):
    args = ["fit", tidy, "--target", "ja", "--bootstrap", "0", "--metric", metric]
    text = isogloss(*args)
    check(unit in text and max(map(len, text.splitlines())) <= 80, f"text: {text}")
    check({r["loss_unit"] for r in csv.DictReader(io.StringIO(isogloss(*args, "--format", "csv")))} == {unit}, f"csv of {metric}")
    for style in ("latex", "markdown"):
        check(f"losses in {unit}" in isogloss(*args, "--format", style), f"{style} of {metric}")
    isogloss(*args, "-o", os.path.join(scratch, "fit.json"))
    said = " ".join(isogloss("methods", os.path.join(scratch, "fit.json")).split())
    check(f"in {unit}" in said and f"--metric {metric}" in said, f"methods: {said}")

# The store itself: each language by its own constants.
for metric, field in (("bits-per-character", 0), ("unigram", 1)):
    p = subprocess.run([ISOGLOSS, "fit", runs, "--by", "evaluation", "--metric", metric, "--bootstrap", "0", "--fix", "alpha=0.3",
                        "--fix", "beta=0.3", "--json"], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == 0, f"the store by {metric}: {p.stderr}")
    for one in json.loads(p.stdout)["fits"]:
        check("parameters" in one and one["selection"]["metric"] == metric, f"{metric}: {one.get('error')}")


def refused(*args, source=tidy, status=2):
    p = subprocess.run([ISOGLOSS, "fit", source, *args], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == status, f"{args} ended with {p.returncode}: {p.stderr}")
    return " ".join(p.stderr.split())


message = refused()
check("evaluation (3 values: de, ja, ru)" in message and "--metric bits-per-character" in message, f"pooled: {message}")
message = refused("--metric", "bits-per-character", "--where", "seed=1")
check("do not belong into one fit" in message, f"pooled in another metric: {message}")
check("choose it with --target" in refused("--metric", "unigram", "--pool", "--bootstrap", "0"), "unigram of several texts")
check("evaluations of whole pages" in refused("--metric", "page", *BASE), "no pages")
check("leave out --unit" in refused("--metric", "unigram", "--unit", "x", *BASE), "--unit")
check("--save" in refused("--metric", "unigram", "--save", "x", *BASE), "--save")
check("whose E it shifts" in refused("--metric", "unigram", "--law", "clark", *BASE), "a law without E")
check("hold it with --metric bits-per-byte" in refused("--metric", "unigram", "--fix", "E=1", *BASE), "a fixed E")
synthetic = store("synthetic.h5", "--first", "0")
message = refused("--metric", "bits-per-character", "--target", "aa", source=synthetic)
check("Only stores of the built-in trainer know the text" in message, f"synthetic: {message}")
with h5py.File(synthetic) as f:
    check(not f["evaluations/characters"][:].any() and all(math.isnan(x) for x in f["evaluations/unigram_bits"]), "nothing is made up")
# A store of before these datasets is read as ever, and has them once it is extended.
before = os.path.join(scratch, "before.h5")
shutil.copy(runs, before)
with h5py.File(before, "r+") as f:
    for name in ("shard_unigram_bits", "shard_characters", "shard_scored_bytes", "pages", "unigram_bits", "characters", "scored_bytes", "shard"):
        del f["evaluations"][name]
plain = list(csv.DictReader(io.StringIO(isogloss("export", before))))
check([r["loss"] for r in plain] == [r["loss"] for r in rows] and "unigram_loss" not in plain[0], "an earlier store")
check("isogloss extend" in refused("--metric", "unigram", "--target", "ja", source=before), "what to do with it")
with open(campaign, encoding="ascii") as f:
    text = f.read()
with open(campaign, "w", encoding="ascii") as f:
    f.write(text.replace("128k]", "128k, 256k]"))
isogloss("extend", before, campaign)
check(list(csv.DictReader(io.StringIO(isogloss("export", before)))) == rows, "it has them once it is extended")
with open(os.path.join(scratch, "own.csv"), "w", encoding="ascii") as f:
    f.write("run_id,N_params,D_tokens,loss\n" + "".join(f"r{k},{1e6 * 2 ** k:.0f},{1e8 * 3 ** k:.0f},{3 - .1 * k}\n" for k in range(8)))
check("unit is not given" in refused("--metric", "bits-per-character", source=os.path.join(scratch, "own.csv")), "a table without units")
done()
