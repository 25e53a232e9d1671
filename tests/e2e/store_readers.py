"""A store opens in h5py, xarray (both engines), ncdump and h5dump, also while it is written."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import TINY, TOOL, call, check, done, store  # noqa: E402

GROUPS = ["/", "campaign", "languages", "evaluations", "runs", "points", "attempts", "provenance"]
missing = []

path = store("s.h5", "--first", "0", "--step", "1", "--diverge", "5", "--fail", "7")

try:
    import numpy as np
    import xarray as xr
except ImportError as e:
    xr = None
    missing.append(str(e))

if xr:
    for engine in ["netcdf4", "h5netcdf"]:
        try:
            __import__("netCDF4" if engine == "netcdf4" else engine)
        except ImportError as e:
            missing.append(str(e))
            continue
        for group in GROUPS:
            xr.open_dataset(path, group=group, engine=engine).load()
        points = xr.open_dataset(path, group="points", engine=engine)
        loss = points.loss.sel(evaluation="aa")
        check(loss.dims == ("run", "point"), f"{engine}: dimensions {loss.dims}")
        check({"id", "family", "N_total", "N_nonembedding", "tokens"} <= set(loss.coords), f"{engine}: {loss.coords}")
        check(loss.attrs["units"] == "bit/byte", f"{engine}: {loss.attrs}")
        check(bool(np.isnan(loss[7]).all()), f"{engine}: a failed run has no loss")
        check(bool(np.isfinite(loss[5, 0])) and bool(np.isnan(loss[5, 1:]).all()), f"{engine}: partial curve")
        check(int(np.isfinite(loss).all("point").sum()) == 46, f"{engine}: full curves")
        check(str(points.id.values[0]).isalnum() and len(points.id.values[0]) == 32, f"{engine}: run ids")
        check(str(points.family.values[0]) == "mono", f"{engine}: family {points.family.values[0]}")
        check(points.shard_loss.dtype == np.float32, f"{engine}: {points.shard_loss.dtype}")
        runs = xr.open_dataset(path, group="runs", engine=engine)
        check(str(runs.device.values[0]) == "cpu", f"{engine}: device {runs.device.values[0]!r}")
        check(float(runs.mixture.sel(train_language="aa").sum()) == 24, f"{engine}: mixture")
        check(int(runs.membership.sel(family="mono").sum()) == 48, f"{engine}: membership")
        words = xr.open_dataset(path, group="attempts", engine=engine).message.values[0]
        check(str(words) == "trainer died: \xe9tude", f"{engine}: message {words!r}")
        start = xr.open_dataset(path, group="provenance", engine=engine).start.values[0]
        check(str(start)[:2] == "20", f"{engine}: a time reads as a date, got {start!r}")

try:
    import h5py
except ImportError as e:
    h5py = None
    missing.append(str(e))

if h5py:
    with h5py.File(path, "r") as f:
        check(f["points/loss"].dims[2][0].name == "/points/evaluation", "scales are attached")
        check(f["points/evaluation"].asstr()[:].tolist() == ["aa", "bb"], "evaluation names")
        check(all(f[g].id.get_create_plist().get_link_creation_order() for g in GROUPS), "creation order is kept")
    # Open and reopen while another process writes.
    live = store("live.h5")
    writer = subprocess.Popen([TOOL, "fill", live, TINY], stdout=subprocess.PIPE, text=True)
    seen = 0
    for line in writer.stdout:
        slot = int(line.split()[0])
        with h5py.File(live, "r") as f:
            check(f["runs/mark"][slot] != 0, f"run {slot} is seen at once")
            check(bool((f["points/tokens"][slot] > 0).all()), f"run {slot}: its tokens are seen with its mark")
        seen += 1
    check(writer.wait(timeout=60) == 0 and seen == 48, f"the writer committed {seen} runs beside a reader")

for tool, words in [("ncdump", ["-h"]), ("ncdump", ["-g", "attempts"]), ("h5dump", ["-H"]), ("h5ls", ["-r"])]:
    if shutil.which(tool):
        text = call(tool, *words, path)
        check("loss" in text or "message" in text, f"{tool} {words} says nothing")
    else:
        missing.append(f"no {tool}")

if missing:
    print("not tried:", "; ".join(missing))
done()
