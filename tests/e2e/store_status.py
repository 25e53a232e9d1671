"""`status`, `export` and `extend` as a user meets them."""
import csv
import io
import json
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, SOURCE, TINY, TOOL, call, check, done, isogloss, scratch, store  # noqa: E402

half = store("half.h5", "--step", "2", "--diverge", "4", "--fail", "6")
full = store("full.h5", "--first", "0")

# ---- status ------------------------------------------------------------------
text = isogloss("status", half)
for words in ["campaign tiny", "mono", "49.4 %", "failed (mono), 3 attempts: crash (signal 11) on node7",
              "trainer died: \xe9tude", "diverged (mono)", "did not end in order"]:
    check(words in text, f"status does not say '{words}':\n{text}")
check(max(len(line) for line in text.splitlines()) <= 100, "status is wide")
isogloss("status", "--exit-code", half, status=75)
isogloss("status", "--exit-code", full, status=0)
isogloss("status", "--exit-code", full, half, status=75)
some = store("some.h5", "--fail", "3")
isogloss("status", "--exit-code", some, status=3)
isogloss("status", "--exit-code", full, some, status=3)
isogloss("status", some, status=0)
isogloss("status", os.path.join(scratch, "none.h5"), status=1)
isogloss("status", TINY, status=4)
isogloss("status", status=2)

report = json.loads(isogloss("status", "--json", "--verify", half, full))
check([s["exit_status"] for s in report["stores"]] == [75, 0], "JSON verdicts")
check(report["stores"][0]["total"]["states"]["done"] == 22, "JSON counts")
lost = report["stores"][0]["not_done_well"]
check(lost[1]["last"]["cause"] == "crash" and lost[1]["last_loss_tokens"] is None, "JSON cause")
check(lost[0]["state"] == "diverged" and 0 < lost[0]["last_loss_tokens"] < lost[0]["tokens"], "where the last loss is")
check(sum(lost[0]["mixture"].values()) == 1 and not lost[0]["trunk_part"], f"JSON of a run: {lost[0]}")
check(report["stores"][0]["total"]["trunk_parts"]["parts"] == 0, "no trunks")
check(report["stores"][0]["damaged"] == 0, "JSON damage")
try:
    import jsonschema
except ImportError as e:
    print("not tried:", e)
else:
    with open(os.path.join(SOURCE, "schemas", "status.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)
    broken = json.loads(json.dumps(report))
    del broken["stores"][0]["total"]["states"]["done"]
    try:
        jsonschema.validate(broken, schema)
        check(False, "the schema misses a missing count")
    except jsonschema.ValidationError:
        check(True, "")

# ---- a launch that runs, and one that was killed ------------------------------
holder = subprocess.Popen([sys.executable, "-c", f"""
import fcntl, json, os, socket, time
f = open({half + '.lock'!r}, "w")
fcntl.flock(f, fcntl.LOCK_EX)
json.dump(dict(host=socket.gethostname().split(".")[0], pid=os.getpid(), job="", restart=0, epoch=1,
               owner="aa", since=time.time(), heartbeat=time.time()), f)
f.flush()
print("held", flush=True)
time.sleep(60)
"""], stdout=subprocess.PIPE, text=True)
holder.stdout.readline()
check(f"running: pid {holder.pid} on" in isogloss("status", half), "status names the process that runs")
busy = subprocess.run([ISOGLOSS, "extend", half, TINY], capture_output=True, text=True, timeout=60, check=False)
check(busy.returncode == 1 and f"pid {holder.pid}" in busy.stderr, f"extend while it runs: {busy.stderr}")
holder.kill()
holder.wait()
check("running:" not in isogloss("status", half), "a killed process does not run")
isogloss("extend", half, TINY)
check(not os.path.exists(half + ".lock"), "the lock is gone after extend")

# ---- export ------------------------------------------------------------------
rows = list(csv.DictReader(io.StringIO(isogloss("export", half))))
check(len(rows) == 22 * 4 * 2 + 2, f"{len(rows)} observations")
needed = ("run_id family cluster_id N_params N_nonembedding D_tokens unique_tokens epochs n_languages eval_language "
          "evaluation loss unit lr_state is_final diverged seed data_seed tokens_aa unique_aa weight_aa in_mono").split()
check(set(needed) <= set(rows[0]), f"columns missing: {set(needed) - set(rows[0])}")
final = [r for r in rows if r["is_final"] == "1"]
check(len(final) == 22 * 2 and all(r["lr_state"] == "end" for r in final), "one cooled point a run and evaluation")
check(all(r["diverged"] == "0" for r in final), "a diverged run has no final point")
check(all(float(r["D_tokens"]) == float(r["tokens_aa"]) + float(r["tokens_bb"]) for r in rows), "tokens add up")
repeated = [r for r in rows if float(r["D_tokens"]) > float(r["unique_tokens"])]
check(all(abs(float(r["epochs"]) * float(r["unique_tokens"]) / float(r["D_tokens"]) - 1) < 1e-12 for r in rows), "epochs")
check(all(r["tokens_bb"] == "4000000" and r["unique_tokens"] == "2000000" and r["epochs"] == "2" for r in repeated)
      and repeated, "4M tokens of a language of 2M bytes are two epochs")
out = os.path.join(scratch, "half.csv")
isogloss("export", "--tidy", "-o", out, half)
with open(out, encoding="utf-8") as f:
    check(len(f.readlines()) == len(rows) + 1, "-o writes the same")
isogloss("export", store("empty.h5"), status=5)
isogloss("export", half, full, status=2)
isogloss("export", "--tidy", "--results-digest", half, status=2)

# ---- digest, extend ------------------------------------------------------------
digest = isogloss("export", "--results-digest", full)
back = store("back.h5")
for first in ["1", "0"]:
    call(TOOL, "fill", back, TINY, "--first", first, "--step", "2")
check(isogloss("export", "--results-digest", back) == digest, "the order of commits changes the digest")
check(isogloss("export", "--results-digest", half) != digest, "an unfinished store has the digest of a finished one")

larger = os.path.join(scratch, "larger.yaml")
with open(TINY, encoding="utf-8") as f:
    campaign = f.read()
with open(larger, "w", encoding="utf-8") as f:
    f.write(campaign.replace("tokens: [1M, 2M, 4M]", "tokens: [500k, 1M, 2M, 4M]"))
refused = subprocess.run([TOOL, "fill", full, larger], capture_output=True, text=True, timeout=60, check=False)
check(refused.returncode == 2 and "16 runs added" in refused.stderr and f"isogloss extend {full}" in refused.stderr,
      f"a changed campaign: {refused.stderr}")
check("64 runs, 16 of them new, 48 results kept" in isogloss("extend", full, larger), "extend says what it did")
isogloss("status", "--verify", "--exit-code", full, status=75)
refused = subprocess.run([ISOGLOSS, "extend", full, os.devnull], capture_output=True, text=True, timeout=60, check=False)
check(refused.returncode == 2, "extend with a bad campaign")
smaller = os.path.join(scratch, "smaller.yaml")
with open(smaller, "w", encoding="utf-8") as f:
    f.write(campaign.replace("seeds: 2", "seeds: 1"))
refused = subprocess.run([ISOGLOSS, "extend", full, smaller], capture_output=True, text=True, timeout=60, check=False)
check(refused.returncode == 2 and "24 finished runs" in refused.stderr, f"losing runs: {refused.stderr}")

# ---- a full disk: a message and exit status 1, and nothing is left -----------------
full_disk = subprocess.run([TOOL, "create", os.path.join(scratch, "nospace.h5"), TINY], capture_output=True, text=True,
                           timeout=60, check=False, restore_signals=False,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000)))
check(full_disk.returncode == 1 and "nospace.h5" in full_disk.stderr, f"full disk: {full_disk}")
check(not [n for n in os.listdir(scratch) if n.startswith("nospace")], "a full disk leaves a file")

# ---- damage --------------------------------------------------------------------
try:
    import h5py
except ImportError as e:
    print("not tried:", e)
else:
    with h5py.File(half, "r+") as f:
        f["points/loss"][2, 0, 0] += 1e-9
    check("DAMAGED: 1 mark" in isogloss("status", "--verify", half, status=4), "status names the damage")
    isogloss("status", half)
    isogloss("export", "--results-digest", half, status=4)
    check(len(list(csv.DictReader(io.StringIO(isogloss("export", half))))) == len(rows) - 8, "a damaged run is left out")
done()
