# SPDX-License-Identifier: MIT
"""Verified load on several disks (tests/torture), and what its backend says of
them meanwhile."""
import json
import os
import select
import socket
import subprocess

from rig import BUILD, DEADLINE_S, until

PROGRAM = os.path.join(BUILD, "tests", "torture", "torture_load")
END_S = 120


class Failure(Exception):
    pass


class VerifiedLoad:
    """The program that makes it: asked by a line, answers by one.  In the end
    what each disk held is in `copies`, by its number."""

    def __init__(self, uris, copies, *options):
        self.log = open(os.path.join(copies, "log"), "w+")
        self.process = subprocess.Popen(
            [PROGRAM, "-c", copies, *map(str, options), *uris],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            text=True)

    def ask(self, text, deadline_s=DEADLINE_S):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"the load has ended: {self.said()}") from None
        readable, _, _ = select.select([self.process.stdout], [], [],
                                       deadline_s)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            raise Failure(f"no answer to {text}: {self.said()}")
        return json.loads(line)

    def said(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().strip()

    def look(self):
        disks = self.ask("look")
        if any(d["failed"] for d in disks):
            raise Failure(self.said() or "a request hangs")
        return disks

    def requests(self):
        """How many were answered, for each disk."""
        return [d["requests"] for d in self.look()]

    def has_more(self, before, n):
        """Each has had n more answers since that."""
        return all(r >= b + n for r, b in zip(self.requests(), before))

    def progress(self, n, deadline_s=DEADLINE_S):
        before = self.requests()
        until(lambda: self.has_more(before, n), "progress", deadline_s)

    def end(self):
        disks = self.ask("end", END_S)
        if self.process.wait(DEADLINE_S) != 0:
            raise Failure(self.said())
        return disks

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


def try_devices(m):
    """[What `pvb stat` would say], without a process; None: no answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(DEADLINE_S)
        try:
            s.connect(f"{m.dir}/control")
            s.send(b'{"command": "stat"}\n')
            with s.makefile() as f:
                return [json.loads(f.readline())["result"]]
        except (OSError, ValueError, KeyError):
            return None


def devices(m):
    return until(lambda: try_devices(m), "answer from the daemon",
                 process=m.serve.process)[0]


def nothing_failed(found, but=None):
    """`but`: operations of that name."""
    for d in found:
        if d["refused"]:
            raise Failure(f"{d['vdev']} of {d['domain']}: {d['refused']}")
        for op in ("read", "write", "flush", "discard", "barrier"):
            if op != but and d[op]["errors"]:
                raise Failure(f"{d['vdev']} of {d['domain']}: {op}: {d[op]}")
