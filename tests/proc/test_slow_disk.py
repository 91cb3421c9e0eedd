#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk that does not answer: it is shown, others go on, and the device can be
taken away."""
import os
import subprocess
import threading
from contextlib import contextmanager

from front import Front
from rig import BUILD, PVB, Machine, Skip, pvb, run, until

MIB = 1 << 20
BLOCK = 4096
HELD = b"SLOWPOKE" + b"h" * (BLOCK - 8)
NEVER_MS = 1000000000


class HeldDisk:
    """An image whose writes of HELD are answered when it is told so."""

    def __init__(self, m):
        self.dir = m.path("held")
        os.mkdir(self.dir)
        self.path = os.path.join(self.dir, "disk")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "tests", "disk", "slow_disk"), self.dir,
             str(16 * MIB), str(NEVER_MS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Skip("no FUSE here")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def answer(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()


class Writer(threading.Thread):
    def __init__(self, front, data, offset=0):
        super().__init__(daemon=True)
        self.front, self.data, self.offset = front, data, offset
        self.result = None
        self.start()

    def run(self):
        self.result = self.front.write(self.data, self.offset)

    def end(self):
        self.join(30)
        assert not self.is_alive(), "a write without an answer"
        return self.result


@contextmanager
def hung(m, *args):
    """A device on a disk that has one write and does not answer it."""
    with HeldDisk(m) as disk:
        m.attach(1, "xvda", disk.path, "--slow", 1, *args)
        with Front(m.vbd(1, "xvda", "&timeout=0")) as f:
            w = Writer(f, HELD)
            until(lambda: m.device(1)["slow_requests"] == 1, "slow request")
            yield disk, f, w
            disk.answer()


def logged(m, what):
    return what in m.serve.output()


def test_a_request_without_an_answer_is_shown():
    with Machine() as m, hung(m) as (disk, f, w):
        d = m.device(1)
        assert d["oldest_seconds"] >= 1, d
        assert "(slow: 1 requests, the oldest for" in \
            pvb("list", "--host", m.host).stdout
        s = m.stat()[0]
        assert (s["slow"], s["in_flight"]) == (1, 1), s
        assert "1 requests, 1 of them now" in \
            pvb("stat", "--host", m.host).stdout
        until(lambda: logged(m, "held/disk: does not answer: a request has "
                                "waited for 1 s"), "line in the log")
        # What the disk does answer is answered.
        assert f.write(b"n" * BLOCK, BLOCK) == 0
        assert m.device(1)["slow_requests"] == 1
        disk.answer()
        assert w.end() == 0
        until(lambda: m.device(1)["slow_requests"] == 0, "end of it")
        assert m.device(1)["oldest_seconds"] is None
        assert m.stat()[0]["slow"] == 1 and m.stat()[0]["write"]["errors"] == 0
        until(lambda: logged(m, "held/disk: answers again"),
              "line in the log")
        assert m.serve.output().count("does not answer") == 1


def test_a_detach_is_put_off_until_it_answers():
    with Machine() as m, hung(m) as (disk, f, w):
        r = m.detach(1, "xvda", "--timeout", 2, status=1)
        assert "not closed yet" in r.stderr, r.stderr
        assert "held/disk: does not answer" in r.stderr, r.stderr
        d = m.device(1)
        assert (d["backend_state"], d["slow_requests"]) == ("closing", 1), d
        assert w.result is None
        disk.answer()
        assert w.end() == 0
        # What was asked for before comes true.
        until(lambda: not m.device(1), "end of the device")
        m.detach(1, "xvda")


def test_a_forced_one_kills_its_worker_and_says_so():
    with Machine() as m, hung(m) as (disk, f, w):
        m.attach(2, "xvda", m.image())
        other = m.device(2)["worker_pid"]
        r = m.detach(1, "xvda", "--force", "--timeout", 8)
        assert "taken away, but its backend has not let go" in r.stderr, \
            r.stderr
        assert m.device(1) is None
        assert logged(m, "its worker is killed"), m.serve.output()
        assert m.device(2)["worker_pid"] == other
        assert w.end() < 0
        m.detach(2, "xvda")


def test_a_daemon_ends_all_the_same():
    with Machine() as m, HeldDisk(m) as disk:
        m.attach(1, "xvda", disk.path, "--slow", 1)
        src = m.path("src")
        with open(src, "wb") as f:
            f.write(HELD + bytes(16 * MIB - BLOCK))
        m.spawn(PVB, "copy", src, m.vbd(1, "xvda", "&timeout=0"))
        until(lambda: m.device(1)["slow_requests"] > 0, "slow request")
        assert m.serve.stop() == 0


def test_where_it_is_so_told_nothing_is_slow():
    with Machine() as m:
        m.attach(1, "xvda", "fault:mem:1M?delay=2500,op:write", "--slow", 0)
        with Front(m.vbd(1)) as f:
            assert f.write(b"x" * BLOCK) == 0
        assert m.stat()[0]["slow"] == 0


def test_another_disk_of_the_domain_goes_on():
    with Machine() as m, hung(m) as (disk, f, w):
        m.attach(1, "xvdb", m.image())
        with Front(m.vbd(1, "xvdb")) as other:
            for i in range(100):
                assert other.write(b"o" * BLOCK, i * BLOCK) == 0
        m.detach(1, "xvdb")
        assert w.result is None


run(globals())
