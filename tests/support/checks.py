"""Checks of the script tests: counted, with the line and what was wrong, and the exit status of the test."""
import sys

_counts = {True: 0, False: 0}


def _note(good, what, details, depth):
    _counts[bool(good)] += 1
    if not good:
        where = sys._getframe(depth)
        print(f"FAILED: {where.f_code.co_filename}, line {where.f_lineno}:", what, *details, sep="\n  ", file=sys.stderr)


def check(good, what, *details):
    """One check; `what` and details are printed if it is not good."""
    _note(good, what, details, 2)


def expect(what, good, *details):
    """The same, for checks that begin with what is right."""
    _note(good, what, details, 2)


def skip(reason):
    """End without checks, saying why."""
    print(f"skipped: {reason}")
    sys.exit(77)


def done():
    """Say the counts and end: a test without any check has failed."""
    print(f"{_counts[True]} checks passed, {_counts[False]} failed")
    sys.exit(1 if _counts[False] or not _counts[True] else 0)
