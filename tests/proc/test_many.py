#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""64 disks in one daemon, each under load; and what idle ones cost."""
import time

from front import Front
from rig import (Machine, PVB, cpu_ticks, open_fds, pss_bytes, pvb, run,
                 switches, until)

DISKS = 64


def connected(m):
    return sum(d["backend_state"] == d["frontend_state"] == "connected"
               for d in m.list())


def backend(m):
    return {m.serve.pid} | {d["worker_pid"] for d in m.list()
                            if d["worker_pid"]}


def hold_all(m):
    """A connected frontend for each, in one process a disk."""
    for i in range(DISKS):
        m.attach(i + 1, "xvda", m.image(f"{i}.img", 4 << 20))
        m.spawn(PVB, "bench", "--time", "60", "--depth", "4", "--rw",
                "randrw", "--poll", "never", m.vbd(i + 1))
    until(lambda: connected(m) == DISKS, f"{DISKS} connections", 60)


def test_64_disks_under_load():
    with Machine() as m:
        hold_all(m)
        before = {d["domain"]: d["read"]["requests"] for d in m.stat()}
        until(lambda: all(d["read"]["requests"] > before[d["domain"]] + 50
                          for d in m.stat()), "progress of every disk", 60)
        for d in m.stat():
            assert d["read"]["errors"] == d["write"]["errors"] == 0, d
            assert d["refused"] == {}, d


def test_40_fronts_of_one_domain_connect_at_once():
    """More than the store allows a domain to have transactions."""
    with Machine() as m:
        for i in range(40):
            m.attach(1, f"d{i}p0", "mem:1M")
        fronts = [m.spawn(PVB, "bench", "--time", "0.1", m.vbd(1, f"d{i}p0"),
                          stdout=-3, stderr=-1, text=True)
                  for i in range(40)]
        for p in fronts:
            _, err = p.communicate(timeout=60)
            assert p.returncode == 0, err


def idle_machine(m):
    """All attached and connected, nobody asks for anything: the exporting
    frontends are held by NBD clients that are silent."""
    for i in range(DISKS):
        m.attach(i + 1, "xvda", m.image(f"{i}.img", 4 << 20))
    fronts = [m.spawn(PVB, "bench", "--time", "0.2", "--depth", "4",
                      m.vbd(i + 1)) for i in range(DISKS)]
    for p in fronts:
        assert p.wait(60) == 0
    for i in range(DISKS):
        holder(m, i + 1)
    until(lambda: connected(m) == DISKS, f"{DISKS} connections", 60)


def holder(m, domain):
    """A frontend that is connected and does nothing: a copy to a pipe that
    nobody reads would load it; an NBD export with a silent client does not."""
    import socket
    p, uri = m.export(m.vbd(domain))
    s = socket.socket(socket.AF_UNIX)
    s.connect(uri.split("socket=")[1])
    # The fixed newstyle handshake up to NBD_OPT_GO makes nbdkit open the disk.
    s.recv(18)
    s.sendall(b"\0\0\0\3" + b"IHAVEOPT" + b"\0\0\0\7" + b"\0\0\0\6" +
              b"\0\0\0\0" + b"\0\0")
    m.sockets = getattr(m, "sockets", []) + [s]


def is_quiet(pids):
    """The handshakes are over: nobody wakes up in a second."""
    before = {p: switches(p) for p in pids}
    time.sleep(1)
    return {p: switches(p) for p in pids} == before


def test_idle_disks_cost_no_cpu_and_little_memory():
    with Machine() as m:
        idle_machine(m)
        pids = backend(m)
        assert len(pids) == DISKS + 1
        # Asking costs the supervisor itself a wake-up, so ask no more now.
        until(lambda: is_quiet(pids), "second without a wake-up")
        ticks = {p: cpu_ticks(p) for p in pids}
        woken = {p: switches(p) for p in pids}
        # The time in which nothing must happen is what is measured.
        time.sleep(3)
        for p in pids:
            assert cpu_ticks(p) == ticks[p], f"process {p} used CPU time"
            assert switches(p) == woken[p], f"process {p} woke up"
        total = sum(pss_bytes(p) for p in pids)
        print(f"# {total / DISKS / 1024:.0f} KiB PSS a disk")
        assert total / DISKS < 2 << 20, f"{total / DISKS} bytes a disk"


def passing(m):
    """All that goes with the last device; a domain's own nodes stay."""
    kept = ("domains", "store_nodes")
    counts = {k: v for k, v in m.counts().items() if k not in kept}
    return counts, open_fds(m.serve.pid)


def attach_and_detach(m, disk):
    for i in range(3):
        m.attach(i + 1, "xvda", disk, "--shared")
        pvb("bench", "--time", "0.05", m.vbd(i + 1))
    for i in range(3):
        m.detach(i + 1, "xvda")


def test_attach_again_at_once():
    """The backend has not let go of the former device yet."""
    with Machine() as m:
        disk = m.image(size=1 << 20)
        for _ in range(100):
            m.attach(1, "xvda", disk)
            with Front(m.vbd(1)) as f:
                assert f.write(bytes(4096)) == 0
            m.detach(1, "xvda")


def test_attach_and_detach_leave_nothing():
    with Machine() as m:
        disk = m.image(size=1 << 20)
        bare = passing(m)
        attach_and_detach(m, disk)
        # detach returns when the toolstack's part is done, a moment before
        # the backend has let go of its own.
        until(lambda: passing(m) == bare, "return to an empty machine")
        start = m.counts()
        for _ in range(10):
            attach_and_detach(m, disk)
        until(lambda: passing(m) == bare, "return to an empty machine")
        assert m.counts() == start
        assert m.list() == []


run(globals())
