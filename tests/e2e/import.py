"""isogloss import: what goes in comes out again to the last bit, every reading verb accepts the store, a
fit to it is the fit to the file, and what cannot be taken is said with its lines."""
import csv
import io
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, SOURCE, TINY, check, done, isogloss, scratch  # noqa: E402

random.seed(11)


os.chdir(scratch)  # short names in messages


def path(name):
    return name


def write(name, text):
    with open(path(name), "w", encoding="utf-8", newline="") as f:
        f.write(text)
    return path(name)


def write_rows(name, rows):
    out = io.StringIO()
    w = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    w.writeheader()
    w.writerows(rows)
    return write(name, out.getvalue())


def export(store):
    return list(csv.DictReader(io.StringIO(isogloss("export", store))))


def refused(says, *words, status=2):
    p = subprocess.run([ISOGLOSS, "import", *words], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == status and says in p.stderr, f"import {words[1:]}: {p.returncode} {p.stderr!r}, wanted {says!r}")
    store = words[words.index("-o") + 1] if "-o" in words else None
    check(not store or not os.path.exists(store + ".tmp"), f"{store}.tmp is left over")
    return p.stderr


def fit(*words):
    return json.loads(isogloss("fit", *words, "--bootstrap", "40", "--json"))


def same_fit(a, b, what):
    for key in ["parameters", "derived", "objective", "residuals", "n_observations", "n_clusters", "starts", "condition"]:
        check(a.get(key) == b.get(key), f"{what}: {key} differs: {a.get(key)} and {b.get(key)}")


def loss(n, d):
    return (1.7 + 420 / n**.34 + 410 / d**.28) * random.uniform(.997, 1.003)


# ---- long: several points and evaluations of a run, sizes that are no whole numbers
rows = []
for k in range(24):
    n = 1e6 * 1.4**k + random.random()
    for p in range(1, 4):
        d = 2e8 * 1.3**(k % 7) * p + random.random()
        for set_, language, shift in [("web", "en", 0), ("books", "en", .1), ("web-de", "de", .3)]:
            rows.append({"run_id": f"m{k}", "N_params": repr(n), "D_tokens": repr(d), "evaluation": set_,
                         "eval_language": language, "loss": repr(loss(n, d) + shift), "lr": .1 if k % 2 else .2,
                         "note": "a, \"b\"\nc" if p == 2 else "", "step": 100 * p, "seed": k, "family": "own"})
random.shuffle(rows)
runs = write_rows("runs.csv", rows)
said = isogloss("import", runs, "--unit", "nat/token", "-o", path("runs.h5"))
check("24 runs, up to 3 points, 3 evaluations, from 216 of 216 rows" in said, said)
back = export(path("runs.h5"))
check(len(back) == len(rows), f"{len(back)} rows")
key = lambda r: (r["name"] if "name" in r else r["run_id"], float(r["D_tokens"]), r["evaluation"])  # noqa: E731
for was, now in zip(sorted(rows, key=key), sorted(back, key=key)):
    same = all(float(was[c]) == float(now[c]) for c in ["N_params", "D_tokens", "loss", "lr", "step", "seed"])
    same = same and all(was[c] == now[c] for c in ["evaluation", "eval_language", "note", "family"])
    check(same and was["run_id"] == now["name"] == now["cluster_id"] and now["unit"] == "nat/token", f"{was} came back as {now}")
check(len({r["run_id"] for r in back}) == 24 and all(re.fullmatch("[0-9a-f]{32}", r["run_id"]) for r in back), "run ids")
status = json.loads(isogloss("status", "--verify", "--json", path("runs.h5")))
check(json.dumps(status).count('"done"') > 0 and "24" in json.dumps(status), f"status: {status}")
check("verified" in isogloss("status", "--verify", path("runs.h5")), "marks fit")
for words in [("--target", "web"), ("--target", "books", "--points", "all"), ("--target", "web-de", "--where", "lr=0.1")]:
    same_fit(fit(runs, *words), fit(path("runs.h5"), *words), f"runs {words}")
isogloss("import", runs, "--unit", "nat/token", "-o", path("again.h5"))
check(isogloss("export", "--results-digest", path("again.h5")) == isogloss("export", "--results-digest", path("runs.h5")), "the same import, the same results and ids")
isogloss("import", write_rows("other.csv", rows[::-1]), "--unit", "nat/token", "-o", path("other.h5"))
check({r["run_id"] for r in export(path("other.h5"))}.isdisjoint({r["run_id"] for r in back}), "another file, other ids")

# ---- nothing overwrites, nothing runs in it
before = os.stat(path("runs.h5")).st_mtime_ns
refused("is already there", runs, "-o", path("runs.h5"))
for words in [("run", TINY, "-o", path("runs.h5")), ("extend", path("runs.h5"), TINY)]:
    p = subprocess.run([ISOGLOSS, *words], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == 2 and "holds imported runs" in p.stderr, f"{words}: {p.returncode} {p.stderr}")
check(os.stat(path("runs.h5")).st_mtime_ns == before, "the store was touched")
refused("runs.h5 is a store already", path("runs.h5"), "-o", path("x.h5"))

# ---- expressions, and runs without names: D = C/(6 N)
rows = []
for k in range(30):
    n, c = 1e7 * 1.3**k, 1e18 * 2.0**(k % 8) * random.uniform(.9, 1.1)
    rows.append({"params": repr(n), "flops": repr(c), "val": repr(loss(n, c / (6 * n)))})
flops = write_rows("flops.csv", rows)
write("flops.yaml", "N_total: params\nD_tokens: flops/(6*params)\nloss: val\nunit: nat/token\n")
isogloss("import", flops, "--map", path("flops.yaml"), "-o", path("flops.h5"))
isogloss("import", flops, "--n", "params", "--d", "flops/(6*params)", "--loss", "val", "-o", path("options.h5"))
for store in ["flops.h5", "options.h5"]:
    wanted = {r["val"]: float(r["flops"]) / (6 * float(r["params"])) for r in rows}
    check(all(float(r["D_tokens"]) == wanted[repr(float(r["loss"]))] for r in export(path(store))), f"D of {store}")
plain = write_rows("plain.csv", [{"N_params": r["params"], "D_tokens": repr(float(r["flops"]) / (6 * float(r["params"]))), "loss": r["val"]} for r in rows])
same_fit(fit(plain), fit(path("flops.h5")), "D = C/(6N)")

# ---- wide: a column for each evaluation, languages, parents, checkpoints without names
rows = []
for k in range(16):
    n = 2e7 * 1.5**(k // 4)
    for p in range(1, 5):
        d = 1e9 * 2**(k % 4) * p
        rows.append({"job": k, "size_M": n / 1e6, "tok_B": d / 1e9, "en": loss(n, d), "de": loss(n, d) + .2 if p > 1 else "",
                     "en_B": .75 * d / 1e9, "de_B": .25 * d / 1e9, "stage": "end" if p == 4 else "stable", "base": "" if k % 4 == 0 else 4 * (k // 4)})
wide = write_rows("wide.csv", rows)
write("wide.yaml", """run_id: job
parent: base
N_total: size_M*1e6
D_tokens: tok_B * 1B
losses: {en: en, de: "de"}
tokens: {en: en_B*1e9, de: de_B*1e9}
family: {value: wide}
keep: {phase: stage, C: 6*size_M*tok_B*1e15}
where: "tok_B>1.5"
unit: nat/token
""")
said = isogloss("import", wide, "--map", path("wide.yaml"), "-o", path("wide.h5"))
check("not taken: " not in said or "the loss is missing" in said, said)
back = export(path("wide.h5"))
check(list(back[0])[:3] == ["run_id", "name", "cluster_id"] and {"phase", "C", "tokens_en", "tokens_de", "parent_run", "evaluation"} <= set(back[0]), f"columns: {list(back[0])}")
check({r["evaluation"] for r in back} == {"en", "de"} and {r["family"] for r in back} == {"wide"}, "evaluations and family")
check(all(r["cluster_id"] == str(4 * (int(r["name"]) // 4)) for r in back), "clusters are root parents")
check(all(float(r["D_tokens"]) == float(r["tokens_en"]) + float(r["tokens_de"]) for r in back), "tokens of languages")
a = fit(wide, "--n", "size_M", "--d", "tok_B", "--loss", "en", "--where", "tok_B>1.5", "--points", "all", "--fix", "alpha=.34", "--fix", "beta=.28")
b = fit(path("wide.h5"), "--target", "en", "--where", "n_languages=2", "--points", "all", "--fix", "alpha=.34", "--fix", "beta=.28")
check(a["n_observations"] == b["n_observations"] > 40, "as many observations")
check(abs(a["parameters"]["E"]["estimate"] / b["parameters"]["E"]["estimate"] - 1) < 1e-6, "E does not depend on the unit of N and D")

p = subprocess.run([ISOGLOSS, "fit", path("wide.h5"), "--target", "en"], capture_output=True, text=True, timeout=60, check=False)
check(p.returncode == 5 and "other languages besides the target" in p.stderr, f"mixtures are no runs of one language: {p.stderr}")
write("tidy.csv", isogloss("export", path("runs.h5")))
same_fit(fit(path("tidy.csv"), "--target", "web"), fit(runs, "--target", "web"), "the exported table")

# ---- tokens of languages are what the law of transfer reads: planted worth .3 and .2 of a token
rows = []
for n in [1e7, 3e7, 1e8, 3e8, 1e9]:
    for d in [1e9, 3e9, 1e10, 3e10]:
        for shares in [(1, 0, 0), (.5, .5, 0), (.4, .3, .3), (.2, .7, .1), (.1, 0, .9)]:
            en, de, ru = (x * d for x in shares)
            value = 1.6 + 300 / n**.33 + 500 / (en + .3 * de + .2 * ru)**.3
            rows.append({"N_params": n, "D_tokens": d, "loss": value * random.uniform(.999, 1.001), "evaluation": "en", "e": en / 1e9, "d": de / 1e9, "r": ru / 1e9})
write("transfer.yaml", "run_id: row\ntokens: {en: e*1B, de: d*1B, ru: r*1B}\n")
isogloss("import", write_rows("transfer.csv", rows), "--map", path("transfer.yaml"), "-o", path("transfer.h5"))
found = json.loads(isogloss("fit", path("transfer.h5"), "--law", "atlas", "--target", "en", "--bootstrap", "0", "--json"))["parameters"]
check(abs(found["tau_de"]["estimate"] - .3) < .03 and abs(found["tau_ru"]["estimate"] - .2) < .03, f"planted transfer: {found}")

# ---- the store opens elsewhere, and says where it comes from
try:
    import h5py
except ImportError as e:
    print("not tried: h5py:", e)
else:
    with h5py.File(path("wide.h5"), "r") as f:
        settings = json.loads(f["campaign/settings"].asstr()[()])["trainer_settings"]
        sha = subprocess.run(["sha256sum", wide], capture_output=True, text=True, check=True).stdout.split()[0]
        check(settings["sources"] == [{"file": "wide.csv", "sha256": sha, "rows": 64}], f"sources: {settings['sources']}")
        job, flags = (f["provenance"][c][0].tobytes().rstrip(b"\0").decode() for c in ["job", "flags"])
        check(job == "import" and flags == f"wide.csv sha256 {sha}", f"provenance: {job} {flags}")
        check(f["campaign/text"].asstr()[()].startswith("run_id: job"), "the map is kept")
        check(f["runs/N_total"][0] == 20000000 and f["points/loss"].attrs["units"] == "nat/token", "whole numbers and unit")
        check(abs(f["runs/mixture"][:].sum(axis=1) - 1).max() < 1e-12, "shares")
        with open(os.path.join(SOURCE, "schemas", "store.md"), encoding="utf-8") as page:
            tables = re.findall(r"^### (/\S*)$(.*?)(?=^#)", page.read(), re.M | re.S)
        for group, table in tables:
            known = {n for n in re.findall(r"^\| `([^`]*)` \|", table, re.M) if "<" not in n}
            more = {c["dataset"] for c in settings["columns"] if c["group"] == group} | ({"name"} if group == "/runs" else set())
            here = {n for n, d in f[group].items() if isinstance(d, h5py.Dataset)}
            check(here == known | more and not known & more, f"datasets of {group}: {here ^ (known | more)}")
        for c in settings["columns"]:
            check(c["dataset"] in f[c["group"]], f"dataset of {c}")
            dims = [d[0].name.rsplit("/", 1)[-1] for d in f[c["group"]][c["dataset"]].dims]
            check(dims == [{"R": "run", "P": "point", "E": "evaluation"}[x] for x in c["dims"]], f"dimensions of {c}: {dims}")
try:
    import xarray
    for group in ["evaluations", "runs", "points"]:
        xarray.open_dataset(path("wide.h5"), group=group).load()
except ImportError as e:
    print("not tried: xarray:", e)

# ---- rows that cannot be taken, and rows that contradict each other
head = "run_id,N_params,D_tokens,loss\n"
bad = write("bad.csv", head + "a,1e8,1e9,3\na,1e8,2e9,\nb,1e8,1e9,-1\nc,1e8,1e9,inf\nd,,1e9,3\ne,1e8,0,3\n,1e8,1e9,3\nf,1e8,1e9,3.5\nf,1e8,1e9,3.5\nf,1e8,1e9,nan\n")
said = isogloss("import", bad, "-o", path("bad.h5"))
for line in ["from 2 of 10 rows", "1 row, the loss is missing\n    line 3\n", "3 rows, the loss is not finite and positive\n    lines 4-5, 11\n",
             "N is missing, not positive or above 9e18\n    line 6\n", "D is missing, not positive or above 9e18\n    line 7\n",
             "run_id is missing\n    line 8\n", "repeats an earlier row\n    line 10\n"]:
    check(line in said, f"{line!r} in\n{said}")
check(max(map(len, said.splitlines())) <= 80, "80 columns")
for text, says in [
    (head + "a,1e8,1e9,3\nb,1e8,1e9,3\na,1e8,1e9,3.1\n", "lines 2 and 4: run 'a' has two losses, 3 and 3.1, at the same D"),
    (head + "a,1e8,1e9,3\na,2e8,2e9,2\n", "lines 2 and 3: run 'a' has two sizes (N_params 1e8 and 2e8)"),
    (head + "a,1e8,1.2,3\na,1e8,1.3,2\n", "D_tokens 1.3 is not a whole token above the point before"),
    (head + "a,1e8,0.2,3\n", "D_tokens 0.2 is less than one"),
    (head + "a,1e8,1e9,three\n", "bad.csv:2: column 'loss' should hold numbers; 'three' is none"),
    (head + "a,70M,1e9,3\n", "'70M' is none (write it in full"),
    (head.replace("loss", "loss,parent") + "a,1e8,1e9,3,b\n", "bad.csv:2: the parent 'b' of run 'a' is no run"),
    (head.replace("loss", "loss,parent") + "a,1e8,1e9,3,b\nb,1e8,1e9,3,a\n", "is its own ancestor"),
    ("N,D,loss\n1e8,1e9,3\n", "has no column N_params (--n COLUMN, or N_total: in a map), D_tokens"),
]:
    refused(says, write("bad.csv", text), "-o", path("x.h5"))
refused("no row of 1 can be taken", write("bad.csv", head + "a,1e8,1e9,-3\n"), "-o", path("x.h5"), status=5)
refused("no row below the header", write("bad.csv", head), "-o", path("x.h5"), status=5)
said = isogloss("import", write("small.csv", head + "a,70,1.4,3\nb,70,5,2\n"), "-o", path("small.h5"))
check("The largest D_tokens is 5: is it counted in millions or billions?" in said, said)
isogloss("import", write("rows.csv", "N_params,D_tokens,loss\n1e8,1e9,3\n1e8,1e9,3.1\n"), "--run-id", "row", "-o", path("rows.h5"))
check([r["name"] for r in export(path("rows.h5"))] == ["2", "3"], "every row a run")
refused("has two losses", path("rows.csv"), "-o", path("x.h5"))
refused("wanted one or more CSV files", "-o", path("x.h5"))
refused("give the store to make with -o", runs)

isogloss("import", write("states.csv", head.replace("loss", "loss,lr_state,diverged") + "a,1e8,1e9,3,stable,0\na,1e8,2e9,2.9,end,0\nb,1e8,1e9,3,warmup,1\n"), "-o", path("states.h5"))
check(re.search(r"all +2 +1 +1 ", isogloss("status", path("states.h5"))), "one of two diverged")
check([r["lr_state"] for r in export(path("states.h5"))] == ["stable", "end", "warmup"], "states of the schedule")
many = ["c%d" % i for i in range(1100)]
said = isogloss("import", write("many.csv", head.strip() + "," + ",".join(many) + "\na,1e8,1e9,3" + ",1" * 1100 + "\n"), "-o", path("many.h5"))
check("1104 columns are too many to keep unasked" in said and len(export(path("many.h5"))[0]) == 6, said)

# ---- maps
ok = "N_total: params\nD_tokens: flops/(6*params)\nloss: val\n"
for text, says in [
    ("N_totl: params\n", "bad.yaml:1:1: unknown key 'N_totl'; did you mean 'N_total'?"),
    (ok + "foo: 3\n", "bad.yaml:4:1: unknown key 'foo' (a further column belongs under 'keep:')"),
    ("N_total: [1]\n", "bad.yaml:1:10: N_total: wanted a column, an expression or {value: ...}, found a list"),
    (ok + "loss: x\n", "bad.yaml:4:1: key 'loss' is given twice"),
    (ok + "N_params: x\n", "bad.yaml:4:1: 'N_total' is given twice (N_params)"),
    (ok + "losses: {en: val}\n", "loss is for a long table, losses for a wide one"),
    (ok + "keep: [vol]\n", "has no column 'vol' (bad.yaml:4:8); did you mean 'val'?"),
    (ok + "keep: [N_params]\n", "bad.yaml:4:8: keep: 'N_params' is there already"),
    (ok + "where: val\n", "bad.yaml:4:8: where: wanted column=value"),
    (ok + "where: val<0\n", "leaves no row"),
    (ok + "unit: [a]\n", "bad.yaml:4:7: unit: wanted a unit"),
    (ok + "family: params + 1\n", "has no column 'params + 1' (bad.yaml:4:9)"),
    (ok + "tokens: en\n", "bad.yaml:4:9: tokens: wanted {LANGUAGE: column, ...}"),
    (ok.replace("flops/(6", "flops/6("), "bad.yaml:2:11, position 8 of 'flops/6(*params)': unexpected '('"),
    ("- a\n", "bad.yaml:1:1: a map of an import has keys"),
    (ok + "keep: &a [val]\n", "bad.yaml:4:7: anchors"),
]:
    write("bad.yaml", text)
    refused(says, flops, "--map", path("bad.yaml"), "-o", path("x.h5"))
check(not os.path.exists(path("x.h5")), "a refused import leaves no store")

# ---- the page: its examples work, and its table of keys is the program's
with open(os.path.join(SOURCE, "docs", "import.md"), encoding="utf-8") as f:
    page = f.read()
check(isogloss("import", "--print-keys") in page, "the keys in docs/import.md are those of isogloss import --print-keys")
examples = re.findall(r"```csv\n(.*?)```.*?```yaml\n(.*?)```.*?```sh\n(.*?)```", page, re.S)
check(len(examples) == 4, f"{len(examples)} examples")
for k, (table, mapping, command) in enumerate(examples):
    os.mkdir(path(f"example{k}"))
    write(f"example{k}/runs.csv", table)
    write(f"example{k}/map.yaml", mapping)
    p = subprocess.run(["bash", "-euc", command], cwd=path(f"example{k}"), capture_output=True, text=True, timeout=60, check=False,
                       env=os.environ | {"PATH": os.path.dirname(ISOGLOSS) + ":" + os.environ["PATH"]})
    check(p.returncode == 0 and "not taken" not in p.stdout, f"example {k}: {p.stdout}{p.stderr}")

# ---- published runs
data = os.path.join(os.environ.get("ISOGLOSS_SHARED", ""), "data")
cases = [("chinchilla_replication", []), ("chinchilla_replication", ["--where", "in_published_fit=1", "--drop-highest", "5"]),
         ("datablations_repeats", ["--where", "epochs<=1"]), ("gadre_overtraining", ["--by", "train_corpus", "--target", "c4_val"]),
         ("gadre_overtraining", ["--where", "train_corpus=rpj", "--where", "eval_set=openlm", "--n", "nonembedding"]),
         ("routed_experts", ["--where", "router_type=Dense", "--points", "all"])]
if not os.path.exists(os.path.join(data, "chinchilla_replication.csv")):
    print("not tried: published runs, which are not here")
    cases = []
for name, words in cases:
    if not os.path.exists(path(name + ".h5")):
        said = isogloss("import", os.path.join(data, name + ".csv"), "-o", path(name + ".h5"))
        check(name != "gadre_overtraining" or "104 runs, up to 1 point, 8 evaluations, from 832 of 832 rows" in said, said)
    a, b = fit(os.path.join(data, name + ".csv"), *words), fit(path(name + ".h5"), *words)
    for x, y in zip(a.get("fits", [a]), b.get("fits", [b])):
        same_fit(x, y, f"{name} {words}")
if cases:
    with open(os.path.join(data, "routed_experts.csv"), encoding="utf-8") as f:
        source = [(r["run_id"], float(r["N_params"]), float(r["D_tokens"]), float(r["loss"])) for r in csv.DictReader(f) if r["loss"] and float(r["D_tokens"])]
    back = [(r["name"], float(r["N_params"]), float(r["D_tokens"]), float(r["loss"])) for r in export(path("routed_experts.h5"))]
    check(sorted(source) == sorted(back), "N, D and loss of routed_experts to the last bit")
    write("routed.yaml", "N_total: total_parameter_count\nlosses: {c4: loss_c4, lambada: loss_lambada}\nfamily: router_type\nwhere: D_tokens>0\n")
    isogloss("import", os.path.join(data, "routed_experts.csv"), "--map", path("routed.yaml"), "-o", path("routed.h5"))
    words = ["--where", "router_type=Dense", "--points", "all"]
    same_fit(fit(os.path.join(data, "routed_experts.csv"), "--loss", "loss_c4", "--n", "total_parameter_count", *words),
             fit(path("routed.h5"), "--target", "c4", "--where", "family=Dense", "--points", "all"), "a wide table")
done()
