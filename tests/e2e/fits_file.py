"""isogloss fit --save: schemas/fits.md is held against real files in both directions and its example
is run; readers open them; a second time there are no refits; another fit is refused."""
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, SOURCE, TINY, check, done, scratch, skip, store  # noqa: E402

try:
    import h5py
    import numpy as np
except ImportError as e:
    skip(str(e))

with open(os.path.join(SOURCE, "schemas", "fits.md"), encoding="utf-8") as f:
    page = f.read()
os.chdir(scratch)


def fit(*words, code=0):
    """(stdout, stderr); the exit status must be as said."""
    p = subprocess.run([ISOGLOSS, "fit", *words], capture_output=True, text=True, timeout=100, check=False)
    check(p.returncode == code, f"fit {words} ends with {p.returncode}, wanted {code}: {p.stderr}")
    return p.stdout, p.stderr


def runs(name, n=60, seed=3, change=0.0):
    """A CSV of n runs of two families."""
    chance = random.Random(seed)
    lines = []
    for i in range(n):
        size, tokens = 1e7 * 10 ** chance.uniform(0, 3), 1e9 * 10 ** chance.uniform(0, 2)
        loss = (1.8 + 480 / size**.35 + 2100 / tokens**.37) * (1 + .01 * chance.uniform(-1, 1)) + (change if i == 7 else 0)
        lines.append(f"r{i:02d},{'xy'[i % 2]} z,{size:.6g},{tokens:.6g},{loss:.9f}\n")
    with open(name, "w", encoding="utf-8") as out:
        out.writelines(["run_id,family,N_params,D_tokens,loss\n", *lines])
    return name


def rows(text):
    """Cells of the rows of a table below its head."""
    found = [[c.strip().strip("`") for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return found[2:]


def section(title):
    return re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page, re.M | re.S).group(1)


def kind(dtype):
    """The page's word for an HDF5 type."""
    return "name" if h5py.check_string_dtype(dtype) else dtype.kind + str(8 * dtype.itemsize)


TABLES = {title: {r[0]: r[1:] for r in rows(section(title))} for title in ["Fit", "Set", "Results", "Report"]}
SAID = {}
for group, name, kind_said, _ in rows(section("Attributes")):
    SAID.setdefault(group, {})[name] = kind_said
CODES = {name: words.split() for name, words in rows(section("Codes"))}
BEGUN = list(SAID["/fits/NAME"])[:list(SAID["/fits/NAME"]).index("objective_value")]


def datasets(group, wanted):
    """Every dataset of the group as its table says, and no other."""
    here = {n: d for n, d in group.items() if isinstance(d, h5py.Dataset)}
    table = {n: r for t in wanted for n, r in (TABLES[t] if isinstance(t, str) else t).items()}
    check(set(here) == set(table), f"datasets of {group.name}: {set(here) ^ set(table)}")
    for name in set(here) & set(table):
        kind_said, dims_said, unit, _, long_name = table[name]
        d = here[name]
        check(kind(d.dtype) == kind_said, f"type of {d.name}: {kind(d.dtype)}, the page says {kind_said}")
        scale = d.attrs.get("CLASS", b"") == b"DIMENSION_SCALE"
        dims = [name] if scale else [dim[0].name.rsplit("/", 1)[-1] if len(dim) else "none" for dim in d.dims]
        check(dims == [w for w in dims_said.split(", ") if w], f"dimensions of {d.name}: {dims}, the page says {dims_said}")
        check(scale == (dims_said == name), f"{d.name} is a scale: {scale}")
        check(scale or all(dim[0].parent == group for dim in d.dims), f"{d.name}: its scales are in its own group")
        check(d.attrs["long_name"] == long_name, f"long name of {d.name}: {d.attrs['long_name']!r}")
        check(d.attrs.get("units", "") == unit, f"unit of {d.name}")
        check(("flag_meanings" in d.attrs) == (name in CODES), f"codes of {d.name}")
        check(name not in CODES or d.attrs["flag_meanings"].split() == CODES[name], f"codes of {d.name}")
        check(kind_said[0] != "f" or np.isnan(d.attrs["_FillValue"][0]), f"{d.name} has a fill value")
        check(d.chunks is None, f"{d.name} is contiguous")


def attributes(group, said, may_lack=()):
    found = {n: v for n, v in group.attrs.items()}
    check(set(found) <= set(said) and set(said) - set(found) <= set(may_lack),
          f"attributes of {group.name}: {set(found) ^ set(said)}")
    for name, value in found.items():
        if name in said:
            text = isinstance(value, str)
            check(text if said[name] == "name" else not text and kind(value.dtype) == said[name], f"type of attribute {name}")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def result_bytes(group):
    """What a group gives to the digest, made again from the page alone."""
    out = b""
    for table in TABLES.values():
        for name, r in table.items():
            if r[3] != "result" or name not in group:
                continue
            d = group[name]
            out += name.encode() + b"\0"
            out += b"".join(x.encode() + b"\0" for x in d.asstr()[:]) if r[0] == "name" else d[:].tobytes()
    return out


def sets_of(group):
    names = group.attrs["sets"].split()
    return {n: group if len(names) == 1 else group[n] for n in names}


def schema(path, complete=True):
    with h5py.File(path, "r") as f:
        attributes(f, SAID["/"])
        for group in f["fits"].values():
            sets = sets_of(group)
            said = {n: k for n, k in SAID["/fits/NAME"].items() if complete or n in BEGUN}
            one = len(sets) == 1
            attributes(group, {**said, **(SAID["set"] if one else {})}, ["by", "group"])
            head = {} if one or not sets or not complete else {n: TABLES["Set"][n] for n in ["b", "replicate", "status"]}
            datasets(group, ["Fit"] + (["Set"] if one else [head]) + (["Results", "Report"] if complete else []))
            for name, own in sets.items():
                if not one:
                    attributes(own, SAID["set"])
                    datasets(own, [{"parameter": TABLES["Fit"]["parameter"]}, "Set"] + (["Results"] if complete else []))
                k = int(own.attrs["replicates_per_block"].item())
                marks = own["mark"][:]
                for block in [0, len(marks) - 1]:
                    part = slice(block * k, (block + 1) * k)
                    data = name.encode() + block.to_bytes(8, "little")
                    data += b"".join(own[x][part].tobytes() for x in ["theta", "replicate", "status"])
                    check(int(marks[block]) == (1 << 32 | crc32c(data)), f"mark {block} of {own.name}")
            if complete:
                data = result_bytes(group)
                if not one:
                    data += b"".join(n.encode() + b"\0" + result_bytes(g) for n, g in sets.items())
                check(hashlib.sha256(data).hexdigest() == group.attrs["digest"], f"digest of {group.name}")
                report = group["report"].asstr()[()]
                check(hashlib.sha256(report.encode()).hexdigest() == group.attrs["report_sha256"], "hash of the report")


def numbers(path, name="a"):
    """The file says what the JSON says."""
    with h5py.File(path, "r") as f:
        g = f["fits"][name]
        report = json.loads(g["report"].asstr()[()])
        for table, prefix in [("parameters", ""), ("derived", "derived_")]:
            for k, p in enumerate(g["derived" if prefix else "parameter"].asstr()[:]):
                want = report[table][p]
                got = {w: g[prefix + w][k] for w in ["estimate", "se", "lo", "hi"]}
                for w, x in got.items():
                    check(np.isnan(x) if want[w] is None else x == want[w], f"{w} of {p}: {x}, the JSON says {want[w]}")
                check(g[prefix + "method"].asstr()[k] == want["method"], f"method of {p}")
                of = g[prefix + "set"].asstr()[k]
                check(of == ("by_" + want["grouping"] if want["grouping"] else ""), f"set of {p}: {of}")
        return report


# One fit, twice.
runs("runs.csv")
plain, _ = fit("runs.csv", "--pool", "--bootstrap", "200", "--json")
first, said = fit("runs.csv", "--pool", "--bootstrap", "200", "--json", "--save", "a")
check("saved as 'a' in runs.fits.h5" in said, said)
check(first == plain, "--save changes the result")
check(sorted(os.listdir()) == ["runs.csv", "runs.fits.h5"], f"left in the directory: {os.listdir()}")
with open("runs.fits.h5", "rb") as f:
    bytes_then = f.read()
again, said = fit("runs.csv", "--pool", "--bootstrap", "200", "--json", "--save", "a")
check(again == plain and "complete in runs.fits.h5: no refits" in said, said)
with open("runs.fits.h5", "rb") as f:
    check(f.read() == bytes_then, "a complete fit is not touched")
fit("runs.csv", "--pool", "--bootstrap", "200", "-o", "plain.json")
with open("plain.json", encoding="utf-8") as f:
    check(numbers("runs.fits.h5") == json.load(f), "the report in the file is the JSON")
text, _ = fit("runs.csv", "--pool", "--bootstrap", "200", "--save", "a")
check(text == fit("runs.csv", "--pool", "--bootstrap", "200")[0], "the text of a complete fit")

# More fits in one file; groups; no interval; -o.
fit("runs.csv", "--by", "family", "--bootstrap", "100", "--save", "by")
fit("runs.csv", "--pool", "--bootstrap", "0", "--save", "none", "--fix", "E=1.8")
schema("runs.fits.h5")
numbers("runs.fits.h5", "none")
with h5py.File("runs.fits.h5", "r") as f:
    check(set(f["fits"]) == {"a", "by.x_z", "by.y_z", "none"}, f"fits: {list(f['fits'])}")
    check(f["fits/by.y_z"].attrs["group"] == "y z", "the group of --by is kept")
    check(f["fits/none"].attrs["no_interval"] == "--bootstrap 0" and not f["fits/none"].attrs["sets"], "without a bootstrap")
    check(f["fits/a/replicate"].shape == (200, 5) and bool((f["fits/a/status"][:] == 1).all()), "replicates")
    check(f["fits/a/sha256"].asstr()[0] == hashlib.sha256(open("runs.csv", "rb").read()).hexdigest(), "hash of the source")
fit("runs.csv", "--pool", "--bootstrap", "100", "--save", "a", "-o", "own.h5")
schema("own.h5")
check(not os.path.exists("own.h5.lock"), "the lock is left")
fit("runs.csv", "--pool", "--bootstrap", "100", "--save", "c", "-o", "own.json")
with open("own.json", encoding="utf-8") as f:
    check(json.load(f)["bootstrap"]["B"] == 100, "-o x.json stays the JSON")


def refused(what, code, parts, *words):
    _, err = fit(*words, code=code)
    check(all(p in err for p in parts), f"{what}: wanted {parts} in {err}")


# What is not the same fit is refused, with what differs.
B = ["--pool", "--bootstrap", "200"]
refused("another option", 2, ["level: was 0.95, is 0.9", "--save OTHER", "--replace"], "runs.csv", *B, "--save", "a", "--level", "0.9")
refused("more refits", 2, ["bootstrap: was 200, is 600"], "runs.csv", "--pool", "--bootstrap", "600", "--save", "a")
runs("other.csv", change=0.1)
refused("other data", 2, ["other.csv: its content has changed"], "other.csv", *B, "--save", "a", "-o", "runs.fits.h5")
shutil.copy("runs.csv", "moved.csv")
_, said = fit("moved.csv", *B, "--save", "a", "-o", "runs.fits.h5")
check("no refits" in said, "the same data under another name are the same")
refused("a bad name", 2, ["cannot name a fit"], "runs.csv", *B, "--save", "a/b")
refused("-o without a name", 2, ["--save NAME"], "runs.csv", *B, "-o", "x.h5")
refused("--replace without a name", 2, ["--save NAME"], "runs.csv", *B, "--replace")
refused("a file of fits as a source", 2, ["it holds fits, not runs"], "runs.fits.h5")
refused("no directory", 1, ["absent/x.h5"], "runs.csv", *B, "--save", "a", "-o", "absent/x.h5")
refused("a directory as output", 1, ["is a directory"], "runs.csv", *B, "-o", ".")
refused("no directory for the JSON", 1, ["no directory absent/"], "runs.csv", *B, "-o", "absent/x.json")
refused("--rival alone", 2, ["--check"], "runs.csv", *B, "--rival", "chinchilla")
p = subprocess.run(f"cat runs.csv | {ISOGLOSS} fit /dev/stdin --pool --save a -o pipe.h5", shell=True, capture_output=True, text=True,
                   timeout=60, check=False)
check(p.returncode == 2 and "read again" in p.stderr and not os.path.exists("pipe.h5"), f"a pipe: {p.stderr}")
_, said = fit("runs.csv", *B, "--save", "a", "--level", "0.9", "--replace")
check("saved as 'a'" in said, "--replace")
schema("runs.fits.h5")

# What changes the refits is part of the file's request, or a fit would be taken for another one;
# what is asked of a fit that is there does not make it another one, and is told by the result.
SHOWN = {"table", "save", "replace", "output", "json", "help", "format"}
ASKED = {"at", "forecast", "backtest", "rivals", "reference", "check", "rival"}
with h5py.File("runs.fits.h5", "r") as f:
    request = json.loads(f["fits/a"].attrs["request"])
options = set(re.findall(r"--([a-z][a-z-]*)[ =\n[]", subprocess.run([ISOGLOSS, "fit", "--help"], capture_output=True, text=True,
                                                                  timeout=20, check=False).stdout))
told = json.loads(plain)["request"]
for what, held, wanted in [("file", request, options - SHOWN - ASKED), ("result", told, options - SHOWN)]:
    names = {o.replace("-", "_") for o in wanted}
    check(len(options) > 20 and names == set(held), f"options and what the request of the {what} holds: {names ^ set(held)}")
_, said = fit("runs.csv", *B, "--level", "0.9", "--save", "a", "--at", "C=1e20")
check("no refits" in said, f"--at of a fit that is there: {said}")

# Damage: exit status 4; a torn block of a fit that is begun is made again.
shutil.copy("runs.fits.h5", "bad.h5")
with h5py.File("bad.h5", "r+") as f:
    f["fits/a/lo"][1] += 1e-9
refused("a changed number", 4, ["damaged", "--replace"], "runs.csv", *B, "--level", "0.9", "--save", "a", "-o", "bad.h5")
with open("bad.h5", "r+b") as f:
    f.truncate(5000)
refused("a truncated file", 4, ["bad.h5"], "runs.csv", *B, "--save", "a", "-o", "bad.h5")
with open("text.h5", "w", encoding="utf-8") as f:
    f.write("nothing")
refused("no HDF5 file", 4, ["not an HDF5 file"], "runs.csv", *B, "--save", "a", "-o", "text.h5")

# Of a store: the results count, not the file's records.
path = store("work.h5", "--first", "0", campaign=TINY)
before = set(os.listdir())
fit(path, "--target", "aa", "--bootstrap", "50", "--save", "a")
check(set(os.listdir()) - before == {"work.fits.h5"}, f"new beside a store: {set(os.listdir()) - before}")
schema("work.fits.h5")
refused("the store itself", 2, ["store of a campaign"], path, "--target", "aa", "--save", "a", "-o", path)
with h5py.File(path, "r+") as f:
    f["runs/seconds"][3] += 1
_, said = fit(path, "--target", "aa", "--bootstrap", "50", "--save", "a")
check("no refits" in said, f"a record of the store is no result: {said}")

missing = []
try:
    import xarray as xr
except ImportError as e:
    missing.append(str(e))
else:
    for engine in ["netcdf4", "h5netcdf"]:
        try:
            __import__("netCDF4" if engine == "netcdf4" else engine)
        except ImportError as e:
            missing.append(str(e))
            continue
        for name in ["a", "by.x_z", "none"]:
            xr.open_dataset("runs.fits.h5", group=f"fits/{name}", engine=engine).load()
        a = xr.open_dataset("runs.fits.h5", group="fits/a", engine=engine).load()
        check(a.replicate.dims == ("b", "parameter") and a.replicate.shape == (200, 5), f"{engine}: {a.replicate.dims}")
        check(set(a.attrs["sets"].split()) == {"by_run", "by_size", "by_compute"}, f"{engine}: sets {a.attrs['sets']}")
        for name in a.attrs["sets"].split():
            one = xr.open_dataset("runs.fits.h5", group=f"fits/a/{name}", engine=engine).load()
            spread = one.replicate.std("b", ddof=1)
            check(bool((abs(spread / one.se - 1) < 1e-9).all()), f"{engine}: standard errors of {name} are those of its refits")
            mine = a.set == name
            check(bool((a.se[mine] == one.se[mine]).all()), f"{engine}: what is reported by {name}")
        check(bool((a.replicate == xr.open_dataset("runs.fits.h5", group="fits/a/by_run", engine=engine).replicate).all()),
              f"{engine}: the headline's replicates")
        check(float(a.lo.sel(parameter="alpha")) < float(a.estimate.sel(parameter="alpha")), f"{engine}: interval")
        check(str(a.launch_start.values[0])[:2] == "20", f"{engine}: a time reads as a date")
        check(json.loads(a.report.item())["law"] == a.attrs["law"] == "chinchilla", f"{engine}: the report")
    example = re.search(r"```python\n(.*?)```", page, re.S).group(1).replace("fits/NAME", "fits/a")
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=100, check=False)
    check(ran.returncode == 0 and "beta/alpha" in ran.stdout and "chinchilla" in ran.stdout, f"the example: {ran.stdout}{ran.stderr}")
for tool, words in [("ncdump", ["-h"]), ("ncdump", ["-g", "a"]), ("h5dump", ["-H"]), ("h5ls", ["-r"])]:
    if shutil.which(tool):
        p = subprocess.run([tool, *words, "runs.fits.h5"], capture_output=True, text=True, timeout=60, check=False)
        check(p.returncode == 0 and "replicate" in p.stdout, f"{tool} {words}: {p.stderr}")
    else:
        missing.append(f"no {tool}")
if missing:
    print("not tried:", "; ".join(missing))
done()
