# SPDX-License-Identifier: MIT
"""Processes under test: a machine (pvb local), its daemon (pvb serve), and
whoever joins them; and TAP.

Every wait is for an event, with a deadline that only a failure reaches."""
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("PVB_BUILD", os.path.join(TOP, "build"))
PVB = os.path.join(BUILD, "pvb")
PLUGIN = os.path.join(BUILD, "plugins", "nbdkit", "nbdkit-pvb-plugin.so")
DEADLINE_S = 30


class Skip(Exception):
    """Says what this machine lacks."""


def need(program):
    if not shutil.which(program):
        raise Skip(f"no {program}")


def until(condition, what, deadline_s=DEADLINE_S, process=None):
    """Wait for something that no descriptor tells: a state in a process."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if process and process.poll() is not None:
            raise AssertionError(f"ended while waiting for {what}")
        if time.monotonic() > end:
            raise AssertionError(f"no {what} after {deadline_s} s")
        time.sleep(0.005)


def at_rest(look):
    """What `look` says once nothing is under way any more: the same for half a
    second.  To compare with later: what goes has gone, what comes is there."""
    seen, since = look(), time.monotonic()

    def is_so():
        nonlocal seen, since
        now = look()
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 0.5
    until(is_so, "rest")
    return seen


def pvb(*args, status=0, timeout=60, **more):
    """Run the program; its exit status must be `status`."""
    r = subprocess.run([PVB, *map(str, args)], capture_output=True, text=True,
                       timeout=timeout, **more)
    assert r.returncode == status, \
        f"pvb {' '.join(map(str, args))}: status {r.returncode}, " \
        f"not {status}\n{r.stdout}{r.stderr}"
    return r


def refused(status, *needles, args, **more):
    """The program says one line with all of `needles`, and ends so."""
    r = pvb(*args, status=status, **more)
    lines = [l for l in r.stderr.splitlines() if not l.startswith("Try '")]
    assert len(lines) == 1 and lines[0].startswith("pvb: "), r.stderr
    for n in needles:
        assert n in lines[0], f"{n!r} is not in {lines[0]!r}"
    assert r.stdout == "", r.stdout
    return lines[0]


def pvb_json(*args, **more):
    return json.loads(pvb(*args, "--json", **more).stdout)


def listens(path):
    """Somebody accepts connections there.  (The socket's file comes first.)"""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError:
            return False
    return True


class Daemon:
    """A child that prints "ready ..." when it serves."""

    def __init__(self, *args, log=None, prefix=()):
        self.log = log or tempfile.TemporaryFile("w+")
        # What is read from it meanwhile does not move where it writes.
        fcntl.fcntl(self.log, fcntl.F_SETFL, os.O_APPEND)
        self.process = subprocess.Popen(
            [*prefix, PVB, *args], stdout=subprocess.PIPE, stderr=self.log,
            text=True)
        readable, _, _ = select.select([self.process.stdout], [], [],
                                       DEADLINE_S)
        line = self.process.stdout.readline() if readable else ""
        if not line.startswith("ready "):
            self.stop()
            raise AssertionError(f"pvb {args[0]} is not ready: "
                                 f"{self.output()}")

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Orderly; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("a daemon did not end on SIGTERM")
        return self.process.returncode


class Machine:
    """A local machine with a backend daemon, in a directory of its own."""

    def __init__(self, serve=True):
        self.work = tempfile.mkdtemp(prefix="pvb-test.")
        self.dir = os.path.join(self.work, "m")
        self.host = f"local:{self.dir}"
        self.local = Daemon("local", "--dir", self.dir)
        self.serve = None
        self.others = []
        if serve:
            self.start_serve()

    def start_serve(self, *args):
        self.serve = Daemon("serve", "--host", self.host, *args)
        return self.serve

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for p in self.others:
            if p.poll() is None:
                p.kill()
            p.wait()
        try:
            if self.serve:
                self.serve.stop()
            self.local.stop()
        finally:
            if kind:
                for d in (self.local, self.serve):
                    if d:
                        print("#", d.output().replace("\n", "\n# "))
            shutil.rmtree(self.work, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def image(self, name="disk.img", size=16 << 20, fill=True):
        """A file of `size` bytes, random or sparse."""
        path = self.path(name)
        with open(path, "wb") as f:
            if fill:
                f.write(os.urandom(size))
            else:
                f.truncate(size)
        return path

    def attach(self, domain, vdev, disk, *args):
        pvb("attach", "--host", self.host, *args, domain, vdev, disk)
        return self.vbd(domain, vdev)

    def detach(self, domain, vdev, *args, **more):
        return pvb("detach", "--host", self.host, *args, domain, vdev, **more)

    def vbd(self, domain, vdev="xvda", more=""):
        return f"vbd:{domain}/{vdev}?host={self.host}{more}"

    def counts(self):
        return pvb_json("local", "--dir", self.dir, "--counts")

    def held(self):
        """The counts but nodes: what a front has left in the store when it was
        killed, and what is said there of its end, are not always the same."""
        return {k: v for k, v in self.counts().items() if k != "store_nodes"}

    def list(self):
        return pvb_json("list", "--host", self.host)

    def stat(self):
        return pvb_json("stat", "--host", self.host)

    def device(self, domain, vdev="xvda"):
        for d in self.list():
            if d["domain"] == domain and d["vdev"] == vdev:
                return d
        return None

    def states(self, domain, vdev="xvda"):
        d = self.device(domain, vdev)
        return (d["backend_state"], d["frontend_state"]) if d else None

    def xs(self, tool, *args):
        """What one of Xen's tools says of the store; None: that it cannot."""
        need(tool)
        r = subprocess.run(
            [tool, *map(str, args)], capture_output=True, text=True,
            timeout=DEADLINE_S,
            env=dict(os.environ, XENSTORED_PATH=f"{self.dir}/store"))
        return r.stdout.removesuffix("\n") if r.returncode == 0 else None

    def node(self, path):
        """None: it is not there."""
        return self.xs("xenstore-read", path)

    def spawn(self, *command, **more):
        p = subprocess.Popen(list(map(str, command)), **more)
        self.others.append(p)
        return p

    def export(self, disk, *args):
        """nbdkit with our plugin; its process and the NBD URI."""
        need("nbdkit")
        sock = self.path(f"nbd{len(self.others)}")
        p = self.spawn("nbdkit", "-f", "-U", sock, PLUGIN, f"disk={disk}",
                       *args)
        until(lambda: listens(sock), "NBD socket", process=p)
        return p, f"nbd+unix:///?socket={sock}"


# ---- processes -------------------------------------------------------------

def threads(pid):
    return [int(t) for t in os.listdir(f"/proc/{pid}/task")]


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def switches(pid):
    """Context switches of all threads of ours.  Linux keeps the last io_uring
    worker of a thread ("iou-wrk") alive once it was needed, and that one looks
    around every five seconds; it is the kernel's, and none of ours can end it."""
    total = 0
    for t in threads(pid):
        with open(f"/proc/{pid}/task/{t}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        if not status["Name"].strip().startswith("iou-"):
            total += int(status["voluntary_ctxt_switches"])
            total += int(status["nonvoluntary_ctxt_switches"])
    return total


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


def open_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


# ---- TAP -------------------------------------------------------------------

def run(module):
    """Run every test_* function of a module's globals, in order; print TAP.
    Nothing is done for a module that others import."""
    if module.get("__name__", "__main__") != "__main__":
        return
    tests = [(n, f) for n, f in module.items()
             if n.startswith("test_") and callable(f)]
    if len(sys.argv) > 1:
        tests = [(n, f) for n, f in tests if n in sys.argv[1:]]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for i, (name, function) in enumerate(tests, 1):
        began = time.monotonic()
        try:
            function()
            print(f"ok {i} {name}", flush=True)
        except Skip as e:
            print(f"ok {i} {name} # SKIP {e}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok {i} {name}")
            print("# " + traceback.format_exc().replace("\n", "\n# "),
                  flush=True)
        print(f"# {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(1 if failed or not tests else 0)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
