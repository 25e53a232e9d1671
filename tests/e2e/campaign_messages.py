"""What a user reads: isogloss check on bad campaigns, isogloss plan on a good one."""
import json
import os
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import done, expect  # noqa: E402


def run(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


def fits(what, report, schema):
    with open(os.path.join(SOURCE, "schemas", schema + ".schema.json")) as f:
        errors = [f"{e.json_path}: {e.message}" for e in Draft202012Validator(json.load(f)).iter_errors(report)]
    expect(f"{what} fits schemas/{schema}.schema.json", not errors, *errors[:5])


TINY = open(os.path.join(SOURCE, "tests/data/tiny.yaml")).read()

# (what, replace, with, LINE:COLUMN, parts of the message)
BAD = [
    ("unknown key", "sizes:", "sises:", "7:1", ["unknown key 'sises'", "did you mean 'sizes'?"]),
    ("unknown key of a section", "spacing:", "spaceing:", "9:52", ["did you mean 'spacing'?"]),
    ("wrong choice", "kind: synthetic", "kind: synthtic", "6:17",
     ["found 'synthtic'", "proxy, command, synthetic", "did you mean 'synthetic'?"]),
    ("out of range", "seed: 1", "seed: -1", "4:7", ["key 'seed': found '-1'", "0 to 9e+15"]),
    ("bad size", "[12k,", "[12q,", "7:9", ["found '12q'", "p0 to p9"]),
    ("bad budget", "4M]", "fourM]", "8:18", ["found 'fourM'", "max(4M, 20x)"]),
    ("unknown language", "languages: [aa, bb], seeds", "languages: [aa, cc], seeds", "11:56", ["language 'cc'", "(aa, bb)"]),
    ("missing key", "name: tiny\n", "", "2:1", ["key 'name' is missing"]),
    ("duplicate key", "seed: 1\n", "seed: 1\nseed: 2\n", "5:1", ["key 'seed' is given twice"]),
    ("alias", "name: tiny", "name: &n tiny", "3:7", ["anchors (&name) are not allowed"]),
    ("alias", "seed: 1\n", "seed: *n\n", "4:7", ["aliases (*name) are not allowed"]),
    ("tag", "name: tiny", "name: !x tiny", "3:7", ["tags"]),
    ("second document", "families:", "---\nfamilies:", "10:1", ["second document"]),
    ("empty list", "sizes: [12k, 25k, 49k, 98k]", "sizes: []", "7:8", ["one entry or more"]),
    ("depth", "title: x\n", "", "4:", ["nested deeper than 16"]),
    ("too many runs", "seeds: 2", "seeds: 1000000", "11:5", ["2.4e+07 runs", "allowed: 1e+07"]),
    ("ignored key", "seeds: 2", "share: 0.5", "11:68", ["'share'", "bilingual"]),
    ("few held-out bytes", "held_bytes: 256k}, bb", "held_bytes: 9}, bb", "9:11", ["9 held-out bytes", "16 shards"]),
    ("foreign key of a trainer", "noise:", "command: [x], noise:", "6:93", ["only for trainers of kind command"]),
]

with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, "bad.yaml")
    for what, old, new, where, parts in BAD:
        text = TINY
        if what == "depth":
            text = text.replace("seed: 1\n", "seed: " + "[" * 40 + "]" * 40 + "\n")
        else:
            expect("the row changes something: " + what, old in text)
            text = text.replace(old, new, 1)
        open(path, "w").write(text)
        code, out, err = run("check", path)
        expect(what, code == 2 and not out, f"exit status {code}", out)
        expect(what, err.startswith(f"{path}:{where}"), f"wanted {where}", err)
        for part in parts:
            expect(what, part in err, f"wanted '{part}'", err)

    # several errors are reported at once, in the order of the file
    open(path, "w").write(TINY.replace("seed: 1", "seed: x").replace("[12k,", "[0,").replace("tokens:", "tokns:"))
    code, out, err = run("check", path)
    lines = [line.split(":")[1] for line in err.splitlines()]
    expect("several errors", lines == ["4", "7", "8"], err)
    code, out, err = run("check", "--json", path)
    fits("check --json", json.loads(out), "check")
    report = json.loads(out)["campaigns"][0]
    expect("--json", code == 2 and not report["good"] and len(report["errors"]) == 3, out)

    # bytes that are no text
    open(path, "wb").write(b"isogloss: 1\nname: \xff\xfe\n")
    code, out, err = run("check", path)
    expect("invalid UTF-8", code == 2 and "UTF-8" in err, err)
    open(path, "wb").write(b"name: x\n#" + b"x" * (5 << 20))
    code, out, err = run("check", path)
    expect("too large", code == 2 and "larger than" in err, str(code), err[:200])

    # no corpus: says how to make one
    open(path, "w").write(TINY[TINY.index("isogloss:"):TINY.index("corpus:")] + "corpus: nowhere\n" +
                          TINY[TINY.index("trainer:"):])
    code, out, err = run("check", path)
    expect("no corpus", code == 2 and f"{d}/nowhere" in err and "isogloss corpus build" in err, err)

tiny = os.path.join(SOURCE, "tests/data/tiny.yaml")
code, out, err = run("check", tiny)
expect("good campaign", code == 0 and "48 runs" in out and not err, out, err)
code, out, err = run("plan", tiny)
expect("plan", code == 0 and not err and max(map(len, out.splitlines())) <= 80, out, err)
code, out, err = run("plan", "--json", "--runs", "--workers", "3", tiny)
plan = json.loads(out)
fits("plan --json --runs", plan, "plan")
families = os.path.join(SOURCE, "tests/data/families.yaml")
fits("plan --json of every kind of family", json.loads(run("plan", "--json", "--runs", families)[1]), "plan")
expect("plan --json", code == 0 and plan["runs"] == len(plan["run_list"]) == 48 and plan["workers"] == 3, out[:300])
expect("languages", plan["languages"]["bb"]["most_epochs"] == 2, str(plan["languages"]))
done()
