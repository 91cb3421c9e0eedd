# SPDX-License-Identifier: MIT
"""What tests of a backend that dies have in common."""
import os
import signal
from contextlib import contextmanager

from front import Front
from load import Load
from rig import Machine, until

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
