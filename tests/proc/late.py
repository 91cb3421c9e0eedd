# SPDX-License-Identifier: MIT
"""A disk whose writes may take effect seconds late, and a backend that dies with
such a write in the kernel."""
import contextlib
import os
import subprocess
import threading
import time

from rig import BUILD, DEADLINE_S, Skip, need, pvb, until

SLOW_MS = 2000
MIB = 1 << 20
BLOCK = 4096
OLD = b"SLOWPOKE" + b"o" * (BLOCK - 8)
NEW = b"n" * BLOCK


@contextlib.contextmanager
def slow_disk(m, slow_ms=SLOW_MS):
    """The name of an image whose writes of "SLOWPOKE" take so long the first
    time (tests/disk/slow_disk.c)."""
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


@contextlib.contextmanager
def loop_device(path):
    """A block device that passes direct I/O on to a file as such."""
    need("losetup")
    r = subprocess.run(["losetup", "-f", "--show", "--direct-io=on", path],
                       capture_output=True, text=True)
    if r.returncode != 0:
        raise Skip("no loop devices here")
    device = r.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


def sees_it_wait(m):
    until(lambda: "I/O" in str((m.device(1) or {}).get("waits")), "a wait")
    assert "(waits for the I/O of a worker that died)" in \
        pvb("list", "--host", m.host).stdout


def new_data_stands(m, f, die, slow_ms=SLOW_MS, fence=True):
    """The backend of domain 1's xvda dies by `die` with a late write in the
    kernel; the frontend's own write is done again, and then it writes anew, to
    the same place.  What stands in the end is the new?"""
    began = time.monotonic()
    results = []
    t = threading.Thread(target=lambda: results.append(f.write(OLD)))
    t.start()
    until(lambda: m.stat()[0]["in_flight"] == 1, "a write in flight")
    die()
    if fence:
        sees_it_wait(m)
    t.join(DEADLINE_S)
    assert results == [0], results
    if fence:
        assert time.monotonic() - began > slow_ms / 1000 - 0.1
    assert f.write(NEW) == 0
    # Until what is late has come, if it was not waited for: no event tells of
    # a write that must not happen.
    time.sleep(max(0, began + 2 * slow_ms / 1000 - time.monotonic()))
    data = f.read(BLOCK)
    assert data in (OLD, NEW), data[:16]
    return data == NEW
