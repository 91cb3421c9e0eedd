#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Without the fence late writes of a worker that died win over newer ones: so
the tests that have it show something (tests/proc/test_restart.py).  Only
builds with -Dcrash-points=true can be without."""
import contextlib
import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "proc"))

import late                                                     # noqa: E402
from front import Front                                         # noqa: E402
from plan import need_crash_points                              # noqa: E402
from restart import kill, worker                                # noqa: E402
from rig import Daemon, Machine, run                            # noqa: E402


@contextlib.contextmanager
def machine(*environment):
    need_crash_points()
    with Machine(serve=False) as m:
        m.serve = Daemon("serve", "--host", m.host,
                         prefix=("env", *environment))
        yield m


TRIES = 5                               # of a machine that is slow itself


def stands(m, disk, **more):
    # Shared: else the lock that keeps others away would be in the way, too.
    m.attach(1, "xvda", disk, "--shared")
    with Front(m.vbd(1)) as f:
        stood = late.new_data_stands(m, f, lambda: kill(worker(m)), **more)
    m.detach(1, "xvda")
    return stood


def old_data_wins(m, disk):
    return any(not stands(m, disk, fence=False) for _ in range(TRIES))


def test_without_it_the_old_data_wins_on_a_file():
    with machine("PVB_FENCE=off") as m, late.slow_disk(m) as path:
        assert old_data_wins(m, path)


def test_without_it_the_old_data_wins_on_a_block_device():
    with machine("PVB_FENCE=off") as m, late.slow_disk(m) as path, \
            late.loop_device(path) as device:
        assert old_data_wins(m, device)


def test_this_build_has_it_otherwise():
    with machine() as m, late.slow_disk(m) as path:
        assert stands(m, path)


run(globals())
