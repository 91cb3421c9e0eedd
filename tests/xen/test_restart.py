#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Workers are killed under a stock guest in full load, which sees a pause and
nothing else."""
import os
import signal

from dom0 import Guest, image, run, until
from leftovers import nothing_left
from load import (FioWithoutEnd, NumberedWrites, check_unharmed,
                  numbered_writes_on, with_numbered_writes)
from serve import Serving

KILLS = 10
IN_FLIGHT = 8


def kill_worker(serving, guest, vdev, loads):
    """In the middle of its work.  How many requests were in flight."""
    for load in loads:
        load.await_writes(20)

    def is_busy():
        found = serving.counts(guest, vdev)
        return found["in_flight"] >= IN_FLIGHT and found
    found = until(is_busy, "requests in flight")
    os.kill(found["worker_pid"], signal.SIGKILL)
    until(lambda: serving.counts(guest, vdev)["worker_pid"] not in
          (found["worker_pid"], 0, None), "successor")
    return found["in_flight"]


def test_worker_killed_under_load_is_not_noticed():
    images = {"xvdb": image("b.img", 16), "xvdc": image("c.img", 16)}
    initrd = with_numbered_writes(os.environ["RIG_GUEST_fio"])
    with nothing_left(), Serving("--worker-deaths", "1000") as s:
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
