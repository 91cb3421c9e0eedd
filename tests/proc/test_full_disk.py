#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk under a sparse image: the guest sees the write error, and the
backend lives on."""
import os
import subprocess

from rig import Machine, Skip, pvb, run, until


def small_file_system(m):
    """16 MB of tmpfs of our own."""
    path = m.path("small")
    os.mkdir(path)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "pvb-test",
                        path], capture_output=True, text=True)
    if r.returncode:
        raise Skip(f"cannot mount a tmpfs: {r.stderr.strip()}")
    return path


def test_write_error_and_life_goes_on():
    with Machine() as m:
        small = small_file_system(m)
        try:
            disk = os.path.join(small, "sparse.img")
            with open(disk, "wb") as f:
                f.truncate(64 << 20)
            src = m.image("src", 64 << 20)
            m.attach(1, "xvda", disk)
            r = pvb("copy", src, m.vbd(1), status=1)
            assert "write" in r.stderr, r.stderr
            s = m.stat()[0]
            assert s["write"]["errors"] > 0, s
            worker = s["worker_pid"]
            # Reads still work, by the same worker.
            pvb("bench", "--time", "0.2", m.vbd(1))
            assert m.device(1)["worker_pid"] == worker
            m.detach(1, "xvda")
        finally:
            # The daemon lets go of the file as soon as it has seen that.
            until(lambda: subprocess.run(["umount", small]).returncode == 0,
                  "end of the mount")


run(globals())
