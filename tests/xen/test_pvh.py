#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same guest as PVH, in short: QEMU may mix up the state of such a guest and
the hypervisor's, which ends it with a triple fault."""
from dom0 import Guest, check_ext4, image, root_image, run, sh
from serve import Serving, by_script, holdings


def test_pvh_guest_boots_and_mounts():
    before = holdings()
    root, disk = root_image("pvh.img"), image("more.img", 64)
    sh(f"mke2fs -q -F -t ext4 {disk}")
    with Serving() as s:
        with Guest("pvh", [by_script("xvda", root), by_script("xvdb", disk)],
                   kind="pvh", cmdline="root=/dev/xvda").start() as g:
            s.say_terms(g, "xvda", "xvdb")
            assert "/dev/xvda / ext4 rw" in g.run("cat /proc/mounts")
            g.run("mount -t ext4 /dev/xvdb /mnt && cp /bin/busybox /mnt && "
                  "umount /mnt && echo 3 >/proc/sys/vm/drop_caches && "
                  "mount -t ext4 /dev/xvdb /mnt && "
                  "cmp /bin/busybox /mnt/busybox && umount /mnt")
            g.power_off()
        assert holdings() == before, (before, holdings())
    check_ext4(root)
    check_ext4(disk)


run(globals())
