#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices whose nodes another toolstack writes, as libxl does: which of them
are ours, and what the hotplug script makes of them."""
import os
import subprocess
import time

from rig import Machine, TOP, at_rest, need, open_fds, pvb, run, until

SCRIPT = os.path.join(TOP, "scripts", "xen", "block-pvb")
NUMBER = 51712                          # xvda


def env(m, **more):
    return dict(os.environ, XENSTORED_PATH=m.dir + "/store", **more)


def back(kind, domain):
    return f"/local/domain/0/backend/{kind}/{domain}/{NUMBER}"


def front(domain):
    return f"/local/domain/{domain}/device/vbd/{NUMBER}"


def toolstack(m, kind, domain, **nodes):
    """Write a device's nodes in one go, as libxl does."""
    b, f = back(kind, domain), front(domain)
    own = {"frontend": f, "frontend-id": domain, "online": 1, "removable": 0,
           "bootable": 1, "dev": "xvda", "mode": "w", "device-type": "disk",
           "discard-enable": 1, "specification": "xen", **nodes, "state": 1}
    theirs = {"backend": b, "backend-id": 0, "virtual-device": NUMBER,
              "device-type": "disk", "state": 1}
    flat = [x for d, all in ((b, own), (f, theirs))
            for name, value in all.items() for x in (f"{d}/{name}", value)]
    assert m.xs("xenstore-write", b, "", f, "") is not None
    assert m.xs("xenstore-chmod", b, "n0", f"r{domain}") is not None
    assert m.xs("xenstore-chmod", f, f"n{domain}", "r0") is not None
    assert m.xs("xenstore-write", *flat) is not None


def boots(m, domain, vdev="xvdb"):
    """The domain exists, until its last process goes."""
    m.attach(domain, vdev, "mem:1M")


def state(m, kind, domain):
    return m.xs("xenstore-read", back(kind, domain) + "/state")


def wait_state(m, kind, domain, value):
    until(lambda: state(m, kind, domain) == value,
          f"state {value} of {kind} {domain}")


def test_a_vbd_is_ours_by_its_script():
    with Machine() as m:
        boots(m, 1)
        toolstack(m, "vbd", 1, type="phy", params=m.image(),
                  script="/etc/xen/scripts/block-pvb")
        wait_state(m, "vbd", 1, "2")
        d = until(lambda: m.device(1), "device in the list")
        assert (d["kind"], d["disk"]) == ("vbd", m.path("disk.img")), d
        pvb("copy", m.vbd(1), m.path("out.img"))
        assert open(m.path("out.img"), "rb").read() == \
            open(m.path("disk.img"), "rb").read()


def test_a_qdisk_is_ours_by_its_target():
    with Machine() as m:
        boots(m, 1)
        toolstack(m, "qdisk", 1, type="qdisk",
                  params="aio:pvb:" + m.image())
        wait_state(m, "qdisk", 1, "2")
        d = until(lambda: m.device(1), "device in the list")
        assert d["disk"] == m.path("disk.img"), d
        pvb("copy", m.vbd(1), m.path("out.img"))


def test_drives_of_other_kinds_take_media():
    with Machine() as m:
        a = m.image("a.iso")
        for domain, kind, prefix, more in (
                (1, "vbd", "", {"script": "block-pvb"}),
                (2, "qdisk", "aio:pvb:", {})):
            boots(m, domain)
            toolstack(m, kind, domain, type=kind, params=prefix + a,
                      mode="r", **{"device-type": "cdrom"}, **more)
            wait_state(m, kind, domain, "2")
            until(lambda: m.device(domain)["sectors"], "medium")
            params = back(kind, domain) + "/params"
            pvb("eject", "--host", m.host, domain, "xvda")
            assert m.xs("xenstore-read", params) == prefix
            assert m.device(domain)["sectors"] == 0
            pvb("insert", "--host", m.host, domain, "xvda", a)
            assert m.xs("xenstore-read", params) == prefix + a
            m.xs("xenstore-write", params, "")
            until(lambda: m.device(domain)["sectors"] == 0, "empty drive")
            m.xs("xenstore-write", params, prefix + a)
            until(lambda: m.device(domain)["sectors"], "medium")
            pvb("copy", m.vbd(domain), m.path("out.img"))
        # What is meant for another program is not taken for a disk of ours.
        m.xs("xenstore-write", params, "aio:/nonexistent.iso")
        until(lambda: m.xs("xenstore-read", params) == prefix + a,
              "params as before")
        pvb("eject", "--host", m.host, 2, "xvda")
        m.serve.stop()
        m.start_serve()
        until(lambda: m.device(2) and m.device(2)["sectors"] == 0,
              "a drive that is known to be ours")


def test_what_is_others_is_left_alone():
    with Machine() as m:
        image = m.image()
        for domain in (1, 2, 3, 4):
            boots(m, domain)
        toolstack(m, "vbd", 1, type="phy", params=image,
                  script="/etc/xen/scripts/block")
        toolstack(m, "vbd", 2, type="phy", params=image)
        toolstack(m, "qdisk", 3, type="qdisk", params="aio:" + image)
        # After these, all of the above have been looked at.
        toolstack(m, "vbd", 4, type="phy", params=image, script="block-pvb")
        wait_state(m, "vbd", 4, "2")
        assert [state(m, "vbd", 1), state(m, "vbd", 2),
                state(m, "qdisk", 3)] == ["1", "1", "1"]
        assert {d["domain"] for d in m.list() if d["vdev"] == "xvda"} == {4}


def test_libxl_takes_it_away():
    with Machine() as m:
        for vdev in ("xvdb", "xvdc", "xvdd"):
            boots(m, 1, vdev)
            toolstack(m, "vbd", 1, type="phy", params=m.image(),
                      script="block-pvb")
            wait_state(m, "vbd", 1, "2")
            pvb("bench", "--time", "0.05", m.vbd(1))
            # As `xl destroy` does: the front is gone, then 5 and online=0.
            m.xs("xenstore-rm", front(1))
            m.xs("xenstore-write", back("vbd", 1) + "/online", 0,
               back("vbd", 1) + "/state", 5)
            wait_state(m, "vbd", 1, "6")
            m.xs("xenstore-rm", back("vbd", 1))
            until(lambda: not m.device(1), "the device's end")


def test_what_cannot_be_opened_is_said_and_forgotten():
    with Machine() as m:
        boots(m, 1)
        toolstack(m, "vbd", 1, type="phy", params="/nonexistent.img",
                  script="block-pvb")
        b = back("vbd", 1)
        until(lambda: m.xs("xenstore-read", b + "/hotplug-status") == "error",
              "refusal")
        assert "nonexistent" in m.xs("xenstore-read", b + "/hotplug-error")
        assert "nonexistent" in m.xs(
            "xenstore-read", b.replace("backend", "error/backend", 1) +
            "/error")
        m.xs("xenstore-rm", b)
        until(lambda: not m.xs("xenstore-ls", "/local/domain/0/error"),
              "an empty error directory")


def test_our_own_device_goes_with_its_front():
    with Machine() as m:
        boots(m, 1)
        pvb("bench", "--time", "0.05", m.vbd(1, "xvdb"))
        fds = at_rest(lambda: open_fds(m.serve.pid))
        m.attach(1, "xvda", m.image())
        pvb("bench", "--time", "0.05", m.vbd(1))
        m.xs("xenstore-rm", front(1))
        until(lambda: state(m, "pvb", 1) is None, "the nodes' end")
        until(lambda: not m.device(1), "the device's end")
        assert m.device(1, "xvdb")
        until(lambda: open_fds(m.serve.pid) <= fds, "descriptors returned")


def test_our_toolstack_keeps_off_what_others_attached():
    with Machine() as m:
        boots(m, 1)
        toolstack(m, "vbd", 1, type="phy", params=m.image(),
                  script="block-pvb")
        wait_state(m, "vbd", 1, "2")
        for force in ([], ["--force"]):
            r = m.detach(1, "xvda", "--timeout", "0.2", *force, status=1)
            assert "kind vbd" in r.stderr, r.stderr
        r = pvb("attach", "--host", m.host, 1, "xvda", "mem:1M", status=1)
        assert "has a device" in r.stderr and "half" not in r.stderr, r.stderr
        # Nor does what is left of one of ours make it ours.
        m.xs("xenstore-write", back("pvb", 1) + "/state", 6,
           back("pvb", 1) + "/online", 0)
        m.detach(1, "xvda")
        assert state(m, "pvb", 1) is None
        assert m.xs("xenstore-read", front(1) + "/backend") == back("vbd", 1)
        pvb("bench", "--time", "0.05", m.vbd(1))


def script(m, *args, path="backend/vbd/1/51712"):
    """The hotplug script, as domain 0 has its paths."""
    return subprocess.run([SCRIPT, *args], text=True, capture_output=True,
                          timeout=60, env=env(m, XENBUS_PATH=path))


def test_the_script_waits_for_the_disk():
    need("xenstore-read")
    with Machine() as m:
        boots(m, 1)
        begin = time.monotonic()
        toolstack(m, "vbd", 1, type="phy", script="block-pvb",
                  params=f"fault:{m.image()}?open-ms=1500")
        wait_state(m, "vbd", 1, "2")
        assert time.monotonic() - begin < 1.5, "InitWait waited for the disk"
        r = script(m, "add")
        assert r.returncode == 0, r.stderr
        assert time.monotonic() - begin >= 1.5
        assert script(m, "remove").returncode == 0


def test_the_script_says_why_there_is_no_disk():
    need("xenstore-read")
    with Machine() as m:
        boots(m, 1)
        toolstack(m, "vbd", 1, type="phy", script="block-pvb",
                  params=f"fault:/nonexistent.img?open-ms=300")
        r = script(m, "add")
        assert r.returncode == 1 and "nonexistent.img" in r.stderr, r.stderr
        r = script(m, "add", path="")
        assert r.returncode == 1 and "XENBUS_PATH" in r.stderr
        assert script(m, "online").returncode == 1


if __name__ == "__main__":
    run(globals())
