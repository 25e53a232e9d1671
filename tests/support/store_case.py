"""What the script tests of the store share: a scratch directory, a filled store, checks."""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile

from checks import check, done, skip  # noqa: F401  for the tests that import this

SOURCE = os.environ["ISOGLOSS_SOURCE"]
ISOGLOSS = os.environ["ISOGLOSS"]
TOOL = os.path.join(os.environ["ISOGLOSS_BUILD"], "tests", "bin", "store_tool")
TINY = os.path.join(SOURCE, "tests", "data", "tiny.yaml")

scratch = tempfile.mkdtemp(prefix="isogloss-store-")
atexit.register(shutil.rmtree, scratch, ignore_errors=True)


def made_corpus(languages, size, name="corpus"):
    """Directory of a corpus of made-up text in the scratch directory: codes with commas, bytes of each."""
    corpus = os.path.join(scratch, name)
    subprocess.run([sys.executable, os.path.join(SOURCE, "tests", "support", "make_corpus.py"), corpus,
                    "--languages", languages, "--bytes", str(size), "--shards", "4"], check=True, stdout=subprocess.DEVNULL)
    return corpus


def call(*words, status=0):
    """Run a program; its standard output. The exit status must be as said."""
    p = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)
    check(p.returncode == status, f"{words} ended with {p.returncode}, wanted {status}: {p.stderr}")
    return p.stdout


def isogloss(*words, status=0):
    return call(ISOGLOSS, *words, status=status)


def store(name, *fill, campaign=TINY):
    """A new store of the tiny campaign, filled as the options of store_tool say."""
    path = os.path.join(scratch, name)
    call(TOOL, "create", path, campaign)
    if fill:
        call(TOOL, "fill", path, campaign, *fill)
    return path
