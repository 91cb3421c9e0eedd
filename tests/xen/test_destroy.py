#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that is destroyed in full load is nobody else's harm, and leaves
nothing behind."""
import contextlib
import os

from dom0 import Guest, image, root_image, run, until
from load import (FioWithoutEnd, NumberedWrites, check_unharmed,
                  numbered_writes_on, with_numbered_writes)
from serve import Serving, by_script, holdings

ROUNDS = 10
BLOCK_BYTES = {"xvda": 4096, "xvdb": 65536}
# In flight together on a disk, out of 32 threads' requests.
FULL_LOAD = 16


def destroy_one(serving, images, initrd):
    """Start a guest on these disks, and destroy it in full load."""
    disks = [by_script(vdev, path) for vdev, path in images.items()]
    with Guest("victim", disks, initrd=initrd, memory_mib=192).start() as g:
        load = [NumberedWrites(serving, g, vdev, BLOCK_BYTES[vdev])
                for vdev in images]
        for one in load:
            one.await_writes(100, FULL_LOAD)
        serving.say_terms(g, *images)
        g.destroy()


@contextlib.contextmanager
def bystander(serving):
    """A guest whose disk is written and verified for as long as the block
    lasts.  It leaves the processors to the others if they want them."""
    root, disk = root_image("root.img", "fio"), image("disk.img", 32)
    with Guest("other", [by_script("xvda", root), by_script("xvdb", disk)],
               cmdline="root=/dev/xvda", extra="cpu_weight = 64").start() as g:
        fio = FioWithoutEnd(serving, g, "xvdb", 16)
        fio.await_writes(100)
        serving.say_terms(g, "xvda", "xvdb")
        yield fio
        fio.stop()
        fio.end()
        for vdev in ("xvda", "xvdb"):
            check_unharmed(serving.counts(g, vdev))
        g.power_off()


def held_beside_grants():
    """Those of a guest that lives come and go with its load."""
    held = holdings()
    del held["grants"]
    return held


def test_guest_destroyed_in_load_harms_nobody():
    images = {"xvda": image("xvda.img", 4), "xvdb": image("xvdb.img", 16)}
    initrd = with_numbered_writes(os.environ["RIG_GUEST_plain"])
    with Serving() as s:
        empty, idle = holdings(), s.held()
        with bystander(s) as other:
            before = held_beside_grants()
            for _ in range(ROUNDS):
                destroy_one(s, images, initrd)
                other.await_writes(100)
                until(lambda: len(s.children()) == 1, "end of its worker")
            now = held_beside_grants()
            assert now == before, (before, now)
            # What it wrote is whole, as it is if nobody dies.
            for vdev, path in images.items():
                assert numbered_writes_on(path, BLOCK_BYTES[vdev]) > 0
        until(lambda: s.held() == idle, "end of all workers")
        assert holdings() == empty, (empty, holdings())


run(globals())
