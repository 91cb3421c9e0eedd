#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock guest lives on disks that pvb serves."""
import os

from dom0 import Guest, check_ext4, root_image, run
from serve import Serving, by_script, holdings


def test_guest_boots_from_a_disk():
    before = holdings()
    root = root_image("root.img", 96, os.environ["RIG_GUEST_plain"])
    with Serving():
        with Guest("rooted", [by_script("xvda", root)],
                   cmdline="root=/dev/xvda").start() as g:
            assert "/dev/xvda / ext4 rw" in g.run("cat /proc/mounts")
            g.power_off()
        assert holdings() == before, (before, holdings())
    check_ext4(root)


run(globals())
