#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon's connection to the store is lost, and there again: guests see
nothing of it, and what has changed meanwhile is found."""
import ctypes
import os
import socket

from contextlib import ExitStack, contextmanager

from front import Front
from load import Load
from rig import Machine, Skip, pvb, run, until

MIB = 1 << 20
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def call(number, *args):
    r = libc.syscall(number, *args)
    if r < 0:
        raise Skip(f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return r


def is_store(fd, path):
    try:
        return fd.getpeername() == path
    except OSError:
        return False


@contextmanager
def descriptors(pid):
    """Its sockets, as ours."""
    pidfd = call(PIDFD_OPEN, pid, 0)
    found = []
    for n in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{n}").startswith("socket:"):
                found.append(socket.socket(fileno=call(PIDFD_GETFD, pidfd,
                                                       int(n), 0)))
        except FileNotFoundError:
            pass
    os.close(pidfd)
    try:
        yield found
    finally:
        for s in found:
            s.close()


def lose_store(m):
    """Its connection to the store is cut, and nothing else."""
    with descriptors(m.serve.pid) as found:
        ours = [s for s in found if is_store(s, f"{m.dir}/store")]
        assert len(ours) == 1, ours
        ours[0].shutdown(socket.SHUT_RDWR)


def await_return(m, times=1):
    until(lambda: m.serve.output().count("the store is back") == times,
          "store that is back")
    until(lambda: os.path.exists(f"{m.dir}/control") and is_served(m),
          "daemon that answers")


def is_served(m):
    try:
        return all(not d["waits"] for d in m.list())
    except AssertionError:
        return False


def test_guests_are_served_on():
    with Machine() as m, ExitStack() as stack:
        m.attach(1, "xvda", m.image("a"))
        m.attach(2, "xvda", m.image("b"))
        loads = [stack.enter_context(Load(stack.enter_context(
            Front(m.vbd(d))), MIB)) for d in (1, 2)]
        for i in range(1, 4):
            before = [l.done() for l in loads]
            lose_store(m)
            await_return(m, i)
            until(lambda: all(l.done() > b + 50
                              for l, b in zip(loads, before)), "progress")
        assert "guests are served on" in m.serve.output()
        for d in (1, 2):
            assert m.states(d) == ("connected", "connected")


def test_it_hears_of_what_comes_and_goes_then():
    with Machine() as m:
        m.attach(1, "xvda", m.image("a"))
        with Front(m.vbd(1)) as f:
            lose_store(m)
            await_return(m)
            assert f.write(b"x" * 4096) == 0
            m.attach(1, "xvdb", m.image("b"))
            assert m.device(1, "xvdb")["backend_state"] == "init-wait"
        m.detach(1, "xvda")
        until(lambda: not m.device(1, "xvda"), "end of the device")


def test_a_machine_that_is_gone_ends_it():
    with Machine() as m:
        m.local.kill()
        assert m.serve.process.wait(30) == 1
        assert "serve: the store is gone" in m.serve.output()


run(globals())
