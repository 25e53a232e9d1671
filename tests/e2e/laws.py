"""isogloss laws: what it lists is what fit knows, in text, in JSON by its schema, within 80 columns."""
import json
import os
import subprocess
import sys

import jsonschema

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
SCHEMA = jsonschema.Draft202012Validator(json.load(open(os.path.join(SOURCE, "schemas/laws.schema.json"))))
checks = failed = 0


def expect(what, good, *details):
    global failed, checks
    checks += 1
    if not good:
        failed += 1
        print("FAILED:", what, *details, sep="\n  ")


def isogloss(*args):
    p = subprocess.run([ISOGLOSS, *args], capture_output=True, text=True, timeout=100)
    return p.returncode, p.stdout, p.stderr


def narrow(what, text):
    wide = [line for line in text.splitlines() if len(line) > 80]
    expect(what + " within 80 columns", not wide, *wide)


def test_list():
    rc, out, err = isogloss("laws")
    expect("isogloss laws", rc == 0, err)
    narrow("list", out)
    rc, text, err = isogloss("laws", "--json")
    laws = json.loads(text)
    errors = [e.message for e in SCHEMA.iter_errors(laws)]
    expect("schema", rc == 0 and not errors, *errors)
    names = [law["name"] for law in laws["laws"]]
    expect("names", set(names) >= {"chinchilla", "dcsl", "msl", "atlas", "curse", "gadre", "clark"}, names)
    for law in laws["laws"]:
        expect(f"{law['name']} in the list", law["name"] in out and law["formula"] in out)
    return laws["laws"]


def test_one(law):
    rc, out, err = isogloss("laws", law["name"])
    expect("isogloss laws " + law["name"], rc == 0, err)
    narrow(law["name"], out)
    for item in law["parameters"] + law["variables"] + law["derived"]:
        expect(f"{law['name']} tells of {item['name']}", f"\n  {item['name']} " in out, out)
    rc, text, err = isogloss("laws", law["name"], "--json")
    expect(f"{law['name']} as JSON", json.loads(text)["laws"] == [law])
    rc, out, err = isogloss("fit", "--law", law["name"], "/nonexistent.csv")
    expect(f"fit knows {law['name']}", "nonexistent" in err, err)


def test_wrong():
    rc, out, err = isogloss("laws", "chinchila")
    expect("nearest name", rc == 2 and "did you mean 'chinchilla'" in err and not out, err)
    rc, out, err = isogloss("laws", "msl", "dcsl")
    expect("one law", rc == 2 and "at most one law" in err, err)


for entry in test_list():
    test_one(entry)
test_wrong()
print(f"{checks} checks, {failed} failed")
sys.exit(failed > 0)
