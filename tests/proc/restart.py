# SPDX-License-Identifier: MIT
"""What tests of a backend that dies have in common."""
import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager

from front import Front
from load import BLOCK, Load
from rig import BUILD, DEADLINE_S, Machine, Skip, pvb, until

MIB = 1 << 20
MANY = ("--worker-deaths", "1000000")   # none is too many


@contextmanager
def machine(*serve):
    with Machine(serve=False) as m:
        m.start_serve(*serve)
        yield m


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def worker(m, domain=1, vdev="xvda"):
    return m.device(domain, vdev)["worker_pid"]


def next_worker(m, former, domain=1, vdev="xvda"):
    """Who has taken over, when it serves."""
    def there():
        d = m.device(domain, vdev)
        return d["worker_pid"] not in (None, former) and not d["waits"] and \
            d["worker_pid"]
    return until(there, "another worker")


def progress(*loads):
    """Each of them has got answers since."""
    before = [load.done() for load in loads]
    until(lambda: all(load.done() > b + 20
                      for load, b in zip(loads, before)), "progress")


def disks(m, kept):
    """Some of each kind; `kept`: that outlive the daemon."""
    some = {
        "xvda": m.image("direct.img", 16 * MIB),
        "xvdb": f"file:{m.image('buffered.img', 16 * MIB)}?direct=off",
        "xvdd": f"fault:{m.image('late.img', 16 * MIB)}?delay=2,every:7",
    }
    if not kept:
        some["xvdc"] = "mem:16M"
    return some


def loaded(stack, uri):
    """Verified load on one disk."""
    return stack.enter_context(Load(stack.enter_context(Front(uri)), MIB))


@contextmanager
def loads(m, stack, more="&queues=2", kept=False):
    """Verified load on several disks, on two queues each."""
    running = []
    for i, (vdev, disk) in enumerate(disks(m, kept).items()):
        m.attach(1, vdev, disk, "--queues", 2)
        f = stack.enter_context(Front(m.vbd(1, vdev, more)))
        running.append(stack.enter_context(
            Load(f, 8 * MIB, threads=4, seed=i + 1)))
    progress(*running)
    yield running


def nothing_was_refused(m):
    for d in m.stat():
        assert d["refused"] == {}, d
        for op in ("read", "write", "flush"):
            assert d[op]["errors"] == 0, d
        assert d["in_flight"] == 0, d


def say_pauses(what, pauses):
    pauses = sorted(p * 1000 for p in pauses)
    print(f"# {what}: {len(pauses)} pauses, median "
          f"{pauses[len(pauses) // 2]:.0f} ms, longest {pauses[-1]:.0f} ms")


@contextmanager
def slow_disk(m, slow_ms=2000):
    """An image whose writes of "SLOWPOKE" take so long the first time."""
    path = m.path("slow")
    os.mkdir(path)
    p = subprocess.Popen(
        [os.path.join(BUILD, "tests", "disk", "slow_disk"), path,
         str(16 * MIB), str(slow_ms)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise Skip("no FUSE here")
    try:
        yield os.path.join(path, "disk")
    finally:
        p.stdin.close()
        p.wait()


def late_write_then_new(m, f, die, slow_ms=2000):
    """Its backend dies by `die` with a late write in the kernel; the frontend's
    own write is done again, and then it writes anew."""
    old = b"SLOWPOKE" + b"o" * (BLOCK - 8)
    new = b"n" * BLOCK
    began = time.monotonic()
    results = []
    t = threading.Thread(target=lambda: results.append(f.write(old)))
    t.start()
    until(lambda: m.stat()[0]["in_flight"] == 1, "a write in flight")
    die()
    until(lambda: "I/O" in str((m.device(1) or {}).get("waits")), "a wait")
    assert "(waits for the I/O of a worker that died)" in \
        pvb("list", "--host", m.host).stdout
    t.join(DEADLINE_S)
    assert results == [0], results
    assert time.monotonic() - began > slow_ms / 1000 - 0.1
    assert f.write(new) == 0
    time.sleep(max(0, began + 2 * slow_ms / 1000 - time.monotonic()))
    assert f.read(BLOCK) == new, "the old data won"
