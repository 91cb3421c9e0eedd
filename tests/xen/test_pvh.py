#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest as PVH, in short: QEMU may mix up the state of such a guest and the
hypervisor's, which ends it with a triple fault.  That is the emulator's, and
the test begins again (and is to be run with --no-crash 'Triple fault')."""
from dom0 import (Guest, GuestError, check_ext4, image, root_image, run, sh,
                  xl)
from leftovers import nothing_left
from serve import Serving, by_script

ATTEMPTS = 4


def boots_and_mounts(serving, root, disk):
    with Guest("pvh", [by_script("xvda", root), by_script("xvdb", disk)],
               kind="pvh", cmdline="root=/dev/xvda").start() as g:
        serving.say_terms(g, "xvda", "xvdb")
        assert "/dev/xvda / ext4 rw" in g.run("cat /proc/mounts")
        g.run("mount -t ext4 /dev/xvdb /mnt && cp /bin/busybox /mnt && "
              "umount /mnt && echo 3 >/proc/sys/vm/drop_caches && "
              "mount -t ext4 /dev/xvdb /mnt && "
              "cmp /bin/busybox /mnt/busybox && umount /mnt")
        g.power_off()


def is_the_emulators():
    """Has the hypervisor told of a triple fault since the last time?"""
    return "Triple fault" in xl("dmesg", "-c")


def test_pvh_guest_boots_and_mounts():
    is_the_emulators()
    for attempt in range(1, ATTEMPTS + 1):
        root, disk = root_image("pvh.img"), image("more.img", 64)
        sh(f"mke2fs -q -F -t ext4 {disk}")
        try:
            with Serving() as s, nothing_left():
                boots_and_mounts(s, root, disk)
            break
        except GuestError:
            if not is_the_emulators() or attempt == ATTEMPTS:
                raise
            print(f"# triple fault in attempt {attempt}", flush=True)
    check_ext4(root)
    check_ext4(disk)


run(globals())
