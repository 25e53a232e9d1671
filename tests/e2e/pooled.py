"""Several stores, or tables exported of them, are fitted together only if their runs were made alike: what is one in each
of them and another between them is refused as if it varied in one; equal ones give the numbers of one store."""
import csv
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, check, done, isogloss, made_corpus, scratch, store  # noqa: E402

os.chdir(scratch)

STATED = "{languages: {aa: {train_bytes: 4M, held_bytes: 256k}, bb: {train_bytes: 2M, held_bytes: 256k}}}"
LAW = "law: {E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}"
EARLY, LATE = "250k, 500k", "1M, 2M"
made = {}


def make(name, tokens, trainer="", corpus=STATED, languages="aa", points=2, size="16k", shards=4, kind=f"synthetic, {LAW}"):
    """Store and exported table of a campaign whose losses follow from size and tokens alone."""
    with open(f"{name}.yaml", "w", encoding="ascii") as f:
        f.write(f"isogloss: 1\nname: {name}\ncorpus: {corpus}\ntrainer: {{kind: {kind}{trainer}}}\n"
                f"sizes: [s0, s4, s8, s12]\ntokens: [{tokens}]\nseeds: 2\n"
                f"evaluate: {{points: {points}, bytes: {size}, shards: {shards}}}\n"
                f"families:\n  - {{name: mono, mixture: monolingual, languages: [{languages}]}}\n")
    store(f"{name}.h5", "--first", "0", campaign=f"{name}.yaml")
    isogloss("export", f"{name}.h5", "-o", f"{name}.csv")
    return f"{name}.h5", f"{name}.csv"


def run(*words):
    p = subprocess.run([ISOGLOSS, *words], capture_output=True, text=True, timeout=100, check=False)
    return p.returncode, p.stdout, p.stderr


def fit(*words):
    rc, out, err = run("fit", *words, "--json", "--bootstrap", "0")
    check(rc == 0, f"fit {words}: {rc} {err}")
    return json.loads(out) if rc == 0 else {"n_observations": None, "parameters": None, "warnings": []}


def estimates(result):
    return result["parameters"] and {k: v["estimate"] for k, v in result["parameters"].items()}


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def write(path, rows):
    """As pandas.concat and to_csv: the columns of all, empty where a row has none."""
    columns = list(dict.fromkeys(itertools.chain.from_iterable(rows)))
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, columns, restval="")
        w.writeheader()
        w.writerows(rows)
    return path


def alike(got, wanted, within):
    """Equal to the bit, unless the runs have other ids, which order the sums."""
    return got and all(abs(got[k] - x) <= within * abs(x) for k, x in wanted.items())


def whole(what, pair, other, numbers, within=0):
    """Both forms, their mixture and one table of both are one fit, with these numbers."""
    both = write("both.csv", read(pair[1]) + read(other[1]))
    for sources in ((pair[0], other[0]), (other[0], pair[0]), (pair[1], other[1]), (pair[0], other[1]), (both,)):
        got = fit(*sources)
        check(alike(estimates(got), estimates(numbers), within) and got["n_observations"] == numbers["n_observations"],
              f"{what}, {sources}: {estimates(got)} and not {estimates(numbers)}")
        check(got["warnings"] == numbers["warnings"], f"{what}, {sources}: {got['warnings']}")


def refused(what, column, values, pair, other, ways=False):
    """No form is fitted: column, values, files and ways out are named and, if asked for, tried."""
    both = write("both.csv", read(pair[1]) + read(other[1]))
    for sources in ((pair[0], other[0]), (pair[1], other[1]), (pair[0], other[1]), (both,)):
        rc, out, err = run("fit", *sources)
        text = " ".join(err.split())
        check(rc == 2 and not out and "do not belong into one fit" in text, f"{what}, {sources}: {rc} {err}")
        check(f'--where "{column}=VALUE"' in text and "--pool" in text, f"{what}, {sources}: the ways out\n{text}")
        if len(sources) == 1:
            check(re.search(rf"{column} \(2 values: {values[0]}, {values[1]}\)", text), f"{what}: values\n{text}")
        else:
            named = rf"{column} \(2 values: {values[0]} in {sources[0]}, {values[1]} in {sources[1]}\)"
            check(re.search(named, text), f"{what}: values and files, {named}\n{text}")
        if ways:
            check(run("compare", *sources)[0] == 2, f"{what}, {sources}: compare")
            check(fit(*sources, "--pool")["n_observations"] == 32, f"{what}, {sources}: --pool")
    exact = list(dict.fromkeys(r[column] for rows in (read(pair[1]), read(other[1])) for r in rows if r[column]))
    if ways:
        check(fit(pair[0], other[0], "--where", f"{column}={exact[0]}")["n_observations"] == 16, f"{what}: one value")
    together = fit(pair[0], other[0], "--where", f"{column}={exact[0]}|{exact[1]}")
    check(together["n_observations"] == 32, f"{what}: both values")


one = fit(make("one", f"{EARLY}, {LATE}")[0])
check(one["n_observations"] == 32 and not one["warnings"][1:], one["warnings"])
early, late = make("early", EARLY), make("late", LATE)
whole("equal campaigns", early, late, one)

for trainer, column, values in ((", lr: 2", "lr", ("1", "2")), (", batch: 1024", "batch", ("512", "1024")),
                                (", context: 256", "context", ("128", "256")), (", warmup: 200k", "warmup", ("100000", "200000")),
                                (", schedule: wsd", "schedule", ("cosine", "wsd")),
                                (", weight_decay: 0.2", "weight_decay", (r"0\.1", r"0\.2")),
                                (", settings: {dropout: 0.1}", "dropout", ("0", r"0\.1"))):
    first = {"schedule": ", schedule: cosine", "dropout": ", settings: {dropout: 0}"}.get(column)
    refused(column, column, values, make(f"first_{column}", EARLY, first) if first else early,
            make(f"second_{column}", LATE, trainer), ways=column == "lr")

# What differs along with the values that are taken together is said.
both = make("two", LATE, ", lr: 2, beta2: 0.99")
text = " ".join(fit(early[0], both[0], "--where", "lr=1|2")["warnings"])
check("also differ in: beta2 (2 values: 0.95 in early.h5, 0.99 in two.h5)" in text, text)

# A sweep over stores: the best learning rate of each cell.
again = make("again", LATE, ", lr: 2")
best = fit(late[0], again[0], "--best-over", "lr")
check(best["n_observations"] == 16, best["n_observations"])  # 8 cells, 2 seeds of the best in each

# Another part of the held-out text; another trainer.
refused("more of the text", "eval_bytes", ("16000", "32000"), early, make("bytes", LATE, size="32k"))
refused("other parts of it", "eval_shards", ("4", "8"), early, make("shards", LATE, shards=8))
command = make("command", LATE, kind="command, command: [train]")
for sources in ((command[0], late[0]), (command[1], late[1])):
    rc, _, err = run("fit", *sources)
    check(rc == 2 and f"trainer (2 values: command in {sources[0]}, synthetic in {sources[1]})" in " ".join(err.split()), err)
    check("do not say" not in err, err)

# Corpora: text of the language differs, or only another language is there.
larger = STATED.replace("4M", "8M")
digits = "[0-9a-f]{16}"
pairs = sorted((make("corpus_early", EARLY, corpus=larger), early), key=lambda p: read(p[1])[0]["corpus_aa"])
sides = [pairs[0], make("corpus_late", LATE, corpus=STATED if pairs[0] != early else larger)]
refused("corpus", "corpus_aa", (digits, digits), *sides)
wider = make("wider", LATE, corpus=STATED.replace("}}}", "}, cc: {train_bytes: 2M, held_bytes: 256k}}}"))
check(read(wider[1])[0]["corpus"] != read(early[1])[0]["corpus"], "another fingerprint")
whole("a further language", early, wider, one, 1e-7)

# A fingerprint whose first digits would be read as a number has as many as it takes to be a text.
stated, sha = next((t, s) for t in map("x{}".format, itertools.count()) for s in [hashlib.sha256(f"{t} aa".encode()).hexdigest()]
                   if re.fullmatch(r"\d+e\d+", s[:16]))
value = read(make("number", EARLY, corpus=STATED.replace("{languages", f"{{fingerprint: {stated}, languages", 1))[1])[0]["corpus_aa"]
check(len(value) > 16 and sha.startswith(value) and not re.fullmatch(r"\d+(e\d+)?", value), f"{value} of {sha}")

# A store of before fingerprints of languages, and a table of before settings: said, and not refused.
try:
    import h5py
except ImportError as e:
    print("not tried: stores of earlier versions:", e)
else:
    for name in ("late", "wider"):
        with open(f"{name}.h5", "rb") as f, open(f"{name}_old.h5", "wb") as g:
            g.write(f.read())
        with h5py.File(f"{name}_old.h5", "r+") as f:
            del f["languages/fingerprint"]
    whole("a store of before", early, ("late_old.h5", "late.csv"), one)
    rc, _, err = run("fit", early[0], "wider_old.h5")
    check(rc == 2 and "corpus (2 values: " in err, f"corpora differ, texts are not known: {rc} {err}")
RECIPE = ("lr", "batch", "warmup", "context", "vocab", "corpus", "corpus_aa")
old = write("old.csv", [{k: v for k, v in r.items() if k not in RECIPE} for r in read(late[1])])
for sources in ((early[0], old), (early[1], old)):
    got = fit(*sources)
    text = " ".join(got["warnings"])
    check(estimates(got) == estimates(one), f"{sources}: {estimates(got)}")
    check("rows of old.csv do not say" in text and all(n in text for n in RECIPE[:-1]), f"{sources}: {text}")
    rc, _, err = run("compare", *sources, "--splits", "random", "--repeats", "1")
    check(rc == 0 and "do not say" in err, f"compare {sources}: {rc} {err}")
bare = write("bare.csv", [{k: r[k] for k in ("run_id", "N_params", "D_tokens", "loss")} for r in read(late[1])])
check(fit(bare)["n_observations"] == 16, "a table without such columns stays as it is")

# Another instruction set is a warning.
plain = fit(early[1], late[1])
numerics = write("numerics.csv", [{**r, "numerics": "other"} for r in read(late[1])])
got = fit(early[1], numerics)
check(estimates(got) == estimates(one) and "other in numerics.csv" in " ".join(got["warnings"]), got["warnings"])

# Tags, and corpora that are built: proxies.
small, large = "small", "large"
made_corpus("de,ru", 120000, small)
made_corpus("de,ru", 150000, large)
PROXY = {"kind": "proxy", "languages": "de", "size": "2k"}
ref = make("proxy_early", "100k, 200k", corpus=small, **PROXY)
numbers = fit(make("proxy_one", "100k, 200k, 400k, 800k", corpus=small, **PROXY)[0])
whole("proxies", ref, make("proxy_late", "400k, 800k", corpus=small, **PROXY), numbers)
refused("tags", "tag_bytes", ("0", "1"), ref, make("proxy_tags", "400k, 800k", ", tags: true", corpus=small, **PROXY))
shas = {d: read(make(f"proxy_{d}", "100k, 200k", corpus=d, **PROXY)[1])[0]["corpus_de"] for d in (small, large)}
check(all(re.fullmatch(digits, v) for v in shas.values()) and len(set(shas.values())) == 2, shas)
first, second = sorted(shas, key=shas.get)
refused("built corpora", "corpus_de", (shas[first], shas[second]), (f"proxy_{first}.h5", f"proxy_{first}.csv"),
        make("proxy_second", "400k, 800k", corpus=second, **PROXY))

# Rows of a store are named by their runs.
mixed = make("mixed", f"{EARLY}, {LATE}", languages="aa, bb")
words = ("--target", "aa", "--law", "curse", "--fix", "phi=0", "--fix", "psi=0", "--bootstrap", "0")
got = fit(mixed[0], *words[:-2])
runs = got["excluded"][0]
check(runs["lines"] == [] and runs["count"] == 32 and len(set(runs["runs"])) == 32 and all(len(r) == 32 for r in runs["runs"]), runs)
text = run("fit", mixed[0], *words)[1]
check(f"(runs {runs['runs'][0][:8]}, " in " ".join(text.split()) and not re.search(r"\blines?\b", text), text)
check(fit(mixed[1], *words[:-2])["excluded"][0]["runs"] == [], "of a table there are lines")

# Parts of trunks have no final point.
trunk = make("trunk", f"{EARLY}, {LATE}", ", branches: true, warmup: 10k", points=6)[0]
rc, _, err = run("fit", trunk, "--where", "is_trunk=1")
check(rc != 0 and "--points stable" in err, err)
rc, _, err = run("fit", trunk, "--where", "is_trunk=1", "--points", "stable", "--bootstrap", "0")
check(rc == 0, err)
done()
