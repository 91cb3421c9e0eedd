#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk that fails, gets shorter, or goes away: the guest sees an error, each
is counted and the first is said by name, and the worker lives."""
import errno
import os
import subprocess
from contextlib import contextmanager

from front import Front
from rig import Machine, Skip, need, pvb, run, until

MIB = 1 << 20
BLOCK = 4096
SHORTER = "the disk is shorter than it was"
GONE = "the disk is gone"


@contextmanager
def served(m, disk, *args):
    m.attach(1, "xvda", disk, *args)
    with Front(m.vbd(1)) as f:
        worker = m.device(1)["worker_pid"]
        yield f
        assert m.device(1)["worker_pid"] == worker
    m.detach(1, "xvda")


def lines(m, what):
    return m.serve.output().count(what)


def said(m, what):
    """In the log, and by those who are asked."""
    until(lambda: lines(m, what), f"\"{what}\" in the log")
    d = m.device(1)
    assert what in d["disk_error"], d
    assert 0 <= d["disk_error_seconds"] < 60, d
    assert what in pvb("list", "--host", m.host).stdout


def test_errors_of_reads_are_the_guests_and_counted():
    with Machine() as m, \
            served(m, "fault:mem:1M?fail=EIO,op:read,at:64k-128k") as f:
        assert m.device(1)["disk_error"] is None
        for _ in range(200):
            assert f.read(BLOCK, 64 << 10) == -errno.EIO
        assert f.read(BLOCK) == bytes(BLOCK)
        s = m.stat()[0]["read"]
        assert (s["requests"], s["errors"]) == (201, 200), s
        said(m, "a read at byte 65536 fails: Input/output error")
        assert lines(m, "fails:") == 1, m.serve.output()


def test_and_those_of_writes():
    with Machine() as m, \
            served(m, "fault:mem:1M?fail=EIO,op:write,times:3") as f:
        for _ in range(3):
            assert f.write(b"x" * BLOCK, BLOCK) == -errno.EIO
        assert f.write(b"x" * BLOCK, BLOCK) == 0
        assert m.stat()[0]["write"]["errors"] == 3
        said(m, "a write at byte 4096 fails: Input/output error")


def test_and_of_flushes():
    with Machine() as m, \
            served(m, "fault:mem:1M?fail=EIO,op:flush,times:1") as f:
        assert f.flush() == -errno.EIO
        assert f.flush() == 0
        said(m, "a flush fails: Input/output error")


def shrinks(m, path, *args):
    """To half of it; what is beyond is lost, and not made up."""
    with served(m, path.uri, *args) as f:
        high, low = 12 * MIB, 4 * MIB
        for at in high, low:
            assert f.write(b"w" * BLOCK, at) == 0
        assert f.flush() == 0
        path.resize(8 * MIB)
        assert f.read(BLOCK, high) == -errno.EIO
        said(m, f"a read at byte {high} fails: {SHORTER}")
        assert f.write(b"x" * BLOCK, high) == -errno.EIO
        assert f.read(BLOCK, 8 * MIB) == -errno.EIO
        assert path.size() == 8 * MIB
        assert f.read(BLOCK, low) == b"w" * BLOCK
        assert f.write(b"y" * BLOCK, low) == 0
        assert m.device(1)["paused"] is None
        path.resize(16 * MIB)
        assert f.read(BLOCK, high) == bytes(BLOCK)
        assert f.write(b"z" * BLOCK, high) == 0
        assert f.read(BLOCK, high) == b"z" * BLOCK


class File:
    def __init__(self, m, options):
        self.path = m.image()
        self.uri = f"file:{self.path}{options}"

    def resize(self, size):
        os.truncate(self.path, size)

    def size(self):
        return os.stat(self.path).st_size


class Loop(File):
    """A block device, on a file."""

    def __init__(self, m):
        super().__init__(m, "")
        need("losetup")
        r = subprocess.run(["losetup", "-f", "--show", self.path],
                           capture_output=True, text=True)
        if r.returncode:
            raise Skip(f"no loop device: {r.stderr.strip()}")
        self.uri = r.stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["losetup", "-d", self.uri], check=True)

    def resize(self, size):
        super().resize(size)
        subprocess.run(["losetup", "-c", self.uri], check=True)


def test_a_file_that_gets_shorter():
    for options in "?direct=off", "?direct=auto":
        with Machine() as m:
            shrinks(m, File(m, options))


def test_a_block_device_that_gets_shorter():
    with Machine() as m, Loop(m) as device:
        shrinks(m, device, "--on-full", "pause")


def test_one_that_is_gone():
    with Machine() as m, Loop(m) as device, \
            served(m, device.uri, "--on-full", "pause") as f:
        assert f.write(b"w" * BLOCK) == 0
        device.resize(0)
        assert f.read(BLOCK) == -errno.EIO
        said(m, f"a read at byte 0 fails: {GONE}")
        assert f.write(b"w" * BLOCK) == -errno.EIO
        assert m.device(1)["paused"] is None


run(globals())
