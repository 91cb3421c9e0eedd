#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The backend is killed, in part or whole, and replaced, under a stock guest in
full load, which sees a pause and nothing else."""
import os
import signal
import time

from dom0 import Guest, image, pvb, run, until
from leftovers import nothing_left
from load import (FioWithoutEnd, NumberedWrites, check_unharmed,
                  numbered_writes_on, with_numbered_writes)
from serve import Serving

KILLS, DAEMONS = 3, 3                   # test_torture.py has many
IN_FLIGHT = 8
MANY = ("--worker-deaths", "1000")


def await_work(serving, guest, vdev, loads):
    """In the middle of it: what is counted then."""
    for load in loads:
        load.await_writes(20)

    def is_busy():
        found = serving.counts(guest, vdev)
        return found["in_flight"] >= IN_FLIGHT and found
    return until(is_busy, "requests in flight")


def kill_worker(serving, guest, vdev, loads):
    """How many requests were in flight."""
    found = await_work(serving, guest, vdev, loads)
    os.kill(found["worker_pid"], signal.SIGKILL)
    until(lambda: serving.counts(guest, vdev)["worker_pid"] not in
          (found["worker_pid"], 0, None), "successor")
    return found["in_flight"]


def kill_daemon(serving, workers):
    """At one moment, as far as can be, with these."""
    os.kill(serving.daemon.pid, signal.SIGKILL)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    serving.daemon.kill()
    serving.start(*MANY)


def replace_daemon(serving, _):
    pvb("upgrade")


def another_daemon(serving, guest, vdevs, loads, how, workers):
    """How many requests were in flight, and how long nobody served."""
    found = await_work(serving, guest, vdevs[0], loads)
    began = time.monotonic()
    how(serving, serving.children() if workers else ())
    for vdev in vdevs:
        serving.await_states(guest, vdev, "connected", "connected")
        until(lambda v=vdev: not serving.device(guest, v)["waits"],
              "service")
    print(f"# {how.__name__}: {found['in_flight']} in flight, back after "
          f"{(time.monotonic() - began) * 1000:.0f} ms", flush=True)


def test_a_backend_that_dies_under_load_is_not_noticed():
    images = {"xvdb": image("b.img", 16), "xvdc": image("c.img", 16)}
    initrd = with_numbered_writes(os.environ["RIG_GUEST_fio"])
    with nothing_left(), Serving(*MANY) as s:
        with Guest("load", initrd=initrd, memory_mib=512).start() as g:
            for vdev, path in images.items():
                s.attach(g, vdev, path)
                s.await_states(g, vdev, "connected", "connected")
            numbered = NumberedWrites(s, g, "xvdb", 4096)
            fio = FioWithoutEnd(s, g, "xvdc", 16)
            loads = (fio, numbered)
            in_flight = [kill_worker(s, g, "xvdb", loads)
                         for _ in range(KILLS)]
            print("# in flight at each kill:", *in_flight, flush=True)
            for i in range(DAEMONS):
                another_daemon(s, g, list(images), loads, kill_daemon, i > 0)
            another_daemon(s, g, list(images), loads, replace_daemon, False)
            for load in loads:
                load.await_writes(50)
                load.stop()
            fio.end()
            wrote = numbered.end()
            for vdev in images:
                check_unharmed(s.counts(g, vdev))
            assert g.run("dmesg | grep -ci 'i/o error' || true").strip() == \
                "0"
            g.power_off()
        assert numbered_writes_on(images["xvdb"], 4096) == wrote


run(globals())
