#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon dies, or is started anew, under load: its guests see a pause and
nothing else."""
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import threading
import time
from contextlib import ExitStack

import late
from front import Front
from load import BLOCK
from restart import (MANY, MIB, kill, loaded, loads, machine,
                     nothing_was_refused, progress, say_pauses, worker)
from rig import (DEADLINE_S, PVB, at_rest, open_fds, pvb, pvb_json, run,
                 until)

LOADED = ("xvda", "xvdb", "xvdd")       # by loads()


def kept(m):
    """Names of what outlives the daemon."""
    try:
        return sorted(os.listdir(os.path.join(m.dir, "journal")))
    except FileNotFoundError:
        return []


def everything(m):
    return m.counts(), open_fds(m.local.pid)


def serves(m, *vdevs):
    """All of these are served again."""
    def there():
        found = {d["vdev"]: d for d in m.list()}
        return all(v in found and found[v]["backend_state"] == "connected" and
                   not found[v]["waits"] for v in vdevs)
    return until(there, "devices that are served")


def stop(m):
    """The daemon, as a service manager does."""
    assert m.serve.stop() == 0


def die(m):
    m.serve.kill()


def die_with_workers(m):
    """Both at one moment, as far as can be."""
    pids = {d["worker_pid"] for d in m.list() if d["worker_pid"]}
    kill(m.serve.pid)
    for pid in pids:
        kill(pid)
    m.serve.kill()


def again_and_again(end, times, what, start=True):
    """Under load.  Nothing is left of it, and the store hears nothing."""
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack, kept=True) as running:
        pauses = []
        held, files = at_rest(lambda: everything(m)), kept(m)
        nodes = [explained(m, v) for v in LOADED]
        for load in running:
            load.longest_s()
        for _ in range(times):
            end(m)
            if start:
                m.start_serve(*MANY)
            serves(m, *LOADED)
            progress(*running)
            pauses.append(max(load.longest_s() for load in running))
        for load in running:
            load.stop()
        say_pauses(what, pauses)
        assert max(pauses) < 5, pauses
        nothing_was_refused(m)
        assert [explained(m, v) for v in LOADED] == nodes
        until(lambda: everything(m) == held, "return to what was held")
        assert kept(m) == files, kept(m)


def explained(m, vdev):
    """What both ends have written in the store."""
    return pvb("explain", "--host", m.host, "--json", 1, vdev).stdout


# ---- how it dies ------------------------------------------------------------

def test_the_daemon_is_killed():
    again_and_again(die, 20, "the daemon was killed")


def test_the_daemon_and_its_workers_are_killed():
    again_and_again(die_with_workers, 20, "the daemon and its workers were "
                    "killed")


def test_the_daemon_is_stopped_and_started():
    again_and_again(stop, 10, "the daemon was started anew")


def test_daemons_die_as_soon_as_they_live():
    """At whatever they are just doing to take over."""
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack, kept=True) as running:
        chance = random.Random(6)
        for _ in range(30):
            m.serve.kill()
            m.start_serve(*MANY)
            # Chance is what is tried: at whatever it is just doing.
            time.sleep(chance.random() * 0.03)
        serves(m, *LOADED)
        progress(*running)
        for load in running:
            load.stop()
        nothing_was_refused(m)


def test_workers_and_daemons_die_in_turn():
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack, kept=True) as running:
        former = None
        for i in range(20):
            serves(m, *LOADED)
            former = until(lambda: worker(m) not in (None, former) and
                           worker(m), "another worker")
            kill(former)
            if i % 2:
                die(m)
                m.start_serve(*MANY)
        serves(m, *LOADED)
        progress(*running)
        for load in running:
            load.stop()
        nothing_was_refused(m)


def test_a_late_write_is_waited_for():
    with machine() as m, late.slow_disk(m, 8000) as path:
        def restart():
            die_with_workers(m)
            m.start_serve()
        m.attach(1, "xvda", path)
        with Front(m.vbd(1)) as f:
            assert late.new_data_stands(m, f, restart, slow_ms=8000)


# ---- another program in its place -------------------------------------------

def upgrade(m):
    """By the same program, whose journals are the same."""
    pid = m.serve.pid
    assert pvb_json("upgrade", "--host", m.host) == {"journals": "kept"}
    assert m.serve.process.poll() is None and m.serve.pid == pid


def ask(m, **request):
    """The daemon's answer on its control socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(DEADLINE_S)
        s.connect(os.path.join(m.dir, "control"))
        s.sendall(json.dumps(request).encode() + b"\n")
        with s.makefile() as f:
            return json.loads(f.readline())


def ask_if_alive(m, **request):
    try:
        return ask(m, **request)
    except (OSError, ValueError):
        return None


def upgrade_to_other_journals(m):
    """By one that cannot read those of today."""
    answer = ask(m, command="upgrade", program=PVB, journals=[99])
    assert answer == {"result": {"journals": "empty"}}, answer
    until(lambda: "result" in (ask_if_alive(m, command="list") or {}),
          "a daemon")


def test_an_upgrade():
    again_and_again(upgrade, 10, "the daemon was replaced", start=False)


def test_an_upgrade_to_other_journals():
    again_and_again(upgrade_to_other_journals, 10,
                    "the daemon was replaced, with all rings at rest",
                    start=False)


def test_one_at_rest_may_die():
    """Whoever comes then: all is known to be at rest, or in journals."""
    with machine(*MANY) as m, ExitStack() as stack, \
            loads(m, stack, kept=True) as running:
        chance = random.Random(7)
        for _ in range(20):
            t = threading.Thread(target=ask_if_alive, args=(m,), kwargs={
                "command": "upgrade", "program": PVB, "journals": []})
            t.start()
            # Chance is what is tried: before, in and after the upgrade.
            time.sleep(chance.random() * 0.06)
            m.serve.kill()
            t.join()
            m.start_serve(*MANY)
            serves(m, *LOADED)
        progress(*running)
        for load in running:
            load.stop()
        nothing_was_refused(m)


def test_what_does_not_come_to_rest_is_not_replaced():
    """It goes on as it was, also with those that had come to rest."""
    with machine() as m:
        m.attach(1, "xvda", f"fault:{m.image()}?delay=3000,op:write,times:1")
        m.attach(1, "xvdb", m.image("b"))
        with Front(m.vbd(1)) as f, Front(m.vbd(1, "xvdb")) as b:
            results = []
            write = threading.Thread(
                target=lambda: results.append(f.write(b"x" * BLOCK)))
            write.start()
            until(lambda: m.stat()[0]["in_flight"] == 1, "a write in flight")
            answer = ask(m, command="upgrade", program=PVB, journals=[],
                         timeout_ms=500)
            assert answer == {"error": "not all devices have come to rest in "
                              "time"}, answer
            assert b.write(b"y" * BLOCK) == 0
            serves(m, "xvda", "xvdb")
            write.join(2 * DEADLINE_S)
            assert results == [0], results


def test_what_cannot_be_executed_is_refused():
    with machine() as m:
        for program, why in (("/nonexistent", "No such file"),
                             ("pvb", "path"), (None, "path")):
            answer = ask(m, command="upgrade", program=program, journals=[1])
            assert why in answer["error"], answer
        assert m.list() == []


def test_what_only_looks_like_a_program_is_not_the_end():
    with machine() as m:
        fake = m.path("fake")
        with open(fake, "w", opener=lambda p, f: os.open(p, f, 0o755)) as f:
            f.write("not a program")
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)) as f:
            assert f.write(b"x" * BLOCK) == 0
            ask(m, command="upgrade", program=fake, journals=[1])
            assert f.write(b"y" * BLOCK) == 0
            assert "fake: Exec format error" in m.serve.output()


def test_a_lock_that_outlives_its_holder_for_a_moment():
    """Who was just beginning a worker when it was killed has left a child that
    has the lock, too, until it is another program."""
    with machine() as m:
        m.serve.stop()
        dead = subprocess.Popen(["true"])
        dead.wait()
        with open(os.path.join(m.dir, "serve.lock"), "w") as lock:
            lock.write(f"{dead.pid}\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            threading.Timer(0.3, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
            m.start_serve()


# ---- what goes on -----------------------------------------------------------

def test_counters_go_on():
    """What is answered is counted a moment later."""
    with machine() as m, ExitStack() as stack:
        def count(n):
            until(lambda: m.stat()[0]["write"]["requests"] == n, f"{n} writes")
        m.attach(1, "xvda", m.image())
        f = stack.enter_context(Front(m.vbd(1)))
        for i in range(10):
            assert f.write(b"x" * BLOCK, i * BLOCK) == 0
        count(10)
        die(m)
        m.start_serve()
        assert f.write(b"y" * BLOCK) == 0
        count(11)


def test_a_device_without_a_front_is_served_by_the_next():
    with machine() as m:
        m.attach(1, "xvda", m.image())
        die(m)
        m.start_serve()
        pvb("bench", "--time", "0.05", m.vbd(1))
        until(lambda: kept_journals(m) == [], "no journal")


def kept_journals(m):
    return [n for n in kept(m) if n.endswith(".journal")]


def test_a_drive_goes_on_with_its_medium():
    with machine() as m:
        m.attach(1, "xvdd", m.image("a.iso", MIB), "--cdrom")
        with open(m.path("a.iso"), "rb") as f:
            a = f.read(BLOCK)
        with Front(m.vbd(1, "xvdd")) as f:
            die(m)
            m.start_serve()
            assert f.read(BLOCK) == a
            pvb("eject", "--host", m.host, 1, "xvdd")
            f.wait_size(0)
            die(m)
            m.start_serve()
            serves(m, "xvdd")
            assert f.read(BLOCK) != a
            b = m.image("b.iso", 2 * MIB)
            pvb("insert", "--host", m.host, 1, "xvdd", b)
            f.wait_size(2 * MIB)
            die(m)
            m.start_serve()
            with open(b, "rb") as image:
                assert f.read(BLOCK) == image.read(BLOCK)


def test_a_disk_that_grew_meanwhile_is_told():
    with machine() as m:
        path = m.image("a", MIB)
        m.attach(1, "xvda", path)
        with Front(m.vbd(1)) as f:
            die(m)
            os.truncate(path, 2 * MIB)
            m.start_serve()
            f.wait_size(2 * MIB)
            assert f.write(b"x" * BLOCK, 2 * MIB - BLOCK) == 0


# ---- what was asked for meanwhile -------------------------------------------

def test_a_detach_meanwhile_is_done_by_the_next():
    """And what was in flight is answered."""
    with machine() as m:
        m.attach(1, "xvda", f"fault:{m.image()}?delay=1000,op:write")
        with Front(m.vbd(1)) as f:
            results = []
            write = threading.Thread(
                target=lambda: results.append(f.write(b"x" * BLOCK)))
            write.start()
            until(lambda: m.stat()[0]["in_flight"] == 1, "a write in flight")
            die(m)
            detach = threading.Thread(
                target=lambda: m.detach(1, "xvda", "--timeout", DEADLINE_S))
            detach.start()
            until(lambda: "closing" in explained(m, "xvda"), "a wish")
            m.start_serve()
            detach.join(DEADLINE_S)
            write.join(DEADLINE_S)
            assert results == [0] and not detach.is_alive(), results
        assert m.list() == []
        until(lambda: kept(m) == [], "nothing kept")


def test_a_front_that_dies_meanwhile():
    with machine() as m:
        m.attach(1, "xvda", m.image())
        counts = None
        for _ in range(5):
            p = m.spawn(PVB, "bench", "--rw", "randrw", "--time", 60, m.vbd(1),
                        stdout=subprocess.DEVNULL)
            until(lambda: m.states(1) == ("connected", "connected"),
                  "connection", process=p)
            die(m)
            p.kill()
            p.wait()
            m.start_serve()
            until(lambda: (m.states(1) or [0])[0] == "closed", "an end")
            counts = counts or at_rest(m.held)
            until(lambda: m.held() == counts, "all counts back")
            assert kept_journals(m) == []


def test_what_is_kept_of_a_device_that_is_gone_is_removed():
    with machine() as m:
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)):
            die(m)
            assert len(kept(m)) == 2, kept(m)
            m.detach(1, "xvda", "--force", "--timeout", 1)
        m.start_serve()
        until(lambda: kept(m) == [], "nothing kept")


# ---- it cannot be -----------------------------------------------------------

def journal(m, queue=0):
    return os.path.join(m.dir, "journal", f"1-pvb-51712.{queue}.journal")


def spoilt(m, spoil, reason):
    """The device is closed for that reason, and another one is served; then its
    own frontend connects anew."""
    path = m.image("a")
    m.attach(1, "xvda", path)
    m.attach(2, "xvda", m.image("b"))
    with Front(m.vbd(1)) as f, ExitStack() as stack:
        other = loaded(stack, m.vbd(2))
        progress(other)
        assert f.write(b"x" * BLOCK) == 0
        die(m)
        spoil(journal(m))
        m.start_serve()
        until(lambda: f"({reason})" in m.serve.output(), reason)
        assert f.write(b"y" * BLOCK) == 0
        until(lambda: m.states(1) == ("connected", "connected"), "connection")
        progress(other)
        other.stop()
    with open(path, "rb") as f:
        assert f.read(1) == b"y"


def overwrite(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def test_garbage_is_refused():
    with machine() as m:
        spoilt(m, lambda path: overwrite(
            path, 0, os.urandom(os.path.getsize(path))), "journal-format")


def test_the_journal_of_another_version_is_refused():
    with machine() as m:
        spoilt(m, lambda path: overwrite(path, 8, struct.pack("<I", 99)),
               "journal-format")


def test_a_journal_that_was_cut_off_is_refused():
    with machine() as m:
        spoilt(m, lambda path: os.truncate(path, 4096), "journal-format")


def test_the_journal_of_another_connection_is_removed():
    """Behind magic, version and shape stand protocol and device.  Nobody has
    served a connection that has no journals."""
    with machine() as m:
        m.attach(1, "xvda", m.image("a"))
        with Front(m.vbd(1)) as f:
            assert f.write(b"x" * BLOCK) == 0
            die(m)
            overwrite(journal(m), 32, struct.pack("<I", 99))
            m.start_serve()
            assert f.write(b"y" * BLOCK) == 0
            until(lambda: m.states(1) == ("connected", "connected"),
                  "connection")
            with open(journal(m), "rb") as j:
                assert struct.unpack("<I", j.read(36)[32:]) == (51712,)


def test_lost_memory_is_not_taken_for_a_disk():
    with machine() as m:
        m.attach(1, "xvda", "mem:4M")
        with Front(m.vbd(1, more="&reconnect=0")) as f:
            assert f.write(b"x" * BLOCK) == 0
            die(m)
            m.start_serve()
            until(lambda: (m.states(1) or [0])[0] == "closed", "an end")
            d = m.device(1)
            assert d["reason"] == "disk", d
            assert "mem:4M: what was in its memory is gone" in d["error"], d
            assert isinstance(f.read(BLOCK), int)


def test_without_a_folder_it_serves():
    """And the next one goes on with a ring on which nothing waits."""
    with machine() as m:
        stop(m)
        os.rename(os.path.join(m.dir, "journal"), m.path("former"))
        with open(os.path.join(m.dir, "journal"), "w"):
            pass
        m.start_serve()
        assert "nothing can be kept" in m.serve.output()
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)) as f:
            assert f.write(b"x" * BLOCK) == 0
            former = worker(m)
            kill(former)
            assert f.write(b"y" * BLOCK) == 0
            die(m)
            m.start_serve()
            serves(m, "xvda")
            assert f.write(b"z" * BLOCK) == 0
        os.unlink(os.path.join(m.dir, "journal"))


run(globals())
