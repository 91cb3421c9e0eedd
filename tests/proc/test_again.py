#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The backend goes and another comes, and who uses a vbd: disk sees a pause;
or none comes, and he sees an error, and when."""
import filecmp
import os
import shutil
import subprocess
from contextlib import ExitStack

from front import Front
from load import Load
from rig import DEADLINE_S, PVB, Machine, need, pvb, run, until

MIB = 1 << 20
GONE = "does not serve it any more; requests wait for that"
HERE = "serves it again, after"


def loaded(stack, m, vdev, more=""):
    front = Front(m.vbd(1, vdev, more + "&timeout=2"))
    return stack.enter_context(
        Load(stack.enter_context(front), 4 * MIB, threads=4))


def progress(*loads):
    before = [load.done() for load in loads]
    until(lambda: all(load.done() > b + 20 for load, b in zip(loads, before)),
          "progress")


def say_pauses(what, pauses):
    pauses = sorted(p * 1000 for p in pauses)
    print(f"# {what}: {len(pauses)} pauses, median "
          f"{pauses[len(pauses) // 2]:.0f} ms, longest {pauses[-1]:.0f} ms")


def check_loads(end):
    """`end` has the daemon end; each time another one is started."""
    with Machine() as m, ExitStack() as stack:
        for vdev, disk in (("xvda", m.image("a")),
                           ("xvdb", f"fault:{m.image('b')}?delay=2")):
            m.attach(1, vdev, disk, "--queues", 2)
        loads = [loaded(stack, m, "xvda"),
                 loaded(stack, m, "xvdb", "&queues=2")]
        progress(*loads)
        pauses = []
        for _ in range(5):
            for load in loads:
                load.longest_s()
            end(m)
            m.start_serve()
            progress(*loads)
            pauses.append(max(load.longest_s() for load in loads))
        for load in loads:
            load.stop()
        say_pauses("another daemon", pauses)


def forget(m):
    """The daemon dies, and the next one knows nothing of it, as one of another
    make would not."""
    m.serve.kill()
    shutil.rmtree(os.path.join(m.dir, "journal"))


def test_a_daemon_that_knows_nothing_of_the_one_before():
    check_loads(forget)


def test_a_daemon_that_closes_all_and_is_started_again():
    """Each device is closed in order, and stays; so a frontend is told."""
    with Machine(serve=False) as m, ExitStack() as stack:
        m.start_serve("--drain")
        m.attach(1, "xvda", m.image())
        load = loaded(stack, m, "xvda")
        progress(load)
        for _ in range(3):
            assert m.serve.stop() == 0
            assert m.node("/local/domain/0/backend/pvb/1/51712/state") in \
                ("6", None)
            m.start_serve("--drain")
            progress(load)
        load.stop()


def written(m):
    """By this daemon, in bytes."""
    return sum(d["write"]["bytes"] for d in m.stat())


def test_an_nbd_client_sees_nothing_of_it():
    need("nbdcopy")
    with Machine() as m:
        src = m.image("src.img", 64 * MIB)
        m.attach(1, "xvda", f"fault:{m.image('dst.img', 64 * MIB, False)}"
                            "?delay=20")
        _, uri = m.export(m.vbd(1, more="&timeout=2"))
        p = m.spawn("nbdcopy", "--flush", src, uri, stderr=subprocess.PIPE,
                    text=True)
        times = 0
        while times < 3:
            until(lambda: p.poll() is not None or written(m) > MIB, "writes")
            if p.poll() is not None:
                break
            forget(m)
            m.start_serve()
            times += 1
        print(f"# {times} times")
        assert times > 0, "it was over before it could happen"
        _, err = p.communicate(timeout=2 * DEADLINE_S)
        assert p.returncode == 0, err
        assert filecmp.cmp(src, m.path("dst.img"), shallow=False)


def test_it_is_said_when_it_waits_and_when_that_is_over():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        log = open(m.path("log"), "w+")
        p = m.spawn(PVB, "bench", "--time", 60, m.vbd(1, more="&timeout=1"),
                    stdout=subprocess.DEVNULL, stderr=log)
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        m.serve.kill()

        def said(what):
            with open(m.path("log")) as f:
                return what in f.read()
        until(lambda: said(GONE), "a word that it waits", process=p)
        m.start_serve()
        until(lambda: said(HERE), "a word that it is back", process=p)
        p.kill()


def test_it_waits_no_longer_than_it_was_told():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1, more="&timeout=1&reconnect=1")) as f:
            assert f.write(b"x" * 4096) == 0
            m.serve.kill()
            assert f.write(b"y" * 4096) == -5
            # And from now on nothing waits.
            r = until(lambda: f.write(b"z" * 4096) in (-5, -108) and
                      f.read(4096), "the end of the disk")
            assert r in (-5, -108), r


def test_a_device_that_is_taken_away_is_not_waited_for():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1, more="&reconnect=3600")) as f:
            assert f.write(b"x" * 4096) == 0
            m.detach(1, "xvda")
            r = until(lambda: f.write(b"y" * 4096), "an error")
            assert r < 0, r


def test_a_smaller_disk_is_not_taken_for_the_same():
    with Machine() as m:
        path = m.image(size=16 * MIB)
        m.attach(1, "xvda", path)
        with Front(m.vbd(1, more="&timeout=1&reconnect=3600")) as f:
            assert f.write(b"x" * 4096) == 0
            forget(m)
            assert pvb("list", "--host", m.host, status=1).stdout == ""
            with open(path, "r+b") as disk:
                disk.truncate(8 * MIB)
            m.start_serve()
            r = until(lambda: f.write(b"y" * 4096), "an error")
            assert r < 0, r


run(globals())
