#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rig itself: dom0, its store, a stock guest with a stock disk.

With --plant KIND it does one of these wrong instead, to be seen by the rig:
fail, hang, dom0-panic, guest-panic, xen-trace, reset."""
import os
import sys
import time

from dom0 import (Guest, Store, check_ext4, image, mapped_grants, nodes, run,
                  sh, xl)
from leftovers import everything, settled

DISK = "format=raw,vdev=xvda,access=rw,backendtype=phy,target="


def test_dom0_is_this_machine_and_cannot_change_it():
    assert xl("list").splitlines()[1].split()[:2] == ["Domain-0", "0"]
    sh("touch /etc/rig && rm /etc/rig && touch /out/rig && rm /out/rig")
    sh("touch /host/etc/rig", status=1)
    assert os.access(os.path.join(os.environ["PVB_TOP"], "LICENSE"), os.R_OK)


def test_store_reads_lists_and_watches():
    with Store() as s, Store() as other:
        top = "/tool/rig"
        s.write(f"{top}/a", "1")
        s.write(f"{top}/b/c", "")
        assert s.read(f"{top}/a") == "1" and s.read(f"{top}/x") is None
        assert sorted(s.list(top)) == ["a", "b"] and s.list("/none") == []
        s.set_permissions(f"{top}/a", "n0", "r7")
        assert s.permissions(f"{top}/a") == ["n0", "r7"]
        s.watch(top)
        assert s.next_event(10) == (top, "t")
        other.write(f"{top}/a", "2")
        assert s.next_event(10) == (f"{top}/a", "t")
        s.unwatch(top)
        other.remove(top)
        s.await_value(f"{top}/a", None, 10)
        assert nodes(top) == 0


def test_guest_keeps_its_data_on_a_stock_disk():
    sh("modprobe -a loop xen-blkback")
    before = everything()
    disk = image("disk.img", 64)
    with Guest("stock", [DISK + disk]).start() as g:
        assert g.run("cat /sys/block/xvda/size") == str(64 << 11)
        g.run("/usr/bin/mke2fs -q -F -t ext4 /dev/xvda && "
              "mount -t ext4 /dev/xvda /mnt")
        g.run("mkdir /mnt/t && cp /usr/bin/* /mnt/t && cd /mnt/t && "
              "sha256sum * >/tmp/sums && sync")
        g.run("umount /mnt && echo 3 >/proc/sys/vm/drop_caches && "
              "mount -t ext4 /dev/xvda /mnt")
        g.run("cd /mnt/t && sha256sum -c /tmp/sums")
        assert g.run("false", status=None) == ""
        long = g.spawn("sleep 1; echo late")
        assert g.run("echo soon") == "soon" and long.wait() == "late"
        assert mapped_grants()[g.id] > 0
        g.run("umount /mnt")
        g.power_off()
    check_ext4(disk)
    settled(before)


def plant(kind):
    if kind == "fail":
        assert False, "planted"
    elif kind == "hang":
        time.sleep(3600)
    elif kind == "dom0-panic":
        sh("echo c >/proc/sysrq-trigger")
    elif kind == "guest-panic":
        with Guest("victim").start() as g:
            g.spawn("echo c >/proc/sysrq-trigger")
            g.await_gone()
    elif kind == "xen-trace":
        xl("debug-keys", "d")           # says "Xen call trace", lives on
        time.sleep(60)
    elif kind == "reset":
        sh("echo b >/proc/sysrq-trigger")
        time.sleep(60)
    else:
        sys.exit(f"nothing is called {kind}")


if sys.argv[1:2] == ["--plant"]:
    kind = sys.argv.pop(2)
    sys.argv.pop(1)

    def test_planted():
        plant(kind)

    run({"test_planted": test_planted})
else:
    run(globals())
