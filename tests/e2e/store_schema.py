"""schemas/store.md says what a store is: every group, dataset, type, dimension, unit, name, code
and attribute is held against a real store, in both directions, and its example is run."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import SOURCE, check, done, isogloss, scratch, skip, store  # noqa: E402

try:
    import h5py
    import numpy as np
except ImportError as e:
    skip(str(e))

with open(os.path.join(SOURCE, "schemas", "store.md"), encoding="utf-8") as f:
    page = f.read()


def rows(text):
    """Cells of the rows of a table below its head."""
    found = [[c.strip().strip("`") for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return found[2:]


def section(title):
    return re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", page, re.M | re.S).group(1)


def kind(dtype):
    """The page's word for an HDF5 type."""
    text = h5py.check_string_dtype(dtype)
    if text:
        return "name" if text.length is None and text.encoding == "utf-8" else f"text{text.length}" if text.length != 1 else "text"
    return {"u": "u", "i": "i", "f": "f"}[dtype.kind] + str(8 * dtype.itemsize)


path = store("store.h5", "--first", "0", "--diverge", "5", "--fail", "7")
with h5py.File(path, "r") as f:
    groups = {"/"} | {"/" + name for name in f if isinstance(f[name], h5py.Group)}
    documented = set(re.findall(r"^### (/\S*)$", page, re.M))
    check(groups == documented, f"groups: {groups ^ documented}")
    codes = {name: words.split() for name, words in rows(section("Codes"))}
    for group in sorted(documented & groups):
        table = {r[0]: r[1:] for r in rows(section(group))}
        here = {name: d for name, d in f[group].items() if isinstance(d, h5py.Dataset)}
        wild = table.pop("<setting>", None)
        settings = {n for n in here if wild and str(here[n].attrs.get("long_name", "")).startswith("setting ")}
        check(set(table) == set(here) - settings, f"datasets of {group}: {set(table) ^ (set(here) - settings)}")
        check(list(table) == [n for n in here if n in table] or group == "/", f"order of creation in {group}")
        for name in sorted(set(table) & set(here)):
            kind_said, dims_said, unit, _, long_name = table[name]
            d = here[name]
            where = f"{group}/{name}"
            check(kind(d.dtype) == kind_said, f"type of {where}: {kind(d.dtype)}, the page says {kind_said}")
            scale = d.attrs.get("CLASS", b"") == b"DIMENSION_SCALE"
            dims = [name] if scale else [dim[0].name.rsplit("/", 1)[-1] if len(dim) else "none" for dim in d.dims]
            check(dims == [w for w in dims_said.split(", ") if w], f"dimensions of {where}: {dims}, the page says {dims_said}")
            check(scale == (dims_said == name), f"{where} is a scale: {scale}")
            same_group = all(len(dim) == 1 and dim[0].parent == d.parent for dim in d.dims)
            check(scale or same_group, f"{where}: its scales are in its own group")
            bare = kind_said == "u8" and name.startswith("string")
            has = d.attrs.get("units", "")
            check(has == ("bit/byte" if unit.startswith("the campaign") else unit), f"unit of {where}: {has!r}, the page says {unit!r}")
            check(bare or d.attrs["long_name"] == long_name, f"long name of {where}: {d.attrs.get('long_name')!r}")
            check(("flag_meanings" in d.attrs) == (where in codes), f"codes of {where}")
            check(kind_said[0] != "f" or np.isnan(d.attrs["_FillValue"][0]), f"{where} has a fill value")
            check(d.chunks is None and d.id.get_create_plist().get_alloc_time() == h5py.h5d.ALLOC_TIME_EARLY,
                  f"{where} is contiguous and allocated early")
        for name in settings:
            check(kind(here[name].dtype) == wild[0] and here[name].dims[0][0].name == "/runs/run", f"setting {name}")
    for where, words in codes.items():
        check(f[where].attrs["flag_meanings"].split() == words, f"codes of {where}: {f[where].attrs['flag_meanings']}")
        check(f[where].attrs["flag_values"].tolist() == list(range(len(words))), f"values of {where}")
    said = {(group, name): kind_said for group, name, kind_said, _ in rows(section("Attributes"))}
    found = {(g, name): value for g in groups for name, value in f[g].attrs.items()}
    check(set(said) == set(found), f"attributes: {set(said) ^ set(found)}")
    check(all((kind_said == "name") == isinstance(found[at], str) for at, kind_said in said.items() if at in found), "attribute types")

    # The definition of the mark, made again from the page alone.
    results = [r[0] for r in rows(section("/points")) if r[4] == "result"]
    table = [0] * 256
    for i in range(256):
        c = i
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
        table[i] = c
    for slot in [0, 5, 7, 11]:
        data = f["points/id"].asstr()[slot].encode() + b"".join(f["points"][name][slot].tobytes() for name in results)
        crc = 0xFFFFFFFF
        for byte in data:
            crc = crc >> 8 ^ table[(crc ^ byte) & 255]
        mark = int(f["runs/mark"][slot])
        check(mark == (0 if slot == 7 else 1 << 32 | crc ^ 0xFFFFFFFF), f"mark of run {slot}: {mark:x}")

# The tidy table has the columns that the page lists.
columns = [r[0] for r in rows(section("The tidy table"))]
header = isogloss("export", path).splitlines()[0].split(",")
patterns = [re.compile(re.sub(r"<\w+>", r"\\w+", c) + r"\Z") for c in columns if not c.startswith("<")]
optional = {r[0] for r in rows(section("The tidy table")) if "where it is known" in r[1] or "evaluations of whole pages" in r[1]}
check(all(c in header for c in columns if "<" not in c and c not in optional), f"columns missing: {set(columns) - set(header)}")
with h5py.File(path, "r") as f:
    own = {s["name"] for s in json.loads(f["campaign/settings"].asstr()[()])["settings"]}
check(own and own <= set(header), f"settings that do not vary are columns, too: {own - set(header)}")
check(all(h in own or any(p.match(h) for p in patterns) for h in header), f"columns the page does not name: {header}")

try:
    __import__("xarray")
except ImportError as e:
    print("not tried: the example:", e)
else:
    example = re.search(r"```python\n(.*?)```", page, re.S).group(1)
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=100, cwd=scratch, check=False)
    check(ran.returncode == 0, f"the example: {ran.stderr}")
    check(len([x for x in ran.stdout.splitlines() if " mono " in x or "mono" in x]) == 6, f"the example prints\n{ran.stdout}")
done()
