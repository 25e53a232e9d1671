"""Every campaign in jobs/ passes `isogloss check` and plans what its comments promise."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ISOGLOSS, SOURCE = os.environ["ISOGLOSS"], os.environ["ISOGLOSS_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from checks import done, expect  # noqa: E402
# Sizes as the built corpora have them, in bytes; other languages get the least of them.
BYTES = {"el": 8305249, "de": 4588796, "ru": 4519414, "en": 3667866, "ja": 2787574}
RUNS = {"demo": 24, "atlas-774": 774, "atlas-774-paper": 774}
FAMILIES = {"mono": 140, "unimax": 20, "multi-mono": 70, "multi-mono-all": 50, "pairs": 90, "target-pairs": 150,
            "capacity": 120, "finetune-all": 50, "finetune": 84}
LANGUAGES = ("en fr ru zh-Hans zh-Hant hi de es pt pt-BR ja vi it nl uk pl cs da nb nn sv sl sk bg mk ca gl ast lt el eu hu "
             "fi et tr kk tg mn ka id ko th km bo dz bn ne ta am om sid eo").split()


with tempfile.TemporaryDirectory() as corpus:
    languages = [dict(code=c, name=c, script="", family="", licence="", train_file=c + ".train", held_file=c + ".held",
                      train=dict(bytes=BYTES.get(c, 1069842)), held=dict(bytes=100000)) for c in LANGUAGES]
    with open(os.path.join(corpus, "index.json"), "w") as f:
        json.dump(dict(isogloss_corpus=1, name="jobs", fingerprint="0" * 64, shards=16,
                       languages=languages), f)
    jobs = sorted(glob.glob(os.path.join(SOURCE, "jobs/*.yaml")))
    seen = 0
    for job in jobs:
        text = open(job).read()
        expect(job + " is a campaign", re.search(r"^isogloss: 1$", text, re.M))  # other things lie elsewhere
        seen += 1
        name = os.path.basename(job)[:-5]
        override = ["--corpus", corpus] if "kind: proxy" in text else []
        env = dict(os.environ, ISOGLOSS_NUMERICS="generic-2")
        p = subprocess.run([ISOGLOSS, "check", *override, job], capture_output=True, text=True, env=env, timeout=60)
        expect(name, p.returncode == 0 and not p.stderr, p.stderr)
        p = subprocess.run([ISOGLOSS, "plan", "--json", "--runs", "--speed", "150e9", "--workers", "2", *override, job],
                           capture_output=True, text=True, env=env, timeout=60)
        expect(name + ": plan", p.returncode == 0, p.stderr)
        plan = json.loads(p.stdout)
        print(f"{name}: {plan['runs']} runs, {plan['flops']:.3g} FLOPs, {plan['makespan_s'] / 60:.1f} min on 2 workers")
        expect(name + ": named as its file", plan["name"] == name)
        expect(name + ": runs", plan["runs"] == RUNS.get(name, plan["runs"]), str(plan["runs"]))
        if name.startswith("atlas"):
            got = {f["name"]: f["runs"] for f in plan["families"]}
            expect(name + ": rows of the paper's table", got == FAMILIES, str(got))
            expect(name + ": 134 finetunes", plan["waiting"] == 134 and plan["depth"] == 2)
        if name == "demo":
            expect("demo: about a minute on two cores", 30 < plan["makespan_s"] < 90, str(plan["makespan_s"]))
            expect("demo: 16 runs of one language", [f["runs"] for f in plan["families"]] == [16, 8])
        if name == "workstation":
            expect("workstation: about an hour on two cores", 1800 < plan["makespan_s"] < 5400, str(plan["makespan_s"]))
        ids = [r["id"] for r in plan["run_list"]]
        expect(name + ": parents first", all(r["parent"] is None or ids.index(r["parent"]) < i
                                            for i, r in enumerate(plan["run_list"])))
        expect(name + ": ids differ", len(set(ids)) == len(ids))
    expect("campaigns were found", seen >= 5)
done()
