#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pvb explain: devices of ours, devices that others left in the store, and
guests that lie in theirs."""
import json
import os
import subprocess

from rig import Machine, PVB, Skip, need, pvb, pvb_json, refused, run, until

BACK = "/local/domain/0/backend"
FRONT = "/local/domain/1/device/vbd/51712"
NUMBER = 51712

# As Xen 4.17's libxl and a stock Linux 6.1 guest left them, the backend once
# Linux's and once QEMU's.
TOOLSTACK = f"""frontend={FRONT} frontend-id=1 online=1 removable=0 bootable=1
    state=4 dev=xvda mode=w device-type=disk discard-enable=1 specification=xen
    hotplug-status=connected"""
BLKBACK = TOOLSTACK + """ params=/tmp/d/disk.raw script=/etc/xen/scripts/block
    type=phy feature-max-indirect-segments=256 multi-queue-max-queues=2
    max-ring-page-order=4 node=/dev/loop0 physical-device=7:0
    physical-device-path=/dev/loop0 feature-flush-cache=1
    discard-granularity=4096 discard-alignment=0 discard-secure=0
    feature-discard=1 feature-barrier=1 feature-persistent=1 sectors=524288
    info=0 sector-size=512 physical-sector-size=512"""
QDISK = TOOLSTACK + """ params=aio:/tmp/d/disk.raw type=qdisk
    feature-discard=1 discard-granularity=512 discard-alignment=0
    feature-flush-cache=1 max-ring-page-order=4 info=0 sector-size=512
    sectors=524288"""
BLKFRONT = """backend-id=0 state=4 virtual-device=51712 device-type=disk trusted=1
    protocol=x86_64-abi ring-ref=8 event-channel=8 feature-persistent=1"""


def write(m, path, value, socket="store"):
    need("xenstore-write")
    subprocess.run(["xenstore-write", path, value], check=True, timeout=30,
                   env=dict(os.environ,
                            XENSTORED_PATH=os.path.join(m.dir, socket)))


def leave(m, directory, nodes):
    need("xenstore-write")
    words = [w for n in nodes.split() for w in
             (f"{directory}/{n.partition('=')[0]}", n.partition("=")[2])]
    subprocess.run(["xenstore-write", *words], check=True, timeout=30,
                   env=dict(os.environ, XENSTORED_PATH=m.dir + "/store"))


def leave_device(m, kind, back, front=BLKFRONT):
    path = f"{BACK}/{kind}/1/{NUMBER}"
    leave(m, path, back)
    leave(m, FRONT, f"{front} backend={path}")
    return path


def explain(m, *args, **more):
    return pvb_json("explain", "--host", m.host, *args, 1, "xvda", **more)


def text(m, *args):
    return pvb("explain", "--host", m.host, *args, 1, "xvda").stdout


def odd(o):
    return {n["name"] for n in o["unusual"]}


def test_what_was_agreed_on_is_what_the_daemon_says():
    with Machine() as m:
        m.attach(1, "xvda", m.image(), "--queues", "2")
        p = m.spawn(PVB, "bench", "--time", "60",
                    m.vbd(1, more="&ring-order=1&queues=4"),
                    stdout=subprocess.DEVNULL)
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        listed, o = m.device(1), explain(m)
        p.kill()
        for key in ("domain", "vdev", "number", "protocol", "kind", "abi",
                    "backend_state", "frontend_state", "ring_pages", "queues",
                    "indirect_segments", "block_segments", "persistent",
                    "sector_size", "sector_units", "sectors", "readonly",
                    "disk"):
            assert o[key] == listed[key], (key, o[key], listed[key])
        assert o["ring_pages"] == 2 and o["queues"] == 2, o
        assert o["ring_grants"] == 4, o
        assert o["unusual"] == [], o["unusual"]
        for end in ("backend", "frontend"):
            assert o[end]["looks_like"]["driver"] == "pvb", o[end]
            assert o[end]["error"] is None
        why = o["explained"]["ring_pages"]
        assert why["agreed"] == 2 and why["offered"] == 16, why
        assert why["reason"] == "less-than-offered", why


def test_no_daemon_is_needed():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        m.serve.stop()
        o = explain(m)
        assert o["backend_state"] == "init-wait"
        assert o["explained"]["ring_pages"]["reason"] == "front-silent"
        assert odd(o) == {"back-waits"}, o["unusual"]


def test_a_device_of_linux():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        o = explain(m)
        assert o["kind"] == "vbd" and o["backend_domain"] == 0
        assert o["backend"]["looks_like"] == {
            "driver": "Linux", "sign": "multi-queue-max-queues"}
        assert o["frontend"]["looks_like"]["driver"] == "Linux"
        assert (o["ring_pages"], o["queues"], o["indirect_segments"],
                o["persistent"], o["sectors"]) == (1, 1, 256, True, 524288)
        assert o["disk"] == "/tmp/d/disk.raw"
        assert o["unusual"] == [], o["unusual"]
        assert o["backend"]["nodes"]["physical-device"] == "7:0"


def test_a_device_of_qemu():
    with Machine(serve=False) as m:
        leave_device(m, "qdisk", QDISK)
        o = explain(m)
        assert o["kind"] == "qdisk"
        assert o["backend"]["looks_like"]["driver"] == "QEMU"
        assert o["persistent"] is False
        assert odd(o) == {"persistent-front"}, o["unusual"]


def test_the_table():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        lines = text(m).splitlines()
        assert lines[0] == "domain 1 xvda (51712)"
        assert "looks like Linux (multi-queue-max-queues)" in lines[1]
        rows = {tuple(l.split()[:2]): l for l in lines}
        assert rows["NODE", "BACKEND"].split() == [
            "NODE", "BACKEND", "FRONTEND", "AGREED", "WHY"]
        assert rows["ring", "size"].split(None, 2)[2] == (
            "1 of 16 pages      the frontend gives no size: one page")
        assert rows["max-ring-page-order", "4"]
        # In one line where both say it, each in its column.
        node = rows["feature-persistent", "1"]
        head = rows["NODE", "BACKEND"]
        assert node[head.index("BACKEND")] == "1"
        assert node[head.index("FRONTEND")] == "1"
        assert rows["ring-ref", "8"][head.index("FRONTEND")] == "8"
        assert lines[-1] == "nothing unusual"


def test_the_pages_of_a_ring():
    others = "ring-pages=4 ring-ref1=9 ring-ref2=10 ring-ref3=11"
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK + " max-ring-pages=16",
                     f"{BLKFRONT} {others}")
        o, shown = explain(m), text(m)
        assert o["ring_pages"] == 4 and o["ring_grants"] == 4, o
        assert "first-in-ref" in odd(o), o["unusual"]
        assert "ring-ref1..3" in shown and "9..11" in shown, shown
        leave(m, FRONT, "ring-ref0=12")
        o, shown = explain(m), text(m)
        assert "first-in-ref" not in odd(o), o["unusual"]
        assert "ring-ref0..3" in shown and "12..11" in shown, shown


def test_refused_is_told_with_node_and_reason():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK,
                     BLKFRONT + " ring-page-order=5 feature-odd=1")
        why = explain(m)["explained"]["ring_pages"]
        assert why["refused"] == "key-limit" and why["agreed"] is None, why
        assert why["node"] == "ring-page-order", why
        out = text(m)
        assert "pvb refuses ring-page-order: a node's number is beyond what " \
            "was offered (key-limit)" in out, out
        assert "frontend: feature-odd = 1: no known driver" in out, out


def test_through_xens_own_library():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        write(m, f"{FRONT}/feature-odd", "\x9b")
        write(m, "/local/domain/0/domid", "0")
        r = subprocess.run(
            [PVB, "explain", "--host", "xen", "--json", "1", "xvda"],
            capture_output=True, text=True, timeout=30,
            env=dict(os.environ, XENSTORED_PATH=m.dir + "/store"))
        if "built without Xen" in r.stderr:
            raise Skip("pvb is built without Xen")
        assert r.returncode == 0, r.stderr
        assert json.loads(r.stdout) == explain(m)


def test_a_guest_that_names_another_backend_is_not_followed():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        other = f"{BACK}/vbd/2/{NUMBER}"
        leave(m, other, BLKBACK.replace("frontend-id=1", "frontend-id=2"))
        write(m, "device/vbd/51712/backend", other, "dom1/store")
        o = explain(m)
        assert o["kind"] == "pvb" and o["disk"] == m.path("disk.img"), o
        note = next(n for n in o["unusual"] if n["name"] == "backend")
        assert note["end"] == "frontend" and note["value"] == other, note
        assert f"frontend: backend = {other}: is not this device's backend" \
            in text(m)


def test_a_guest_that_names_a_backend_that_is_not_its_own():
    with Machine(serve=False) as m:
        path = leave_device(m, "vbd", BLKBACK.replace("frontend-id=1",
                                                      "frontend-id=2"))
        o = explain(m)
        # The search finds it as well, and says whose it is.
        assert odd(o) == {"frontend-id"}, o["unusual"]
        assert o["backend"]["nodes"]["frontend"] == FRONT
        write(m, f"{path}/frontend-id", "1")
        assert odd(explain(m)) == set()


def test_the_toolstacks_notes():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        path = leave_device(m, "qdisk", QDISK)
        write(m, f"/libxl/1/device/vbd/{NUMBER}/backend",
              f"{BACK}/vbd/1/{NUMBER}")
        o = explain(m)
        assert o["kind"] == "vbd" and odd(o) == {"backend"}, o["unusual"]
        o = explain(m, "--kind", "qdisk")
        assert o["kind"] == "qdisk", o
        note = next(n for n in o["unusual"] if n["name"] == "toolstack")
        assert note["value"] == f"{BACK}/vbd/1/{NUMBER}", note
        out = text(m, "--kind", "qdisk")
        assert path in out, out
        assert "the toolstack's own notes name another backend: " \
            f"{BACK}/vbd/1/{NUMBER}\n" in out, out


def test_a_driver_domains_device():
    with Machine(serve=False) as m:
        path = f"/local/domain/5/backend/vbd/1/{NUMBER}"
        leave(m, path, BLKBACK)
        leave(m, FRONT, BLKFRONT.replace("backend-id=0", "backend-id=5") +
              f" backend={path}")
        o = explain(m)
        assert o["backend_domain"] == 5 and o["unusual"] == [], o
        o = explain(m, "--backend-domain", "5")
        assert o["backend_domain"] == 5 and o["kind"] == "vbd", o
        o = explain(m, "--backend-domain", "0")
        assert o["kind"] is None and "no-back" in odd(o), o


def test_what_a_guest_writes_does_not_reach_the_terminal():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        write(m, f"{FRONT}/protocol", "\x1b]0;title\x07\x1b[2J")
        write(m, f"{FRONT}/event-channel", "9" * 4000)
        # xenstore-write takes one of two backslashes.
        write(m, f"{FRONT}/feature-new", "one\nadds a line \\\\x41 \x9b ä")
        write(m, f"{FRONT}/state", "\x7f")
        write(m, f"/local/domain/1/error/device/vbd/{NUMBER}/error",
              "5 \x1b[31mred \x9b")
        out = subprocess.run([PVB, "explain", "--host", m.host, "1", "xvda"],
                             capture_output=True, check=True, timeout=30).stdout
        assert all(b == 10 or 32 <= b < 127 for b in out), out
        assert b"(too long)" in out
        assert b"adds a line \\\\x41 \\xc2\\x9b" in out, out
        assert b"the frontend complains: \\x1b[31mred \\xc2\\x9b" in out, out
        o = explain(m)
        nodes = o["frontend"]["nodes"]
        assert nodes["protocol"] == "\\x1b]0;title\\x07\\x1b[2J", nodes
        assert nodes["event-channel"] is None
        assert o["frontend_state"] == "unknown"
        assert json.dumps(o).isascii()


def test_a_guest_that_writes_without_end():
    with Machine(serve=False) as m:
        leave_device(m, "vbd", BLKBACK)
        leave(m, FRONT, " ".join(f"junk{i}={'x' * 250}" for i in range(300)))
        o = explain(m)
        assert o["more_nodes"] is True
        assert o["abi"] == "x86_64-abi" and o["persistent"] is True
        assert len(o["frontend"]["nodes"]) < 60, len(o["frontend"]["nodes"])
        assert len(text(m).splitlines()) < 100


def test_a_disk_that_cannot_be_had():
    with Machine(serve=False) as m:
        disk = m.image()
        m.attach(1, "xvda", disk, "--no-wait")
        os.unlink(disk)
        m.start_serve()
        until(lambda: explain(m)["backend"]["error"] and
              "hotplug" in odd(explain(m)), "refusal")
        assert "there is no such file" in explain(m)["backend"]["error"]
        out = text(m)
        assert f"hotplug-error = {disk}: there is no such file: the disk " \
            "cannot be had" in out, out
        assert "the backend complains: " in out, out


def test_half_a_device():
    with Machine(serve=False) as m:
        leave(m, f"{BACK}/vbd/1/{NUMBER}", BLKBACK)
        assert odd(explain(m)) == {"no-front"}
        leave(m, FRONT.replace("51712", "51728"), BLKFRONT.replace(
            "virtual-device=51712", "virtual-device=51728"))
        o = pvb_json("explain", "--host", m.host, 1, "xvdb")
        assert odd(o) == {"no-back"} and o["backend"]["nodes"] is None, o


def test_what_is_not_there():
    with Machine(serve=False) as m:
        refused(1, "explain xvda of domain 1: no such device is in the store",
                args=["explain", "--host", m.host, "1", "xvda"])
        refused(1, "no/kind: no kind of backend",
                args=["explain", "--host", m.host, "--kind", "no/kind", "1",
                      "xvda"])
        refused(1, "no local machine",
                args=["explain", "--host", f"local:{m.dir}/none", "1", "xvda"])
        for args in (["1"], ["1", "xvda", "more"], ["x", "xvda"],
                     ["1", "nothing"], ["--kind"], ["--watch", "1", "xvda"]):
            pvb("explain", "--host", m.host, *args, status=2)


run(globals())
