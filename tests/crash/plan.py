# SPDX-License-Identifier: MIT
"""Where workers are to die, told to them through memory that they share
(src/base/crash_point.c); for builds with -Dcrash-points=true."""
import mmap
import os
import re
import struct

from rig import TOP, PVB, Skip

POINTS, DEATHS = 64, 8
KILLED, COUNT = 8 * POINTS, 16 * POINTS
NEXT, LAST_PID, DEATH = COUNT + 8, COUNT + 16, COUNT + 24
BYTES = DEATH + 16 * DEATHS


def names():
    """{number: name} of all points."""
    with open(os.path.join(TOP, "src", "proto", "crash_point.h")) as f:
        found = re.findall(r"PVB_AT_(\w+) = (\d+),", f.read())
    assert found
    return {int(n): name for name, n in found}


def need_crash_points():
    """The build has them."""
    with open(PVB, "rb") as f:
        if b"PVB_CRASH_PLAN" not in f.read():
            raise Skip("not a build with -Dcrash-points=true")


class Plan:
    """An empty one, in a file."""

    def __init__(self, path):
        with open(path, "w+b") as f:
            f.truncate(BYTES)
            self.memory = mmap.mmap(f.fileno(), BYTES)

    def get(self, at):
        return struct.unpack_from("<Q", self.memory, at)[0]

    def put(self, at, value):
        struct.pack_into("<Q", self.memory, at, value)

    def clear(self):
        """Nobody is to die any more; how many have."""
        self.put(COUNT, 0)
        return self.get(NEXT)

    def set(self, *deaths):
        """(point, passings from when the one before is dead)."""
        self.clear()
        self.put(NEXT, 0)
        self.put(LAST_PID, 0)
        for i, (at, after) in enumerate(deaths):
            self.put(DEATH + 16 * i, at)
            self.put(DEATH + 16 * i + 8, after)
        self.put(COUNT, len(deaths))

    def planned(self):
        return self.get(COUNT)

    def deaths(self):
        """How many have come true since set()."""
        return self.get(NEXT)

    def killed(self, at):
        return self.get(KILLED + 8 * at)
