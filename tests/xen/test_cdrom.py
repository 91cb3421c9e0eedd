#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Media come and go under a stock Linux guest that keeps its drive."""
import hashlib
import os

from dom0 import Guest, Store, image, pvb, run, sh, until
from leftovers import nothing_left
from serve import Serving

MIB = 1 << 20


def random_image(name, mib):
    path = f"/tmp/{name}"
    with open(path, "wb") as f:
        f.write(os.urandom(mib * MIB))
    return path


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def ext4_image(name, mib):
    """With a file in it that no page cache has."""
    tree, path = f"/tmp/{name}.tree", image(name, mib)
    sh(f"set -e; mkdir {tree}; head -c 2M /dev/urandom >{tree}/file; "
       f"mke2fs -q -F -t ext4 -d {tree} {path}; rm -r {tree}")
    return path


def await_sectors(guest, name, sectors):
    """The guest's own idea of the size, which its kernel tells by itself."""
    guest.run(f"until [ $(cat /sys/block/{name}/size) = {sectors} ]; do "
              f"sleep 0.1; done", timeout_s=30)


def test_media_come_and_go_under_a_pv_guest():
    a, b = random_image("a.iso", 4), ext4_image("b.iso", 16)
    with nothing_left(), Serving() as s:
        with Guest("drive").start() as g:
            pvb("attach", "--cdrom", g.id, "hdc")
            s.await_states(g, "hdc", "connected", "connected")
            about = g.run("cd /sys/block/xvdc && cat size ro removable")
            assert about.split() == ["0", "1", "1"], about
            g.run("dd if=/dev/xvdc of=/dev/null count=1 status=none && "
                  "[ $(dd if=/dev/xvdc count=1 | wc -c) = 0 ]")
            pvb("insert", g.id, "hdc", a)
            await_sectors(g, "xvdc", 8192)
            assert g.run("sha256sum </dev/xvdc").split()[0] == sha256(a)
            pvb("eject", g.id, "hdc")
            await_sectors(g, "xvdc", 0)
            pvb("insert", g.id, "hdc", b)
            await_sectors(g, "xvdc", 32768)
            g.run("mount -t ext4 -o ro,noload /dev/xvdc /mnt && ls /mnt/file")
            # Out with it while it is mounted: errors, and nothing else.
            pvb("eject", g.id, "hdc")
            await_sectors(g, "xvdc", 0)
            g.run("echo 3 >/proc/sys/vm/drop_caches; cat /mnt/file >/dev/null",
                  status=1)
            g.run("umount /mnt")
            pvb("insert", g.id, "hdc", b)
            await_sectors(g, "xvdc", 32768)
            g.run("mount -t ext4 -o ro,noload /dev/xvdc /mnt && "
                  "cat /mnt/file >/dev/null && umount /mnt")
            d = s.device(g, "hdc")
            assert (d["frontend_state"], d["disk"]) == ("connected", b), d
            assert g.run("dmesg | grep -c 'blkfront: xvdc'").strip() == "1"
            s.detach(g, "hdc")
            g.power_off()
        until(lambda: s.held()["workers"] == 0, "workers' end")


def test_a_guest_that_may_have_emulated_drives_takes_no_pv_cdrom():
    """Linux takes a PVH guest for one of these; a floppy drive it takes."""
    with Serving() as s, Guest("pvh", kind="pvh").start() as g:
        pvb("attach", "--cdrom", "--no-wait", g.id, "hdc")
        a = random_image("c.img", 4)
        pvb("attach", "--floppy", "--readonly", g.id, "xvdb")
        s.await_states(g, "xvdb", "connected", "connected")
        d = s.device(g, "hdc")
        assert (d["backend_state"], d["frontend_state"]) == \
            ("init-wait", "initialising"), d
        pvb("insert", g.id, "xvdb", a)
        await_sectors(g, "xvdb", 8192)
        assert g.run("sha256sum </dev/xvdb").split()[0] == sha256(a)
        assert g.run("cat /sys/block/xvdb/ro").strip() == "1"
        g.power_off()


if __name__ == "__main__":
    run(globals())
