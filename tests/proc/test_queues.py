#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Several queues between whole programs: a thread each at both ends, one disk
between them."""
import contextlib
import os
import subprocess

from front import Front
from rig import Machine, PVB, at_rest, need, open_fds, pvb, run, until

MIB = 1 << 20


def verified_load(m, vbd, size=24 * MIB):
    """fio through NBD; what it has written is read again at the end."""
    need("fio")
    _, uri = m.export(vbd)
    r = subprocess.run(
        ["fio", "--name=v", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw",
         f"--size={size}", "--bsrange=512-64k", "--blockalign=512",
         "--iodepth=32", "--verify=crc32c", "--verify_fatal=1", "--fsync=64"],
        capture_output=True, text=True, cwd=m.work, timeout=180)
    assert r.returncode == 0 and "err= 0" in r.stdout, r.stdout + r.stderr


def names(pid):
    """Of its threads; those that the kernel gave its io_urings come and go."""
    found = []
    for t in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{t}/comm") as f:
                found.append(f.read().strip())
    return sorted(n for n in found if not n.startswith("iou-"))


def of_queue(thread, n):
    """A worker's thread is named for device and queue."""
    return thread.startswith("pvb-") and thread.endswith(f".{n}")


def test_each_queue_has_a_thread_at_both_ends():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=8 * MIB), "--queues", 4)
        with Front(m.vbd(1, more="&queues=4&ring-order=4")):
            d = m.device(1)
            assert (d["queues"], d["ring_pages"]) == (4, 16), d
            served = names(d["worker_pid"])
            for n in range(4):
                assert [of_queue(t, n) for t in served].count(True) == 1, \
                    served
                assert f"pvb-front.{n}" in names("self"), names("self")


def settled(m):
    """Counts, and the worker, once nothing of domain 1's front is left.  The
    worker's threads wait for the next one."""
    until(lambda: m.states(1)[0] == "closed", "closed backend")
    worker = m.device(1)["worker_pid"]
    return worker, names(worker), open_fds(worker), m.held()


def back_at(first, m):
    """The first time: at rest."""
    first = first or at_rest(lambda: settled(m))
    until(lambda: settled(m) == first, "what it was like before")
    return first


def test_nothing_is_left_of_them():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=8 * MIB), "--queues", 4)
        own = len(names("self")), open_fds("self")
        first = None
        for _ in range(4):
            with Front(m.vbd(1, more="&queues=4")) as f:
                assert f.write(b"x" * 4096) == 0
            assert (len(names("self")), open_fds("self")) == own
            first = back_at(first, m)


def test_verified_load_on_a_file():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=24 * MIB), "--queues", 4)
        verified_load(m, m.vbd(1, more="&queues=4&ring-order=4"))


def test_verified_load_on_part_sectors():
    """Queues that read, change and write back the same sectors."""
    with Machine() as m:
        m.attach(1, "xvda", "mem:24M?sector-size=4096", "--queues", 4)
        verified_load(m, m.vbd(1, more="&queues=4&indirect=0"))


def test_a_front_that_is_killed_leaves_nothing():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=8 * MIB), "--queues", 4)
        first = None
        for _ in range(3):
            p = m.spawn(PVB, "bench", "--time", "60",
                        m.vbd(1, more="&queues=4"))
            until(lambda: m.states(1)[0] == "connected", "connection",
                  process=p)
            p.kill()
            p.wait()
            first = back_at(first, m)


def test_more_queues_than_processors():
    with Machine() as m:
        image = m.image(size=8 * MIB)
        m.attach(1, "xvda", image, "--queues", 16)
        pvb("copy", m.vbd(1, more="&queues=16&ring-order=0"), m.path("out"))
        assert open(image, "rb").read() == open(m.path("out"), "rb").read()
        assert m.device(1, "xvda")["queues"] == 16


def test_a_queue_for_each_processor_is_offered():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        with Front(m.vbd(1, more="&queues=16")):
            assert m.device(1, "xvda")["queues"] == \
                min(os.cpu_count(), 16)


def test_the_next_worker_serves_all_queues():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M", "--queues", 4)
        with Front(m.vbd(1, more="&queues=4")) as f:
            assert f.write(b"x" * 4096) == 0
            former = m.device(1)["worker_pid"]
            os.kill(former, 9)
            assert f.read(4096) == b"x" * 4096
            worker = m.device(1)["worker_pid"]
            assert worker != former
            for n in range(4):
                assert any(of_queue(t, n) for t in names(worker)), n


run(globals())
