#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Power failures under a stock guest: its ext4 is whole after each, and all is
there whose fsync had returned."""
import os
import sys

from dom0 import Guest, image, run, sh
from leftovers import nothing_left
from load import check_unharmed, with_programs
from rig import BUILD
from serve import Serving

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "..", "power"))
from failures import Log                                        # noqa: E402
from fs_check import crash_often                                # noqa: E402

FS_MIB, DISK_MIB = 16, 17
SECONDS, SEED, IMAGES = 4, 1, 12


class Recorded:
    """A disk with a file system and a log."""

    def __init__(self, name):
        self.path = image(f"{name}.img", DISK_MIB)
        self.base, self.log = f"/tmp/{name}.base", f"/tmp/{name}.log"
        sh(f"mke2fs -q -F -t ext4 -b 4096 {self.path} {FS_MIB}m && "
           f"cp --sparse=always {self.path} {self.base}")
        self.uri = f"record:file:{self.path}?log={self.log}"

    def crash_often(self, images, *how):
        log = Log(self.log, self.base, FS_MIB << 20)
        return crash_often(log, images, SEED, "/tmp", *how)


def write(serving, guest, vdev):
    guest.run(f"mount -t ext4 /dev/{vdev} /mnt")
    guest.run(f"fs_load /mnt /dev/{vdev} {FS_MIB << 20} {SECONDS} {SEED}")
    guest.run("umount /mnt")
    check_unharmed(serving.counts(guest, vdev))


def test_file_system_survives_power_failures():
    disks = {"xvdb": Recorded("flush"), "xvdc": Recorded("barrier")}
    options = {"xvdb": [], "xvdc": ["--no-flush", "--barrier"]}
    initrd = with_programs(os.environ["RIG_GUEST_plain"],
                           os.path.join(BUILD, "tests", "power", "fs_load"))
    with nothing_left(), Serving() as s:
        with Guest("power", initrd=initrd).start() as g:
            for vdev, disk in disks.items():
                s.attach(g, vdev, disk.uri, *options[vdev])
                s.await_states(g, vdev, "connected", "connected")
                write(s, g, vdev)
            counts = {vdev: s.counts(g, vdev) for vdev in disks}
            g.power_off()
    # Each has said it in its own way.
    assert counts["xvdb"]["flush"]["requests"] > IMAGES, counts
    assert counts["xvdc"]["barrier"]["requests"] > IMAGES, counts
    for disk in disks.values():
        wrong = disk.crash_often(IMAGES)
        assert not wrong, f"until, lose, seed: {wrong[0][0]}: {wrong[0][1]}"
    assert disk.crash_often(IMAGES, "--ignore-flushes")


run(globals())
