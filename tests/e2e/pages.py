"""Parallel pages: the same held-out pages in every language, chosen by their keys, scored as evaluations of their
own; a fit takes the main evaluation unless told otherwise, and bits per page compare languages."""
import csv
import io
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, SOURCE, check, done, isogloss, made_corpus, scratch, skip  # noqa: E402

try:
    import h5py
    from jsonschema import Draft202012Validator
except ImportError as e:
    skip(str(e))

corpus = made_corpus("de,ru,ja", 150000)
campaign, runs = (os.path.join(scratch, n) for n in ("c.yaml", "c.h5"))
TEXT = """
isogloss: 1
name: pages
seed: 1
corpus: {corpus}
trainer: {{kind: proxy, context: 64}}
sizes: [{{layers: 1, d: 16, heads: 1}}, {{layers: 1, d: 32, heads: 1}}, {{layers: 2, d: 32, heads: 1}}]
tokens: [16k, 32k, 64k]
evaluate: {{languages: [de, ru, ja], scope: trained, points: 1, bytes: 2Ki, shards: 4{more}}}
families: [{{name: mono, mixture: monolingual, languages: [de, ru, ja]}}]
"""
CODES = ("de", "ru", "ja")


def write(more, path=campaign):
    with open(path, "w", encoding="ascii") as f:
        f.write(TEXT.format(corpus=corpus, more=more))


def listing(code):
    with open(os.path.join(corpus, code + ".pages"), encoding="ascii") as f:
        rows = [line.split() for line in f]
    return {int(key, 16): (int(offset), int(size), int(lines)) for key, offset, size, lines in rows}


pages, held = {c: listing(c) for c in CODES}, {}
for c in CODES:
    with open(os.path.join(corpus, c + ".held"), "rb") as f:
        held[c] = f.read()
    # the listing tiles the held-out text by whole lines
    end = 0
    for offset, size, lines in pages[c].values():
        check(offset == end and held[c][offset:offset + size].count(b"\n") == lines and held[c][offset + size - 1] == 10, f"{c}: a page")
        end = offset + size
    check(end == len(held[c]), f"{c}: the pages are the text")


def chosen(count, longest, least=128):
    """The rule, once more: in every language, of such a length, equal line counts first, then by key."""
    keys = [k for k in pages["de"] if all(k in pages[c] for c in CODES) and least <= max(pages[c][k][1] for c in CODES) <= longest]
    keys.sort(key=lambda k: (len({pages[c][k][2] for c in CODES}) > 1, k))
    return keys[:count]


def planned():
    """Evaluations of the runs, by name."""
    plan = json.loads(isogloss("plan", "--json", "--runs", campaign))
    return {e["name"]: e for run in plan["run_list"] for e in run["evaluations"]}, plan


write("")
before = [r["id"] for r in planned()[1]["run_list"]]
write(", pages: 3, page_bytes: 1500")
three, _ = planned()
write(", pages: 6, page_bytes: 1500, page_bytes_min: 900")
large, _ = planned()
check(sorted(r for s in large["ja.pages"]["ranges"] for r in s) == sorted(list(pages["ja"][k][:2]) for k in chosen(6, 1500, 900)), "at least so long")
write(", pages: 6, page_bytes: 1500")
six, plan = planned()
check(set(six) == {*CODES, *(c + ".pages" for c in CODES)}, f"evaluations: {sorted(six)}")
check(not set(before) & {r["id"] for r in plan["run_list"]}, "pages are part of what a run is")
keys = chosen(6, 1500)
check(len(keys) == 6, "enough pages")
for c in CODES:
    ranges = six[c + ".pages"]["ranges"]
    wanted = [list(pages[c][k][:2]) for k in keys]
    check(ranges == [wanted[s::4] for s in range(4)], f"{c}: {ranges}, wanted {wanted}")
    check([r for s in three[c + ".pages"]["ranges"] for r in s] == wanted[:3], f"{c}: more pages keep the earlier ones")
    check(six[c + ".pages"]["bytes"] == sum(n for _, n in wanted), f"{c}: bytes")
shape = plan["run_list"][0]["shape"]
per_token = 6 * (12 * shape["layers"] * shape["d"] ** 2 + 256 * shape["d"]) + 6 * shape["layers"] * 64 * shape["d"]
language = plan["run_list"][0]["mixture"][0]["language"]
tokens = plan["run_list"][0]["tokens"] + (2048 + sum(-(-pages[language][k][1] // 64) * 64 for k in keys)) / 3
check(abs(plan["run_list"][0]["flops"] / (per_token * tokens) - 1) < 1e-9, f"cost: {plan['run_list'][0]['flops']}, {per_token * tokens}")


# The protocol's schema knows ranges, and what they must be.
with open(os.path.join(SOURCE, "schemas", "trainer-protocol.schema.json"), encoding="utf-8") as f:
    protocol = json.load(f)


def find(value, key):
    if isinstance(value, dict):
        return value[key] if key in value else next((x for x in map(lambda v: find(v, key), value.values()) if x), None)
    return None


one = find(protocol, "evaluations")["items"]
accepts = Draft202012Validator({"$defs": protocol["$defs"], **one}).is_valid
check(all(accepts(e) for e in six.values()), "evaluations fit the schema")
for bad in ([], [[]], [[[0, 0]]], [[[0]]], [[[-1, 5]]], [[[0, 1, 2]]], [[0, 1]]):
    check(not accepts({**six["de.pages"], "ranges": bad}), f"ranges {bad} fit the schema")

isogloss("run", "-j", "1", "-o", runs, campaign)
total = {}
with h5py.File(runs) as f:
    group, names = f["evaluations"], list(f["evaluations/evaluation"].asstr())
    check(names == [*CODES, *(c + ".pages" for c in CODES)], f"axis: {names}")
    for e, name in enumerate(names):
        c = name.split(".")[0]
        check(group["language"].asstr()[e] == c and group["pages"][e] == (6 if "." in name else 0), f"{name}: pages")
        own = [r for r in range(27) if not math.isnan(f["points/loss"][r, 0, e])]
        check(len(own) == 9, f"{name}: {len(own)} runs")
        if "." not in name:
            continue
        text = [b"".join(held[c][o:o + n] for o, n in s) for s in six[name]["ranges"]]
        check(list(group["shard_scored_bytes"][e]) == [len(t) for t in text], f"{name}: bytes")
        check(list(group["shard_characters"][e]) == [len(t.decode()) for t in text], f"{name}: whole characters")
        total[name] = sum(map(len, text))
        for r in own:
            bits = sum(float(x) * len(t) for x, t in zip(f["points/shard_loss"][r, 0, e], text))
            check(abs(bits / (f["points/loss"][r, 0, e] * total[name]) - 1) < 1e-6, f"{name}: shards of run {r}")
check(" 27     27        0 " in isogloss("status", runs), "status")

rows = list(csv.DictReader(io.StringIO(isogloss("export", runs))))
for row in rows:
    if row["evaluation"] in CODES:
        check(row["bytes_per_page"] == "", f"no pages: {row}")
    else:
        check(abs(float(row["bytes_per_page"]) / (total[row["evaluation"]] / 6) - 1) < 1e-12, f"bytes per page: {row}")
        check(row["eval_language"] == row["evaluation"].split(".")[0], "language")


def fit(*args, status=0):
    p = subprocess.run([ISOGLOSS, "fit", runs, "--bootstrap", "0", "--fix", "alpha=0.3", "--fix", "beta=0.3", "--json", *args],
                       capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == status, f"{args} ended with {p.returncode}: {p.stderr}")
    return json.loads(p.stdout) if not status else " ".join(p.stderr.split())


main = fit("--target", "ja")
check(main["n_observations"] == 9, "the main evaluation")
where = fit("--where", "eval_language=ja")
check(where["parameters"] == main["parameters"], "the main evaluation without being asked")
check(any("9 rows of further evaluations are left aside, such as ja.pages" in n for n in where["selection"]["notes"]), where["selection"]["notes"])
own = fit("--target", "ja.pages")
check(own["parameters"] == fit("--where", "evaluation=ja.pages")["parameters"] != main["parameters"], "pages by name")
page = fit("--target", "ja", "--metric", "page")
check(page["selection"]["unit"] == "bit/page" and page["n_observations"] == 9, page["selection"])
for name in "ABE":
    factor = page["parameters"][name]["estimate"] / own["parameters"][name]["estimate"]
    check(abs(factor / (total["ja.pages"] / 6) - 1) < 1e-6 or own["parameters"][name]["estimate"] < 1e-5, f"{name}: {factor}")
groups = fit("--by", "evaluation")
check([g["group"] for g in groups["fits"]] == sorted([*CODES, *total]), "--by evaluation takes all")
message = fit(status=2)
check("evaluation (3 values: de, ja, ru)" in message, f"languages are not pooled: {message}")
message = fit("--where", "evaluation=ja|ja.pages", "--target", "ja.pages", "--metric", "bits-per-character")
check(message["n_observations"] == 9, "where and target")
message = fit("--metric", "page", "--where", "evaluation=ja", status=2)
check("only evaluations of whole pages" in message.lower(), f"no pages: {message}")

# What cannot be.
write(", pages: 200, page_bytes: 1500")
text = isogloss("plan", campaign)
usable = len(chosen(1000, 1500))
check(f"only {usable} held-out pages" in " ".join(text.split()), f"fewer than asked for: {text}")


def refused(what):
    p = subprocess.run([ISOGLOSS, "check", campaign], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == 2 and what in " ".join((p.stdout + p.stderr).split()), f"{what}: {p.returncode} {p.stdout}{p.stderr}")


write(", pages: 4, page_bytes: 20")
refused(f"{campaign}:9:109: key 'page_bytes': pages of 128 (page_bytes_min) to 20 (page_bytes) bytes are none; allowed: at least 128")
write(", pages: 4, page_bytes: 1Ki, page_bytes_min: 2Ki")
refused("key 'page_bytes_min': pages of 2048 (page_bytes_min) to 1024 (page_bytes) bytes are none; allowed: at most 1024")
write(", pages: 4, page_bytes: 9, page_bytes_min: 8")
refused("no held-out page of 8 to 9 bytes ('page_bytes_min', 'page_bytes') is in all 3 languages")
write(", pages: 4")
index = os.path.join(corpus, "index.json")
with open(index, encoding="utf-8") as f:
    whole = f.read()
with open(os.path.join(corpus, "ru.pages"), "a", encoding="ascii") as f:
    f.write("no page\n")
refused("wanted KEY OFFSET BYTES LINES")
old = json.loads(whole)
for entry in old["languages"]:
    del entry["held_pages"]
with open(index, "w", encoding="utf-8") as f:
    json.dump(old, f)
refused("was built before pages were listed: move it away and make it again")
write("")
isogloss("plan", campaign)
# A corpus whose last shard has no page of ru: every run would fail on it.
cuts = next(x for x in old["languages"] if x["code"] == "ru")["held"]["shard_offset"]
cuts[3] = cuts[4]
with open(index, "w", encoding="utf-8") as f:
    json.dump(old, f)
refused("key 'shards': language 'ru' has no held-out text in shard 3 of 4; allowed for it: at most 2, or a corpus")
with open(campaign, "w", encoding="ascii") as f:
    f.write(TEXT.format(corpus=corpus, more="").replace("shards: 4", "shards: 2"))
isogloss("check", campaign)
# Blocks have the same keys in every language, and are no translations of each other.
for c in CODES:
    with open(os.path.join(scratch, c + ".txt"), "w", encoding="ascii") as f:
        f.writelines(f"{c} " + "".join(chr(97 + k // 26 ** i % 26) for i in range(5)) + " and nothing else\n" for k in range(3000))
with open(os.path.join(scratch, "m.yaml"), "w", encoding="ascii") as f:
    f.write("name: blocks\nkeys: block\nblock_lines: 8\nshards: 4\nlanguages:\n" +
            "".join(f"  - {{code: {c}, name: {c}, script: Latn, family: none, files: [{c}.txt]}}\n" for c in CODES))
blocks = os.path.join(scratch, "blocks")
isogloss("corpus", "build", os.path.join(scratch, "m.yaml"), "-o", blocks)
check("blocks of lines, which no language shares" in isogloss("corpus", "show", blocks), "show says what pages are")
for more, asked in ((", pages: 4", True), ("", False)):
    with open(campaign, "w", encoding="ascii") as f:
        f.write(TEXT.format(corpus=blocks, more=more))
    if asked:
        refused("key 'pages': corpus " + blocks + " was built with 'keys: block'")
        refused("allowed: a corpus with parallel keys ('keys: file' or 'column', the same in every language)")
    else:
        isogloss("check", campaign)
with open(campaign, "w", encoding="ascii") as f:
    f.write(TEXT.format(corpus="{languages: {de: {train_bytes: 1M, held_bytes: 1M}}}", more=", pages: 4")
            .replace("[de, ru, ja]", "[de]").replace("kind: proxy, context: 64", "kind: synthetic, law: {E: 1, A: 1, B: 1, alpha: .5, beta: .5}"))
refused("only a corpus made by 'isogloss corpus build'")
done()
