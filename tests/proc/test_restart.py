#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The backend dies under load, in part or whole, and its guests see a pause and
nothing else."""
import os
import random
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager

from front import Front
from load import BLOCK, Load
from rig import (BUILD, DEADLINE_S, PVB, Machine, Skip, at_rest, open_fds, pvb,
                 run, until)

MIB = 1 << 20
SLOW_MS = 2000
MANY = ("--worker-deaths", 1000000)     # none is too many


@contextmanager
def machine(*serve):
    with Machine(serve=False) as m:
        m.start_serve(*map(str, serve))
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


def disks(m):
    """Some of each kind."""
    return {
        "xvda": m.image("direct.img", 16 * MIB),
        "xvdb": f"file:{m.image('buffered.img', 16 * MIB)}?direct=off",
        "xvdc": "mem:16M",
        "xvdd": f"fault:{m.image('late.img', 16 * MIB)}?delay=2,every:7",
    }


def loaded(stack, uri):
    """Verified load on one disk."""
    return stack.enter_context(Load(stack.enter_context(Front(uri)), MIB))


@contextmanager
def loads(m, stack, more="&queues=2"):
    """Verified load on several disks, on two queues each."""
    running = []
    for i, (vdev, disk) in enumerate(disks(m).items()):
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


def everything(m):
    return m.counts(), open_fds(m.serve.pid), open_fds(m.local.pid)


# ---- the worker -------------------------------------------------------------

def test_a_worker_dies_under_load():
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack) as running:
        pauses = []
        held = at_rest(lambda: everything(m))
        for load in running:
            load.longest_s()
        for _ in range(20):
            former = worker(m)
            kill(former)
            next_worker(m, former)
            progress(*running)
            pauses.append(max(load.longest_s() for load in running))
        for load in running:
            load.stop()
        say_pauses("a worker died", pauses)
        nothing_was_refused(m)
        assert [d["worker_deaths"] for d in m.list()] == [20] * 4, m.list()
        until(lambda: everything(m) == held, "return to what was held")


def test_workers_die_as_soon_as_they_live():
    """At whatever they are just doing to take over."""
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack) as running:
        chance = random.Random(5)
        former = worker(m)
        for _ in range(60):
            kill(former)
            former = until(lambda: worker(m) not in (None, former) and
                           worker(m), "another worker")
            time.sleep(chance.random() * 0.008)
        next_worker(m, None)
        progress(*running)
        for load in running:
            load.stop()
        nothing_was_refused(m)


def test_the_store_hears_nothing():
    with machine() as m, ExitStack() as stack:
        m.attach(1, "xvda", m.image())
        load = loaded(stack, m.vbd(1))
        progress(load)
        before = pvb("explain", "--host", m.host, "--json", 1, "xvda").stdout
        former = worker(m)
        kill(former)
        next_worker(m, former)
        progress(load)
        after = pvb("explain", "--host", m.host, "--json", 1, "xvda").stdout
        assert after == before, f"{before}\n{after}"
        load.stop()


def test_a_worker_of_another_domain_lives_on():
    with machine() as m, ExitStack() as stack:
        m.attach(1, "xvda", m.image("a"))
        m.attach(2, "xvda", m.image("b"))
        one, two = loaded(stack, m.vbd(1)), loaded(stack, m.vbd(2))
        progress(one, two)
        former, other = worker(m, 1), worker(m, 2)
        kill(former)
        next_worker(m, former)
        progress(one, two)
        assert worker(m, 2) == other
        one.stop()
        two.stop()


def test_a_detach_meanwhile_is_done_afterwards():
    """Its worker dies with a flood of requests, and is asked to close."""
    with machine() as m:
        for _ in range(5):
            m.attach(1, "xvda", "mem:4M")
            with Front(m.vbd(1)) as f:
                load = Load(f, MIB, flushes=False)
                progress(load)
                kill(worker(m))
                m.detach(1, "xvda", "--timeout", 10)
                for t in load.threads:
                    t.ends = True
                    t.join(DEADLINE_S)
                    assert not t.is_alive(), "a request hangs"
            assert m.list() == []


def test_a_front_that_dies_meanwhile():
    """Nothing of it is left, and another one is served."""
    with machine(*MANY) as m:
        m.attach(1, "xvda", m.image())
        counts = None
        for _ in range(10):
            p = m.spawn(PVB, "bench", "--rw", "randrw", "--time", 60,
                        "--depth", 16, m.vbd(1), stdout=subprocess.DEVNULL)
            until(lambda: m.states(1) == ("connected", "connected"),
                  "connection", process=p)
            kill(worker(m))
            p.kill()
            p.wait()
            until(lambda: m.states(1)[0] == "closed", "closed backend")
            counts = counts or at_rest(m.held)
            until(lambda: m.held() == counts, "all counts back")


# ---- the fence --------------------------------------------------------------

@contextmanager
def slow_disk(m):
    """An image whose writes of "SLOWPOKE" take two seconds the first time."""
    path = m.path("slow")
    os.mkdir(path)
    p = subprocess.Popen(
        [os.path.join(BUILD, "tests", "disk", "slow_disk"), path,
         str(16 * MIB), str(SLOW_MS)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    if p.stdout.readline() != "ready\n":
        raise Skip("no FUSE here")
    try:
        yield os.path.join(path, "disk")
    finally:
        p.stdin.close()
        p.wait()


def late_write_then_new(m, f):
    """A worker dies with a late write in the kernel; the frontend's own write
    is done again, and then it writes anew."""
    old = b"SLOWPOKE" + b"o" * (BLOCK - 8)
    new = b"n" * BLOCK
    former = worker(m)
    began = time.monotonic()
    results = []
    t = threading.Thread(target=lambda: results.append(f.write(old)))
    t.start()
    until(lambda: m.stat()[0]["in_flight"] == 1, "a write in flight")
    kill(former)
    until(lambda: m.device(1)["waits"], "a wait")
    assert "I/O" in m.device(1)["waits"], m.device(1)
    assert "(waits for the I/O of a worker that died)" in \
        pvb("list", "--host", m.host).stdout
    next_worker(m, former)
    t.join(DEADLINE_S)
    assert results == [0], results
    assert time.monotonic() - began > SLOW_MS / 1000 - 0.1
    assert f.write(new) == 0
    time.sleep(max(0, began + 2 * SLOW_MS / 1000 - time.monotonic()))
    assert f.read(BLOCK) == new, "the old data won"


def test_a_late_write_of_a_dead_worker_is_waited_for():
    with machine() as m, slow_disk(m) as path:
        for options in ((), ("--shared",)):
            m.attach(1, "xvda", path, *options)
            with Front(m.vbd(1)) as f:
                late_write_then_new(m, f)
            m.detach(1, "xvda")


# ---- poison -----------------------------------------------------------------

def test_who_kills_its_workers_is_closed_and_the_others_live():
    """A request that is never answered, and each worker that gets it dies: by
    our hand, for no request is known that does it."""
    with machine() as m, ExitStack() as stack:
        m.attach(1, "xvda", f"fault:{m.image('a')}?delay=600000,op:write")
        m.attach(1, "xvdb", m.image("b"))
        m.attach(2, "xvda", m.image("c"))
        poison = Front(m.vbd(1, "xvda"))
        load = loaded(stack, m.vbd(1, "xvdb"))
        other = loaded(stack, m.vbd(2))
        results = []
        writer = threading.Thread(
            target=lambda: results.append(poison.write(b"p" * BLOCK)))
        writer.start()
        until(lambda: m.stat()[0]["in_flight"] == 1, "poison in flight")
        innocent = worker(m, 2)
        for deaths in range(1, 4):
            former = worker(m)
            kill(former)
            if deaths < 3:
                next_worker(m, former)
            progress(load, other)
        until(lambda: m.states(1)[0] == "closed", "closed device")
        d = m.device(1)
        assert d["reason"] == "worker", d
        assert "3 workers have died of it" in d["error"], d
        assert m.device(1, "xvdb")["worker_deaths"] == 2, m.list()
        assert worker(m, 2) == innocent
        writer.join(DEADLINE_S)
        assert results and results[0] < 0, results
        assert "the next one is its own" in m.serve.output()
        load.stop()
        other.stop()
        poison.__exit__()


run(globals())
