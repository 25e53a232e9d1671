"""What `run` says at its end, and that every command which it offers works as it is printed: after all kinds of ends,
with names that a shell would split, and after a campaign was changed. Campaigns that diverge throughout."""
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["ISOGLOSS_SOURCE"], "tests", "support"))
from store_case import ISOGLOSS, check, done, made_corpus, scratch  # noqa: E402

SYNTHETIC = """
isogloss: 1
name: {name}
seed: {seed}
corpus: {corpus}
trainer: {{kind: synthetic, law: {{E: 1.5, A: 300, B: 900, alpha: 0.35, beta: 0.33}}, noise: {{run: 0.003}}, seconds_per_run: {pace}}}
sizes: [{sizes}]
tokens: [{tokens}]
evaluate: {{languages: [{evaluate}], points: 2, bytes: 16k, shards: 4}}
families: [{{name: f, mixture: {mixture}, {more}}}]
"""
USUAL = {"seed": 1, "pace": 0, "sizes": "12k, 25k, 49k, 98k", "tokens": "1M, 2M, 4M", "evaluate": "aa", "mixture": "monolingual",
         "more": "languages: [aa]", "corpus": "{languages: {aa: {train_bytes: 4M, held_bytes: 256k}, bb: {train_bytes: 4M, held_bytes: 256k}}}"}
DIVERGES = """
import json, os
run = json.load(open(os.environ["ISOGLOSS_RUN"]))
with open(os.environ["ISOGLOSS_EVENTS"], "a") as f:
    for t, loss in zip(run["points"], [[3.0], []][run["tokens"] > 1000000] + [float("nan")]):
        print(json.dumps({"event": "point", "run": run["id"], "tokens": t, "loss": {"aa": loss}}), file=f)
"""
os.chdir(scratch)
os.environ["PATH"] = os.path.dirname(ISOGLOSS) + ":" + os.environ["PATH"]


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def campaign(name, path=None, **changes):
    return write(path or name + ".yaml", SYNTHETIC.format(name=name, **{**USUAL, **changes}))


def call(*words, status=0):
    """-> standard output, standard error"""
    p = subprocess.run([ISOGLOSS, *words], capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == status, f"{words} ended with {p.returncode}, wanted {status}: {p.stdout}{p.stderr}")
    return p.stdout, p.stderr


def offered(text):
    """Command lines that a text offers, without the remarks behind them."""
    return [line.split("   (")[0] for line in re.findall(r"^(?:next:)? +(isogloss .*)$", text, re.M)]


def works(text, *parts):
    """The first command offered holds these words, and a shell carries it out. -> its standard output"""
    commands = offered(text)
    check(commands, f"nothing is offered: {text}")
    command = (commands or ["false"])[0]
    for part in parts:
        check(part in command, f"'{part}' is not in {command}")
    p = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    check(p.returncode == 0, f"{command} ended with {p.returncode}: {p.stderr}")
    return p.stdout


def over():
    """Done: a fit with what it must be told, or what can be done where there is none."""
    fit, _ = call("run", campaign("one"))
    check("alpha" in works(fit, "isogloss fit") and "--" not in offered(fit)[0], f"one evaluation: {fit}")
    two = {"evaluate": "aa, bb", "more": "languages: [aa, bb]"}
    works(call("run", campaign("two", **two))[0], "isogloss fit", "--target aa")
    works(call("run", campaign("second", **{**two, "more": "languages: [bb]"}))[0], "--target bb")
    swept, _ = call("run", campaign("swept", more="languages: [aa], vary: {lr: [0.5, 1, 2]}"))
    works(swept, "--best-over lr")
    check(offered(swept)[0].endswith("--best-over lr"), f"what varies, and nothing else: {swept}")
    for name, changes in (("small", {"sizes": "12k", "tokens": "1M"}),
                          ("mixed", {"mixture": "uniform", "more": "sets: {both: [aa, bb]}"})):
        out = works(call("run", campaign(name, **changes))[0], "isogloss export")
        check(out.startswith("run_id,"), f"{name}: a table")
    check(" 1 of 1 run done; " in " " + call("run", "small.yaml")[0], "one run")


def interrupted():
    late = {"sizes": "12k, 25k", "tokens": "1M"}
    path = campaign("late", "my campaign's.yaml", pace=10, **late)
    p = subprocess.Popen([ISOGLOSS, "run", "-j", "1", "-o", "my store.h5", path], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:  # until a run runs
        status = subprocess.run([ISOGLOSS, "status", "--json", "my store.h5"], capture_output=True, text=True, check=False)
        if not status.returncode and json.loads(status.stdout)["stores"][0]["total"]["states"]["running"]:
            break
        time.sleep(0.05)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    check(p.returncode == 75 and "left: run the same command again" in err, f"{p.returncode} {out} {err}")
    campaign("late", path, pace=0, **late)  # the pace is no part of it
    check("2 of 2 runs done" in works(out, "-j 1 -o 'my store.h5'"), "it goes on")


def changed():
    """What is offered where the campaign is no longer that of the store."""
    corpus = made_corpus("de,en", 60000)
    here = {"corpus": "nowhere", "sizes": "12k, 25k", "evaluate": "de", "more": "languages: [de]"}
    call("run", "--corpus", corpus, campaign("moved", tokens="10k, 20k", **here))
    _, err = call("run", "--corpus", corpus, campaign("moved", tokens="10k, 20k, 40k", **here), status=2)
    out = works(err, "isogloss extend --corpus " + corpus)
    check("6 runs, 2 of them new, 4 results kept" in out, out)
    _, err = call("run", "--corpus", corpus, campaign("moved", tokens="10k, 40k", **here), status=2)
    check("cannot grow into this campaign, which lacks 2 finished runs" in err, err)
    for k in (2, 3):  # a name that is not there yet
        out = works(err, "isogloss run -o " + os.path.join(scratch, f"moved-{k}.h5"), "--corpus " + corpus)
        check("4 of 4 runs done; 4 of them now" in out, out)
        _, err = call("run", "--corpus", corpus, "moved.yaml", status=2)


def diverged():
    """Nothing to fit, with and without losses before it: said by run, status and fit, and never tried again."""
    write("diverges.py", DIVERGES)
    for name, tokens, where in (("early", "2M", "the loss diverged after 125000 tokens"),
                                ("late2", "1M", "its last loss is at 62.5k tokens")):
        text = SYNTHETIC.format(name=name, **{**USUAL, "sizes": "12k, 25k", "tokens": tokens})
        trainer = f"trainer: {{kind: command, command: [{sys.executable}, {scratch}/diverges.py], version: 1}}"
        write(name + ".yaml", re.sub("trainer: .*", trainer, text))
        for words in ((), ("--retry-failed",)):
            out, _ = call("run", *words, name + ".yaml")
            check(f"2 of 2 runs done (2 diverged); {0 if words else 2} of them now" in out, out)
            check(max(map(len, out.replace(scratch, "").splitlines())) <= 80, out)
            check("nothing can be fitted: all runs diverged" in out and "not by --retry-failed" in out, out)
            check("isogloss fit" not in out and " yet" not in out, out)
        text = works(out, "isogloss status")
        for part in (where, "without embeddings, D ", "seed 1, aa:1", "diverged is an outcome", "(a lower lr, a"):
            check(part in text, f"status does not say '{part}': {text}")
        check(max(map(len, text.splitlines())) <= 80 + len(scratch), text)
        err = call("fit", name + ".h5", status=5)[1]
        check("diverged" in err and "lower lr" in err and " yet" not in err, err)
    check("2 finished runs diverged" in call("export", "early.h5", status=5)[1], "export says why")


over()
interrupted()
changed()
diverged()
done()
