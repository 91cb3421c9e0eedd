#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CD-ROM and floppy drives: empty ones, and media that come and go under a
frontend that stays connected, by who asks for it and by what a toolstack
writes."""
import errno
import json
import os
import socket
import subprocess
import threading

from front import Front
from rig import (DEADLINE_S, PVB, Machine, at_rest, open_fds, pvb, pvb_json, run,
                 until)

MIB = 1 << 20
NUMBER = 5632                           # hdc
BACK = f"/local/domain/0/backend/pvb/1/{NUMBER}"
FRONT = f"/local/domain/1/device/vbd/{NUMBER}"


def drive(m, *more):
    """Domain 1 has an empty CD-ROM drive."""
    pvb("attach", "--host", m.host, "--cdrom", *more, 1, "hdc")


def insert(m, disk, **more):
    return pvb("insert", "--host", m.host, 1, "hdc", disk, **more)


def eject(m, **more):
    return pvb("eject", "--host", m.host, 1, "hdc", **more)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def node(m, name, directory=BACK):
    return m.node(f"{directory}/{name}")


# ---- by who asks ------------------------------------------------------------

def test_media_come_and_go_under_a_frontend():
    with Machine() as m:
        a, b = m.image("a.iso", 3 * MIB), m.image("b.iso", MIB)
        drive(m)
        d = m.device(1, "hdc")
        assert (d["sectors"], d["disk"], d["readonly"], d["device_type"]) == \
            (0, None, True, "cdrom"), d
        with Front(m.vbd(1, "hdc")) as f:
            pid = m.device(1, "hdc")["worker_pid"]
            assert f.info.size_bytes == 0 and f.info.read_only
            assert f.read(512) == -errno.EINVAL
            for image in (a, b, a):
                insert(m, image)
                f.wait_size(os.path.getsize(image))
                assert f.read(os.path.getsize(image)) == content(image)
                d = m.device(1, "hdc")
                assert d["disk"] == image and d["frontend_state"] == \
                    "connected", d
                eject(m)
                f.wait_size(0)
                assert f.read(512) == -errno.EINVAL
            assert m.device(1, "hdc")["worker_pid"] == pid
            assert f.write(bytes(512)) == -errno.EROFS


def test_what_insert_and_eject_say():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        r = insert(m, a)
        assert r.stdout == f"hdc: {a}, 2048 sectors of 512 bytes\n", r.stdout
        assert " hdc " in pvb("list", "--host", m.host).stdout
        r = eject(m)
        assert r.stdout == "hdc: empty\n", r.stdout
        assert " empty " in pvb("list", "--host", m.host).stdout
        r = eject(m)                    # it is as it was wished
        assert r.stdout == "hdc: empty\n", r.stdout
        o = pvb_json("insert", "--host", m.host, 1, "hdc", a)
        assert o["disk"] == a and o["sectors"] == 2048, o
        o = pvb_json("eject", "--host", m.host, 1, "hdc")
        assert o["disk"] is None and o["sectors"] == 0, o


def test_a_medium_by_its_path_from_here():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        pvb("insert", "--host", m.host, 1, "hdc", "a.iso", cwd=m.work)
        assert m.device(1, "hdc")["disk"] == a


def refused(r, says):
    assert r.stdout == "" and r.stderr.startswith("pvb: ") and \
        r.stderr.count("\n") == 1 and says in r.stderr, r.stderr


def test_a_name_that_is_no_utf_8_cannot_be_told():
    with Machine() as m:
        drive(m)
        refused(insert(m, m.path("\udcfc.iso"), status=1), "UTF-8")


def test_what_cannot_be_had_changes_nothing():
    with Machine() as m:
        a, used = m.image("a.iso", MIB), m.image("used.img", MIB)
        odd = m.image("odd.iso", 1000)
        drive(m)
        m.attach(2, "xvda", used)
        with Front(m.vbd(2)), Front(m.vbd(1, "hdc")) as f:
            r = insert(m, m.path("none.iso"), status=1)
            refused(r, "domain 1 device hdc: " + m.path("none.iso") +
                    ": there is no such file")
            refused(insert(m, m.work, status=1), "is a directory")
            refused(insert(m, m.image("void.iso", 0), status=1), "is empty")
            refused(insert(m, odd, status=1), "not a multiple of 512")
            # Found only where it is opened: in the worker.
            refused(insert(m, used, status=1),
                    used + ": another process has it open for writing")
            assert f.info.size_bytes == 0
            assert m.device(1, "hdc")["disk"] is None
            insert(m, a)
            f.wait_size(MIB)
            refused(insert(m, used, status=1),
                    f"{a} is in it (eject it first)")
            assert f.read(MIB) == content(a)
            d = m.device(1, "hdc")
            assert (d["disk"], d["frontend_state"]) == (a, "connected"), d
            assert "error" not in d, d


def test_who_has_no_medium():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        for command in (["insert", 1, "xvda", "mem:1M"], ["eject", 1, "xvda"]):
            r = pvb(command[0], "--host", m.host, *command[1:], status=1)
            refused(r, "domain 1 device xvda: it is no CD-ROM or floppy drive")
        r = pvb("insert", "--host", m.host, 1, "hdc", "mem:1M", status=1)
        refused(r, "no such device is served here")


def test_usage():
    for args in (["insert"], ["insert", 1, "hdc"], ["eject"],
                 ["eject", 1, "hdc", "x"], ["insert", 1, "what", "x"],
                 ["eject", "x", "hdc"], ["eject", "--timeout", "0", 1, "hdc"],
                 ["insert", "--nonsense", 1, "hdc", "x"],
                 ["attach", 1, "hdc"], ["attach", "--removable", 1, "hdc"]):
        r = pvb(*args, status=2)
        assert f"Try 'pvb {args[0]} --help'" in r.stderr, r.stderr
    for command in ("insert", "eject"):
        assert f"usage: pvb {command}" in pvb(command, "--help").stdout


def test_a_floppy_is_written_and_read_again():
    with Machine() as m:
        a = m.image("a.img", 1440 << 10)
        pvb("attach", "--host", m.host, "--floppy", 1, "hdc")
        data = os.urandom(65536)
        with Front(m.vbd(1, "hdc")) as f:
            insert(m, a)
            f.wait_size(1440 << 10)
            assert f.write(data, 4096) == 0
            eject(m)
            f.wait_size(0)
            assert content(a)[4096:4096 + 65536] == data
            insert(m, a)
            f.wait_size(1440 << 10)
            assert f.read(65536, 4096) == data


def test_a_medium_may_have_larger_sectors():
    with Machine() as m:
        a = m.image("a.img", 2 * MIB)
        pvb("attach", "--host", m.host, "--floppy", 1, "hdc")
        data = os.urandom(512)
        with Front(m.vbd(1, "hdc")) as f:
            insert(m, f"file:{a}?sector-size=4096")
            f.wait_size(2 * MIB)
            before = content(a)
            assert f.write(data, 1536) == 0
            assert f.read(4096) == before[:1536] + data + before[2048:4096]
            assert m.device(1, "hdc")["sector_size"] == 512
            eject(m)
            f.wait_size(0)
        assert content(a) == before[:1536] + data + before[2048:]


def test_a_drive_with_several_rings():
    with Machine() as m:
        a, b = m.image("a.iso", 3 * MIB), m.image("b.iso", MIB)
        used = m.image("used.img", MIB)
        drive(m, "--queues", "3")
        m.attach(2, "xvda", used)
        with Front(m.vbd(2)), Front(m.vbd(1, "hdc", "&queues=3")) as f:
            assert m.device(1, "hdc")["queues"] == 3
            for image in (a, b):
                insert(m, image)
                f.wait_size(os.path.getsize(image))
                assert f.read(os.path.getsize(image)) == content(image)
                eject(m)
                f.wait_size(0)
                # What one of the rings could have and another not: none.
                refused(insert(m, used, status=1), "open for writing")


# ---- in time ----------------------------------------------------------------

def ask(m, command, **more):
    """The daemon, with no process in between."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(m.dir + "/control")
        s.send(json.dumps({"command": command, **more}).encode() + b"\n")
        with s.makefile() as f:
            return json.loads(f.readline())


def test_what_is_in_flight_is_answered_first():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        with Front(m.vbd(1, "hdc")) as f:
            insert(m, f"fault:{a}?delay=700,op:read")
            f.wait_size(MIB)
            got = []
            t = threading.Thread(target=lambda: got.append(f.read(MIB)))
            t.start()
            until(lambda: ask(m, "stat")["result"][0]["in_flight"] > 0,
                  "request in flight")
            eject(m)
            t.join()
            assert got == [content(a)], got[0] if got else None
            f.wait_size(0)


def is_busy(m):
    """A change is under way: a second one is told so.  (An empty drive can be
    ejected as often as one likes.)"""
    return "being changed" in ask(m, "eject", domain=1,
                                  number=NUMBER).get("error", "")


def slow_insert(m, ms, **more):
    """A process that inserts, and waits; and what it inserts."""
    disk = f"fault:{m.image('a.iso', MIB)}?open-ms={ms}"
    p = m.spawn(PVB, "insert", "--host", m.host, 1, "hdc", disk, **more)
    until(lambda: is_busy(m), "insert under way", process=p)
    return p, disk


def test_a_slow_disk_holds_up_nobody():
    with Machine() as m:
        drive(m)
        m.attach(2, "xvda", "mem:1M")
        p, disk = slow_insert(m, 4000, stdout=subprocess.PIPE)
        refused(eject(m, status=1), "its medium is being changed")
        assert m.device(2)["sectors"] == 2048
        pvb("copy", m.vbd(2), m.path("out"))
        assert p.poll() is None
        assert p.wait(DEADLINE_S) == 0
        p.stdout.close()
        assert m.device(1, "hdc")["disk"] == disk


def test_answers_come_in_the_order_of_the_questions():
    with Machine() as m, socket.socket(socket.AF_UNIX) as s:
        a = m.image("a.iso", MIB)
        drive(m)
        device = {"domain": 1, "number": NUMBER}
        slow = f"fault:{a}?open-ms=500"
        s.connect(m.dir + "/control")
        for question in ({"command": "insert", "disk": slow, **device},
                         {"command": "list"}, {"command": "eject", **device},
                         {"command": "list"}, {"command": "insert", **device},
                         {"command": "insert", "disk": slow, **device}):
            s.send(json.dumps(question).encode() + b"\n")
        s.shutdown(socket.SHUT_WR)      # and listens on
        with s.makefile() as f:
            said = [json.loads(line) for line in f]
        disks = [r["disk"] if isinstance(r, dict) else r[0]["disk"]
                 for r in (x.get("result") for x in said) if r]
        assert disks == [slow, slow, None, None, slow], said
        assert "name is empty" in said[4]["error"], said


def test_who_asked_may_go():
    with Machine() as m:
        drive(m)
        p, disk = slow_insert(m, 800)
        p.kill()
        p.wait()
        until(lambda: m.device(1, "hdc")["disk"] == disk, "medium")
        refused(insert(m, disk, status=1), "is in it")
        eject(m)
        r = pvb("insert", "--timeout", "0.1", "--host", m.host, 1, "hdc", disk,
                status=1)
        refused(r, "no answer in 100 ms")
        until(lambda: m.device(1, "hdc")["disk"] == disk, "medium")


def test_the_device_may_go():
    with Machine() as m:
        drive(m)
        p, _ = slow_insert(m, 3000, stderr=subprocess.PIPE, text=True)
        m.detach(1, "hdc")
        assert p.wait(DEADLINE_S) == 1
        said = p.stderr.read()
        assert said == "pvb: domain 1 device hdc: the device is gone\n", said
        p.stderr.close()
        assert m.list() == []


def test_the_daemon_may_go():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        insert(m, a)
        m.serve.stop()
        m.start_serve()
        until(lambda: m.device(1, "hdc")["disk"] == a and
              m.device(1, "hdc")["sectors"] == 2048, "medium")
        eject(m)
        m.serve.kill()
        m.start_serve()
        until(lambda: m.device(1, "hdc")["sectors"] == 0, "empty drive")
        insert(m, a)
        with Front(m.vbd(1, "hdc")) as f:
            assert f.read(MIB) == content(a)


def test_nothing_is_left_of_many_media():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        with Front(m.vbd(1, "hdc")) as f:
            worker = m.device(1, "hdc")["worker_pid"]
            insert(m, a)
            eject(m)
            serve = m.serve.pid
            before = at_rest(lambda: (open_fds(serve), open_fds(worker),
                                      m.counts()))
            for _ in range(20):
                insert(m, a)
                insert(m, m.path("none"), status=1)
                eject(m)
            f.wait_size(0)
            until(lambda: (open_fds(serve), open_fds(worker),
                           m.counts()) == before, "return to what was held")


# ---- by a toolstack ---------------------------------------------------------

def test_an_empty_drive_in_the_store():
    with Machine() as m:
        drive(m)
        with Front(m.vbd(1, "hdc")):
            want = {"params": "", "sectors": "0", "sector-size": "512",
                    "info": "7", "mode": "r", "device-type": "cdrom",
                    "removable": "1", "dev": "hdc", "state": "4",
                    "hotplug-status": "connected", "virtual-device": "5632"}
            got = {name: node(m, name) for name in want}
            assert got == want, got
            assert node(m, "device-type", FRONT) == "cdrom"
            assert node(m, "virtual-device", FRONT) == "5632"
            insert(m, m.image("a.iso", MIB))
            assert node(m, "params") == m.path("a.iso")
            assert node(m, "sectors") == "2048"


def write(m, *pairs):
    assert m.xs("xenstore-write", *pairs) is not None


def test_what_a_toolstack_writes_is_done():
    with Machine() as m:
        a, b = m.image("a.iso", 2 * MIB), m.image("b.iso", MIB)
        drive(m)
        params = BACK + "/params"
        with Front(m.vbd(1, "hdc")) as f:
            write(m, params, a)
            f.wait_size(2 * MIB)
            assert m.device(1, "hdc")["disk"] == a
            write(m, params, b)         # one for the other, at once
            f.wait_size(MIB)
            assert f.read(MIB) == content(b)
            write(m, params, "")
            f.wait_size(0)
            # As libxl does it: out and in, faster than anybody looks.
            write(m, params, a)
            write(m, params, "")
            write(m, params, b)
            f.wait_size(MIB)
            until(lambda: m.device(1, "hdc")["disk"] == b, "the last one")
            assert f.read(MIB) == content(b) and node(m, "params") == b
            # Then by hand again.
            eject(m)
            assert node(m, "params") == ""
            insert(m, a)
            assert node(m, "params") == a


def test_what_a_toolstack_gets_wrong_is_said_and_put_right():
    with Machine() as m:
        a = m.image("a.iso", MIB)
        drive(m)
        error = BACK.replace("backend", "error/backend", 1)
        with Front(m.vbd(1, "hdc")) as f:
            insert(m, a)
            f.wait_size(MIB)
            write(m, BACK + "/params", m.path("none.iso"))
            until(lambda: node(m, "params") == a, "params as before")
            assert "none.iso: there is no such file" in \
                node(m, "error", error)
            assert f.read(MIB) == content(a)
            d = m.device(1, "hdc")
            assert (d["disk"], d["frontend_state"]) == (a, "connected"), d
            eject(m)
            assert node(m, "error", error) is None
            assert "its medium is not changed" in m.serve.output()


def test_an_image_of_no_bytes_is_no_medium():
    """How newer libxl says that a drive of a PV guest is empty."""
    with Machine() as m:
        pvb("attach", "--host", m.host, 1, "xvda", "mem:1M")
        void, a = m.image("empty-cdrom.1", 0), m.image("a.iso", MIB)
        back = {"frontend": FRONT, "frontend-id": 1, "online": 1, "mode": "r",
                "device-type": "cdrom", "params": void, "state": 1}
        front = {"backend": BACK, "backend-id": 0, "virtual-device": NUMBER,
                 "state": 1}
        write(m, *(x for d, nodes in ((BACK, back), (FRONT, front))
                   for name, value in nodes.items()
                   for x in (f"{d}/{name}", value)))
        until(lambda: m.device(1, "hdc"), "device")
        until(lambda: m.device(1, "hdc")["sectors"] == 0, "empty drive")
        insert(m, a)
        assert m.device(1, "hdc")["sectors"] == 2048
        write(m, BACK + "/params", void)
        until(lambda: m.device(1, "hdc")["sectors"] == 0, "empty drive")
        assert m.device(1, "hdc")["disk"] is None


def test_a_disk_stays_whatever_params_say():
    with Machine() as m:
        a = m.image("a.img", MIB)
        m.attach(1, "hdc", a)
        with Front(m.vbd(1, "hdc")) as f:
            write(m, BACK + "/params", "")
            pvb("attach", "--host", m.host, 1, "xvdb", "mem:1M")
            assert f.info.size_bytes == MIB and f.read(MIB) == content(a)
            assert m.device(1, "hdc")["disk"] == a


if __name__ == "__main__":
    run(globals())
