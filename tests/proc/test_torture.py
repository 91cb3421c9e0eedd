#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The torture, for a short while; and whether it would tell."""
import json
import os
import subprocess
import sys
import tempfile
import time

from rig import run
from verified import PROGRAM

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 512
BLOCKS = 64
HANG_S = 30                             # of a machine that has much to do


def torture(*args):
    r = subprocess.run(
        [sys.executable, os.path.join(HERE, "torture"), "--hang", str(HANG_S),
         *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=300)
    print("# " + r.stdout.replace("\n", "\n# "), flush=True)
    assert r.returncode == 0, f"status {r.returncode}"


def test_workers_are_killed():
    torture("--targets", "worker,workers", "--kills", 60, "--time", 10)


def test_workers_and_the_daemon_are_killed():
    torture("--kills", 60, "--time", 10)


# ---- would it tell? ---------------------------------------------------------

class Scribbler:
    """A load on a file that somebody else writes to."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="pvb-test.")
        self.file.truncate(BLOCKS * BLOCK)
        self.load = subprocess.Popen(
            [PROGRAM, "-d", "4", f"file:{self.file.name}?direct=off"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.requests(1000)

    def requests(self, n):
        """So many more."""
        until = None
        while True:
            self.load.stdin.write("look\n")
            self.load.stdin.flush()
            d, = json.loads(self.load.stdout.readline())
            until = until or d["requests"] + n
            if d["requests"] >= until:
                return
            time.sleep(0.001)

    def content(self):
        return os.pread(self.file.fileno(), BLOCKS * BLOCK, 0)

    def scribble(self, data):
        os.pwrite(self.file.fileno(), data, 0)

    def end(self):
        """Its status, and what it has said."""
        _, err = self.load.communicate("end\n", timeout=60)
        self.file.close()
        return self.load.returncode, err


def test_nobody_scribbles():
    assert Scribbler().end() == (0, "")


def test_bytes_that_nobody_wrote_are_told():
    s = Scribbler()
    # Often, for what is written over before it is read is not seen.
    for _ in range(20):
        s.scribble(os.urandom(BLOCKS * BLOCK))
        s.requests(50)
    status, err = s.end()
    assert status == 1 and "wrong: block" in err, err


def test_an_old_state_that_comes_again_is_told():
    s = Scribbler()
    for _ in range(20):
        old = s.content()
        s.requests(200)
        s.scribble(old)
    status, err = s.end()
    assert status == 1, err
    assert "resurrected: block" in err or "lost: block" in err, err


def test_another_blocks_content_is_told():
    s = Scribbler()
    for _ in range(20):
        now = s.content()
        s.scribble(now[BLOCK:] + now[:BLOCK])
        s.requests(50)
    status, err = s.end()
    assert status == 1 and "wrong: block" in err, err


run(globals())
