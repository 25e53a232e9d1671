"""Wrong usage: every message names the thing, the value and what to do, on stderr alone, with its
exit status. A table; what campaign files and CSV files get wrong is in campaign_messages.py and
fit.py."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], pathlib.Path(os.environ["ISOGLOSS_SOURCE"])
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import check, done, skip  # noqa: E402
try:
    import h5py
except ImportError:
    skip("needs python3-h5py")
NOT_HDF5 = ["not an HDF5 file", "isogloss run"]

# arguments, exit status, parts of the message. {tmp} holds the files that prepare() makes.
TABLE = [
    ("", 2, ["Usage: isogloss COMMAND"]),
    ("runn", 2, ["unknown command 'runn'", "'run'"]),
    ("frobnicate", 2, ["unknown command 'frobnicate'", "isogloss --help"]),
    ("run", 2, ["one campaign file, got 0", "--help"]),
    ("run good.yaml other.yaml", 2, ["one campaign file, got 2"]),
    ("run nosuch.yaml", 1, ["cannot open 'nosuch.yaml': No such file"]),
    ("run dir", 1, ["'dir'", "directory"]),
    ("run empty", 2, ["empty:1:1", "the file is empty"]),
    ("run good.h5", 2, ["good.h5", "NUL byte", "campaign file"]),
    ("run noise", 2, ["noise:", "UTF-8"]),
    ("run --slot 2 good.yaml", 2, ["unknown option '--slot'", "'--slots'"]),
    ("run --frobnicate good.yaml", 2, ["unknown option '--frobnicate'", "--help"]),
    ("run -x good.yaml", 2, ["unknown option '-x'", "--help"]),
    ("run --slots", 2, ["--slots needs a value"]),
    ("run -j 0 good.yaml", 2, ["--slots: 0 is outside 1 to 65536"]),
    ("run -j many good.yaml", 2, ["--slots: 'many' is not a whole number"]),
    ("run -t soon good.yaml", 2, ["--time-limit 'soon'", "30m"]),
    ("run -t -5 good.yaml", 2, ["--time-limit '-5'", "30m"]),
    ("run -t inf good.yaml", 2, ["--time-limit 'inf'", "30m"]),
    ("run --shard 9/3 good.yaml", 2, ["--shard '9/3'", "1 <= I <= N"]),
    ("run --numerics sse good.yaml", 2, ["--numerics 'sse'", "generic-2", "avx512-2"]),
    ("run -o nodir/x.h5 good.yaml", 1, ["nodir/x.h5.lock", "No such file", "directory"]),
    ("run -o dir good.yaml", 1, ["dir", "Is a directory"]),
    ("run -o empty good.yaml", 4, ["empty", *NOT_HDF5]),
    ("run -o good.yaml good.yaml", 4, ["good.yaml", *NOT_HDF5]),
    ("run -o good.h5 other.yaml", 2, ["seed: was 1, is 2", "lacks 24 finished runs", "isogloss run -o", "good-2.h5"]),
    ("run -o future.h5 good.yaml", 4, ["format 99", "knows format 1", "the isogloss that made it"]),
    ("run --corpus nowhere proxy.yaml", 2, ["nowhere", "isogloss corpus build"]),
    ("check", 2, ["one or more campaign files, got 0"]),
    ("check dir", 1, ["'dir'", "directory"]),
    ("plan", 2, ["one campaign file, got 0"]),
    ("plan --workers 0 good.yaml", 2, ["--workers: 0 is outside"]),
    ("plan --speed fast good.yaml", 2, ["--speed: 'fast' is not a number"]),
    ("status", 2, ["one or more stores, got 0"]),
    ("status nosuch.h5", 1, ["there is no store 'nosuch.h5'"]),
    ("status good.yaml", 4, ["good.yaml", *NOT_HDF5]),
    ("status dir", 1, ["dir", "Is a directory"]),
    ("status empty", 4, ["empty", *NOT_HDF5]),
    ("status cut.h5", 4, ["cut.h5", "truncated"]),
    ("status foreign.h5", 4, ["foreign.h5", "was not made by 'isogloss run'"]),
    ("status future.h5", 4, ["format 99", "the isogloss that made it"]),
    ("export", 2, ["one store, got 0"]),
    ("export --tidy --results-digest good.h5", 2, ["exclude each other"]),
    ("export -o nodir/x.csv good.h5", 1, ["cannot create 'nodir/x.csv'"]),
    ("extend good.h5", 2, ["a store and a campaign file, got 1"]),
    ("extend good.yaml good.h5", 4, ["good.yaml", *NOT_HDF5]),
    ("extend good.h5 less.yaml", 2, ["24 finished runs", "would lose them", "new store"]),
    ("fit", 2, ["one or more stores or CSV files"]),
    ("fit good.h5", 2, ["evaluation (2 values: aa, bb)", "--target", "--by evaluation"]),
    ("fit --target xx good.h5", 2, ["--target xx", "aa, bb"]),
    ("fit --fix alpha good.h5", 2, ["--fix: 'alpha'", "alpha=0.35"]),
    ("fit noise", 2, ["noise: not a text file", "CSV"]),
    ("fit dir", 1, ["'dir'", "directory"]),
    ("corpus", 2, ["which verb?"]),
    ("corpus bild", 2, ["'bild'", "'build'"]),
    ("corpus build m.yaml", 2, ["-o DIR"]),
    ("corpus build -o c", 2, ["one manifest, got 0"]),
    ("corpus build -o c good.yaml", 2, ["good.yaml:2:1: unknown key 'isogloss'"]),
    ("corpus show dir", 2, ["'dir' is not a built corpus", "isogloss corpus build"]),
    ("corpus extract zip", 2, ["'zip'", "libreoffice-help"]),
]


def prepare():
    tiny = (SOURCE / "tests/data/tiny.yaml").read_text()
    files = {"good": tiny, "other": tiny.replace("seed: 1", "seed: 2"),
             "less": tiny.replace("12k, 25k, 49k, 98k", "12k, 25k"), "proxy": (SOURCE / "jobs/demo.yaml").read_text()}
    for name, text in files.items():
        pathlib.Path(name + ".yaml").write_text(text)
    os.mkdir("dir")
    pathlib.Path("empty").touch()
    pathlib.Path("noise").write_bytes(bytes(range(1, 256)))
    subprocess.run([ISOGLOSS, "run", "-o", "good.h5", "good.yaml"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    pathlib.Path("cut.h5").write_bytes(pathlib.Path("good.h5").read_bytes()[:30000])
    shutil.copy("good.h5", "future.h5")
    with h5py.File("future.h5", "r+") as f:
        f.attrs["isogloss_format"] = f.attrs["isogloss_format"] * 0 + 99
    with h5py.File("foreign.h5", "w") as f:
        f["x"] = [1, 2]


def refused(status, parts, *args, **kwargs):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=60, check=False, **kwargs)
    what = "isogloss " + " ".join(args)
    check(p.returncode == status, what, f"exit status {p.returncode}, wanted {status}", p.stderr)
    check(not p.stdout, what, "says on stdout:", p.stdout)
    for part in parts:
        check(part in p.stderr, what, f"'{part}' is not in:", p.stderr)


with tempfile.TemporaryDirectory() as tmp:
    os.chdir(tmp)
    prepare()
    for line, status, parts in TABLE:
        refused(status, parts, *line.split())
    check(os.path.getsize("empty") == 0 and os.listdir("dir") == [], "what is no store was changed")

    # a bootstrap that is stopped and not kept says so
    with open("runs.csv", "w", encoding="utf-8") as out:
        out.write("run_id,N_params,D_tokens,loss\n")
        for k in range(64):
            n, d = 1e7 * 2**(k % 8), 1e9 * 3**(k // 8)
            out.write(f"{k},{n},{d},{(1.7 + 480 / n**.35 + 2100 / d**.37) * (1 + .001 * ((k * 37) % 11 - 5))}\n")
    p = subprocess.Popen([ISOGLOSS, "fit", "runs.csv", "--bootstrap", "1000000"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    p.terminate()
    said = p.communicate(timeout=60)[1]
    check(p.returncode == 75 and "nothing is kept" in said and "--save NAME" in said, "a stopped bootstrap", p.returncode, said)

    # nobody reads on: no complaint, the status of a death by SIGPIPE
    for line in ("laws chinchilla", "laws --json", "fit --help"):
        reader, writer = os.pipe()
        os.close(reader)
        p = subprocess.run([ISOGLOSS, *line.split()], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        os.close(writer)
        check(p.returncode == 141 and not p.stderr, line, "into a closed pipe:", p.returncode, p.stderr)
    with open("/dev/full", "w", encoding="utf-8") as full:
        p = subprocess.run([ISOGLOSS, "laws"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    check(p.returncode == 1 and "cannot write" in p.stderr, "laws onto a full disk", p.returncode, p.stderr)

    # a campaign of processes without the programs that start them
    own = [line if not line.startswith("trainer:") else "trainer: {kind: command, command: [x]}"
           for line in pathlib.Path("good.yaml").read_text().splitlines()]
    pathlib.Path("own.yaml").write_text("\n".join(own))
    bare = pathlib.Path("bare")
    bare.mkdir()
    shutil.copy(ISOGLOSS, bare / "isogloss")
    env = {k: v for k, v in os.environ.items() if k != "ISOGLOSS_LIBEXEC"}
    p = subprocess.run(["bare/isogloss", "run", "own.yaml"], capture_output=True, text=True, timeout=60, env=env, check=False)
    check(p.returncode == 1 and "isogloss-guard" in p.stderr and "ISOGLOSS_LIBEXEC" in p.stderr, p.returncode, p.stderr)

    if os.geteuid() == 0:
        print("run as root: what may not be read or written was not tried")
    else:
        for name in ("good.yaml", "good.h5", "dir"):
            os.chmod(name, 0)
        refused(1, ["'good.yaml': Permission denied"], "check", "good.yaml")
        refused(1, ["good.h5", "Permission denied"], "status", "good.h5")
        refused(1, ["dir/x.h5.lock", "Permission denied"], "run", "-o", "dir/x.h5", "other.yaml")
        os.chmod("dir", 0o700)
    os.chdir("/")
done()
