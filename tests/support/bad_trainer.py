"""A command trainer that does what its run is told to do wrong; the seed chooses.

The first points are right, so that a result could have been made of it."""
import ctypes
import json
import os
import signal
import sys
import time

run = json.load(open(os.environ["ISOGLOSS_RUN"], encoding="utf-8"))
out = open(os.environ["ISOGLOSS_EVENTS"], "a", encoding="utf-8")


def say(event, **rest):
    out.write(json.dumps({"event": event, "run": run["id"], **rest}) + "\n")
    out.flush()


def losses(tokens, value=3.0):
    return {e["name"]: value + 1e5 / tokens for e in run["evaluations"]}


def point(i, **rest):
    tokens = run["points"][i]
    say("point", tokens=tokens, loss=losses(tokens), **rest)


def good():
    for i in range(len(run["points"])):
        point(i)
    say("end", outcome="done")


def crash():
    ctypes.string_at(0)


def exit_3():
    print("no more disk on the moon", file=sys.stderr)
    sys.exit(3)


def hang():
    time.sleep(1000)


def garbage():
    out.write("Traceback (most recent call last):\n")
    out.flush()
    time.sleep(1000)


def nan():
    say("point", tokens=run["points"][1], loss={e["name"]: float("nan") for e in run["evaluations"]})
    time.sleep(1000)


def flood():
    """100 MB on stdout, which for a command is free text; then the same as events."""
    for _ in range(100):
        sys.stdout.write("x" * 1000000)
    print("the flood is over")
    for _ in range(100):
        out.write("y" * 999999 + "\n")
        out.flush()
    time.sleep(1000)


def long_line():
    out.write("z" * 10000000)
    out.flush()
    time.sleep(1000)


def daemons():
    """Children that outlive it, in sessions of their own; their pids are left beside the campaign."""
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork():
                os._exit(0)
            with open("daemon.pids", "a", encoding="ascii") as f:
                f.write(f"{os.getpid()}\n")
            time.sleep(1000)
    time.sleep(0.5)
    good()
    sys.exit(0)


def no_end():
    sys.exit(0)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def outside():
    say("checkpoint", tokens=run["points"][0], name="../../../../etc")
    time.sleep(1000)


def talkative():
    """Never silent, never done: only run_time ends it."""
    while True:
        print("still here", flush=True)
        time.sleep(0.05)


def gone_name():
    say("checkpoint", tokens=run["points"][0], name="never-written")
    time.sleep(1000)


WRONG = [good, crash, exit_3, hang, garbage, nan, flood, long_line, daemons, no_end, killed, outside, talkative, gone_name]

act = WRONG[run["seed"]]
if act not in (good, daemons):
    point(0)
act()
