#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Supervisor, worker, frontend and broker are processes of their own, and the
death of one takes nothing of the others'."""
import os
import signal
import time

from rig import (DEADLINE_S, Machine, PVB, at_rest, need, open_fds, pvb, run,
                 until)


def bench(m, domain, seconds=60, more=""):
    """A frontend under load; returns when it is connected."""
    p = m.spawn(PVB, "bench", "--rw", "randrw", "--time", seconds,
                "--depth", 16, m.vbd(domain, more=more),
                stdout=-1, stderr=-1, text=True)
    until(lambda: m.states(domain) == ("connected", "connected"),
          f"connection of domain {domain}", process=p)
    return p


def requests(m, domain):
    for d in m.stat():
        if d["domain"] == domain:
            return d["read"]["requests"] + d["write"]["requests"]
    raise AssertionError(f"domain {domain} is not served")


def moves_on(m, domain):
    """Requests of this domain are being answered."""
    before = requests(m, domain)
    until(lambda: requests(m, domain) > before + 100,
          f"progress of domain {domain}")


def no_errors(m, domain):
    for d in m.stat():
        if d["domain"] == domain:
            assert d["read"]["errors"] == d["write"]["errors"] == 0, d
            assert d["refused"] == {}, d


def test_four_kinds_of_processes():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        m.attach(2, "xvda", m.image("other.img"))
        front = bench(m, 1)
        second = bench(m, 2)
        workers = {d["domain"]: d["worker_pid"] for d in m.list()}
        pids = {m.local.pid, m.serve.pid, front.pid, second.pid,
                *workers.values()}
        assert len(pids) == 6, "processes are not separate"
        for pid in workers.values():
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            assert parent == m.serve.pid
        front.kill()
        second.kill()


def settled(m):
    """Counts, and descriptors of the daemons, once nothing of domain 1's front
    is left."""
    until(lambda: m.states(1)[0] == "closed", "closed backend")
    return at_rest(lambda: (m.held(), open_fds(m.serve.pid),
                            open_fds(m.local.pid)))


def test_kill_of_a_front_returns_everything_and_spares_others():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        m.attach(2, "xvda", m.image("other.img"))
        other = bench(m, 2)
        front = bench(m, 1)
        front.kill()
        front.wait()
        start = settled(m)
        for _ in range(5):
            front = bench(m, 1)
            moves_on(m, 1)
            os.kill(front.pid, signal.SIGKILL)
            front.wait()
            now = settled(m)
            assert now == start, f"{start} became {now}"
        moves_on(m, 2)
        no_errors(m, 2)
        assert other.poll() is None, other.communicate()
        other.kill()


def test_orderly_end_returns_everything():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        pvb("bench", "--time", "0.1", m.vbd(1))
        start = settled(m)
        for _ in range(5):
            pvb("bench", "--time", "0.1", m.vbd(1))
            assert settled(m) == start


def ends_in_error(p, deadline_s):
    began = time.monotonic()
    _, err = p.communicate(timeout=deadline_s)
    assert p.returncode == 1, f"status {p.returncode}: {err}"
    assert err.count("pvb: vbd:") == 1, err
    return time.monotonic() - began


def test_kill_of_the_whole_backend_is_an_error_within_the_time_out():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        front = bench(m, 1, more="&timeout=2&reconnect=0")
        moves_on(m, 1)
        worker = m.device(1)["worker_pid"]
        os.kill(m.serve.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        took = ends_in_error(front, DEADLINE_S)
        # Two more, of five seconds, wait for a back that might be closing.
        assert took < 17, f"took {took} s with a time-out of 2"


def test_a_worker_ends_with_its_supervisor():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        front = bench(m, 1)
        worker = m.device(1)["worker_pid"]
        m.serve.kill()
        until(lambda: not os.path.exists(f"/proc/{worker}"), "end of worker")
        front.kill()


def test_kill_of_the_broker_ends_the_daemon_with_a_message():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        m.local.kill()
        until(lambda: m.serve.process.poll() is not None, "end of serve")
        assert m.serve.process.returncode == 1
        assert "store is gone" in m.serve.output()


def test_a_front_comes_back_after_its_death():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        front = bench(m, 1)
        front.kill()
        front.wait()
        new = m.image("new.img")
        pvb("copy", new, m.vbd(1))
        pvb("copy", m.vbd(1), m.path("copy"))
        with open(new, "rb") as a, open(m.path("copy"), "rb") as b:
            assert a.read() == b.read()


def test_a_second_front_of_one_device_is_refused():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        front = bench(m, 1)
        r = pvb("copy", m.vbd(1), m.path("copy"), status=1)
        assert f"process {front.pid} has the device" in r.stderr, r.stderr
        moves_on(m, 1)
        front.kill()


def test_nbd_reader_sees_nothing_when_the_worker_dies():
    need("qemu-io")
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        p, uri = m.export(m.vbd(1))
        reader = m.spawn("qemu-io", "-r", "-f", "raw", "-c", "read 0 4k",
                         "-c", "sleep 1000", "-c", "read 8k 4k", uri,
                         stdout=-1, stderr=-1, text=True)
        until(lambda: m.states(1) == ("connected", "connected"), "connection")
        until(lambda: requests(m, 1) > 0, "first read")
        os.kill(m.device(1)["worker_pid"], signal.SIGKILL)
        out, err = reader.communicate(timeout=DEADLINE_S)
        assert out.count("read 4096/4096 bytes") == 2, out + err


run(globals())
