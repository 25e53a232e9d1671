"""isogloss-guard: every descendant ends, whoever dies first and however it forked."""
import errno
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

GUARD = os.environ["ISOGLOSS_GUARD"]
failures = []


def check(good, what):
    if not good:
        failures.append(what)
        print("guard:", what)


class Guard:
    """A guard with its two pipes, and a trainer that is a Python text."""

    def __init__(self, program, grace="5", argv=None):
        control, self.control = os.pipe()
        self.status, status = os.pipe()
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate((control, status))]

        def place():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.dir = tempfile.mkdtemp(prefix="guard-")
        argv = argv or [sys.executable, "-c", textwrap.dedent(program)]
        env = dict(os.environ, OMPI_X="1", PMIX_Y="1", PMI_RANK="0", PRTE_Z="1", ORTE_W="1", KEPT="1", DIR=self.dir)
        self.process = subprocess.Popen([GUARD, "--grace", grace, "--"] + argv, preexec_fn=place, pass_fds=(3, 4),
                                        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for fd in [control, status] + high:
            os.close(fd)
        self.text = b""

    def line(self, limit=10.0):
        """Next status line, or None at the end."""
        os.set_blocking(self.status, False)
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                return line.decode()
            try:
                more = os.read(self.status, 100)
                if not more:
                    return None
                self.text += more
            except BlockingIOError:
                time.sleep(0.005)
        return "timeout"

    def tell(self, byte):
        os.write(self.control, byte)

    def pids(self, n):
        """Pids that the trainer's family wrote to files in its directory."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            found = [int(name) for name in os.listdir(self.dir) if name.isdigit()]
            if len(found) >= n:
                return found
            time.sleep(0.01)
        check(False, "the trainer's family did not start")
        return []

    def close(self):
        for fd in (self.control, self.status):
            try:
                os.close(fd)
            except OSError as e:
                if e.errno != errno.EBADF:
                    raise
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait(timeout=10)
        subprocess.run(["rm", "-rf", self.dir], check=True)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def all_gone(pids, limit=5.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if not any(alive(p) for p in pids):
            return True
        time.sleep(0.01)
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    return False


# A plain child, one in a session of its own, a daemon (forked twice), one that
# ignores TERM, and one that keeps forking.
FAMILY = """
    import os, signal, sys, time
    def note(): open(os.path.join(os.environ["DIR"], str(os.getpid())), "w").close()
    def child(f):
        if os.fork() == 0:
            f()
            time.sleep(1000)
            os._exit(0)
    def daemon():
        os.setsid()
        if os.fork(): os._exit(0)
        note()
    def stubborn():
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note()
    def forker():
        note()
        while True:
            if os.fork() == 0: time.sleep(0.05); os._exit(0)
            time.sleep(0.001)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]: pass
            except ChildProcessError: pass
    note()
    child(note)
    child(lambda: (os.setsid(), note()))
    child(daemon)
    child(stubborn)
    child(forker)
"""
FAMILY_PIDS = 6
STAY = FAMILY + "    time.sleep(1000)\n"


def ends(name, act, wanted, program=STAY, grace="0.3"):
    g = Guard(program, grace)
    first = g.line()
    check(first.startswith("pid "), f"{name}: first line {first!r}")
    pids = g.pids(FAMILY_PIDS)
    act(g)
    if wanted:
        lines = []
        while (line := g.line()) is not None and len(lines) < 5:
            lines.append(line)
        check(lines == wanted, f"{name}: status {lines}, wanted {wanted}")
    check(all_gone(pids), f"{name}: descendants outlive it")
    g.close()


def plain(name, program, wanted, argv=None):
    g = Guard(program, argv=argv)
    lines = []
    while (line := g.line()) is not None and len(lines) < 5:
        lines.append(line)
    if lines and lines[0].startswith("pid "):
        lines[0] = "pid"
    out = g.process.stdout.read().decode()
    check(lines == wanted, f"{name}: status {lines}, wanted {wanted}")
    g.close()
    return out


plain("exit 0", "pass", ["pid", "exit 0", "gone"])
plain("exit 3", "raise SystemExit(3)", ["pid", "exit 3", "gone"])
plain("crash", "import os; os.abort()", ["pid", "signal 6", "gone"])
plain("killed", "import os; os.kill(os.getpid(), 9)", ["pid", "signal 9", "gone"])
plain("absent", "", [f"failed {errno.ENOENT}", "gone"], argv=["./no-such-program"])
plain("directory", "", [f"failed {errno.EISDIR}", "gone"], argv=["/usr"])
plain("not executable", "", [f"failed {errno.EACCES}", "gone"], argv=["/etc/passwd"])

seen = plain("surroundings", """
    import os, signal
    print(sorted(k for k in os.environ if k.split("_")[0] in ("OMPI", "PMIX", "PMI", "PRTE", "ORTE")), os.environ["KEPT"],
          sorted(int(f) for f in os.listdir("/proc/self/fd"))[:4], os.getsid(0) == os.getppid(),
          signal.pthread_sigmask(signal.SIG_BLOCK, []))
""", ["pid", "exit 0", "gone"])
check(seen.startswith("[] 1 [0, 1, 2, 3] True set()"), f"surroundings: {seen}")  # 3: the listing itself

ends("told K", lambda g: g.tell(b"K"), ["signal 9", "gone"])
ends("told T", lambda g: g.tell(b"T"), ["signal 15", "gone"])
ends("worker dead", lambda g: os.close(g.control), ["signal 9", "gone"])
ends("TERM to the guard", lambda g: g.process.send_signal(signal.SIGTERM), ["signal 15", "gone"])
ends("K during the grace", lambda g: (g.tell(b"T"), time.sleep(0.1), g.tell(b"K")), ["signal 15", "gone"], grace="60")
ends("trainer ends alone", lambda g: None, ["exit 4", "gone"], program=FAMILY + "    time.sleep(0.5); sys.exit(4)\n")

# The guard itself is killed: the trainer dies with it.
g = Guard("import time; time.sleep(1000)")
pid = int(g.line().split()[1])
g.process.kill()
check(g.line() is None, "guard killed: the status pipe ends")
check(all_gone([pid]), "guard killed: the trainer lives on")
g.close()

check(subprocess.run([GUARD], capture_output=True, check=False).returncode == 2, "usage error exits 2")
check(subprocess.run([GUARD, "--", "true"], capture_output=True, check=False).returncode == 2, "without its pipes it exits 2")
print("guard:", f"{len(failures)} failed" if failures else "all good")
sys.exit(bool(failures))
