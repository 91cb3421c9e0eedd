#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The backend dies under load, in part or whole, and its guests see a pause and
nothing else."""
import os
import random
import subprocess
import threading
import time
from contextlib import ExitStack

import late
from front import Front
from load import BLOCK, Load
from restart import (MANY, MIB, kill, loaded, loads, machine, next_worker,
                     nothing_was_refused, progress, say_pauses, worker)
from rig import DEADLINE_S, PVB, at_rest, open_fds, pvb, run, until


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
            # Chance is what is tried: at whatever moment of its taking over.
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

def new_data_stands(m, disk):
    for options in ((), ("--shared",)):
        m.attach(1, "xvda", disk, *options)
        with Front(m.vbd(1)) as f:
            assert late.new_data_stands(m, f, lambda: kill(worker(m)))
        m.detach(1, "xvda")


def test_a_late_write_of_a_dead_worker_is_waited_for():
    with machine() as m, late.slow_disk(m) as path:
        new_data_stands(m, path)


def test_on_a_block_device_as_well():
    with machine() as m, late.slow_disk(m) as path, \
            late.loop_device(path) as device:
        new_data_stands(m, device)


# ---- poison -----------------------------------------------------------------

def test_who_kills_its_workers_is_closed_and_the_others_live():
    """A request that is never answered, and each worker that gets it dies: by
    our hand, for no request is known that does it."""
    with machine() as m, ExitStack() as stack:
        m.attach(1, "xvda", f"fault:{m.image('a')}?delay=600000,op:write")
        m.attach(1, "xvdb", m.image("b"))
        m.attach(2, "xvda", m.image("c"))
        poison = Front(m.vbd(1, "xvda", "&reconnect=0"))
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
