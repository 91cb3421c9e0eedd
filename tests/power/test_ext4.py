#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Power failures under a file system: Linux's own ext4 on a disk that comes out
of the ring (nbdkit with our plugin, nbdfuse, a loop device), with a load that
counts on fsync.

Every image of a crash is whole once its journal is replayed, as at any boot,
and every file is there whose fsync had returned.  A failure names its crash, so
that `pvb replay` makes that image again."""
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "proc"))

from failures import Log
from fs_check import crash_often
from rig import BUILD, Machine, Skip, need, run, until

MIB = 1 << 20
FS_BYTES, DISK_BYTES = 24 * MIB, 26 * MIB
SECONDS, SEED, IMAGES = 2, 1, 72


def call(*command):
    r = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, f"{command}: {r.stderr}"
    return r.stdout.strip()


def mounts_here(m):
    """Skip where a file cannot be mounted as a file system."""
    for program in ("nbdkit", "nbdfuse", "losetup", "mkfs.ext4", "debugfs"):
        need(program)
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        raise Skip("only root can mount, and with /dev/fuse")
    image, there = m.image("try.img", fill=False), m.path("try")
    call("mkfs.ext4", "-q", "-F", image)
    os.mkdir(there)
    r = subprocess.run(["mount", "-o", "loop", image, there],
                       capture_output=True, text=True, timeout=60)
    if r.returncode != 0:
        raise Skip(f"mount: {r.stderr.strip()}")
    call("umount", there)


@contextmanager
def block_device(m, vbd):
    """Out of a ring: the file that nbdfuse shows, a block device on it."""
    _, uri = m.export(vbd)
    directory = m.path("fuse")
    disk = os.path.join(directory, "disk")
    os.mkdir(directory)
    fuse = m.spawn("nbdfuse", disk, uri)
    try:
        until(lambda: os.path.exists(disk) and os.path.getsize(disk) > 0,
              "file", process=fuse)
        device = call("losetup", "-f", "--show", "--direct-io=on",
                      "--sizelimit", str(FS_BYTES), disk)
        try:
            yield disk, device
        finally:
            call("losetup", "-d", device)
            until(lambda: not os.path.exists(
                f"/sys/block/{device[5:]}/loop/backing_file"), "detached loop")
    finally:
        subprocess.run(["umount", directory], timeout=60)
        fuse.wait(60)


@contextmanager
def mounted(m, device, options):
    there = m.path("mnt")
    os.mkdir(there)
    call("mount", "-t", "ext4", "-o", options, device, there)
    try:
        yield there
    finally:
        call("umount", there)


def make_file_system(m, mkfs):
    """The disk, and a copy of it as it is."""
    disk = m.image(size=DISK_BYTES, fill=False)
    call("mkfs.ext4", "-q", "-F", *mkfs, disk, f"{FS_BYTES >> 10}k")
    base = m.path("base.img")
    call("cp", "--sparse=always", disk, base)
    return disk, base


def use(m, vbd, options):
    """Mount, load, unmount."""
    with ExitStack() as stack:
        disk, device = stack.enter_context(block_device(m, vbd))
        there = stack.enter_context(mounted(m, device, options))
        call(os.path.join(BUILD, "tests", "power", "fs_load"), there, disk,
             str(FS_BYTES), str(SECONDS), str(SEED))


def mount_and_crash(mkfs=("-b", "4096"), options="rw", attach=(), lies="",
                    images=IMAGES):
    with Machine() as m:
        mounts_here(m)
        disk, base = make_file_system(m, mkfs)
        uri = f"record:file:{disk}?log={m.path('log')}"
        if lies:
            uri = f"fault:{uri.replace('?', '%3F')}?lie={lies}"
        use(m, m.attach(1, "xvda", uri, *attach), options)
        m.detach(1, "xvda")
        return crash_often(Log(m.path("log"), base, FS_BYTES), images,
                           SEED, m.work)


def expect_whole(**how):
    wrong = mount_and_crash(**how)
    assert not wrong, \
        f"until, lose, seed: {wrong[0][0]}: {'; '.join(wrong[0][1])}"


def test_ordered_data():
    expect_whole()


def test_journaled_data_by_barriers():
    expect_whole(options="data=journal", attach=["--no-flush", "--barrier"])


def test_small_blocks():
    expect_whole(mkfs=["-b", "1024"])


# ---- that it can fail --------------------------------------------------------

def test_without_barriers_it_breaks():
    assert mount_and_crash(options="nobarrier", images=24)


def test_a_disk_that_lies_about_flushes_is_found():
    assert mount_and_crash(lies="op:flush", images=24)


run(globals())
