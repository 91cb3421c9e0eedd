#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that is destroyed in full load is nobody else's harm, and leaves
nothing behind."""
import contextlib
import os
import shutil

from dom0 import Guest, image, root_image, run, until
from load import (FioWithoutEnd, NumberedWrites, check_unharmed,
                  numbered_writes_on, with_numbered_writes)
from leftovers import everything, settled
from serve import Serving, by_script

ROUNDS = 10
BLOCK_BYTES = {"xvda": 4096, "xvdb": 65536}
# In flight together on a disk, out of 32 threads' requests.
FULL_LOAD = 16
SAVED = "/tmp/victim.saved"


def in_full_load(serving, guest, loads):
    for load in loads:
        load.await_writes(100, FULL_LOAD)
    serving.say_terms(guest, *(load.vdev for load in loads))


@contextlib.contextmanager
def victim(serving, images):
    """A guest in full load on these disks, saved with them.  It is there again
    at each turn, sooner than it would boot."""
    disks = [by_script(vdev, path) for vdev, path in images.items()]
    initrd = with_numbered_writes(os.environ["RIG_GUEST_plain"])
    with Guest("victim", disks, initrd=initrd, memory_mib=128).start() as g:
        loads = [NumberedWrites(serving, g, vdev, BLOCK_BYTES[vdev])
                 for vdev in images]
        in_full_load(serving, g, loads)
        g.save(SAVED)
        for path in images.values():
            shutil.copy(path, path + ".saved")

        def turn():
            for path in images.values():
                shutil.copy(path + ".saved", path)
            g.restore(SAVED)
            in_full_load(serving, g, loads)
            g.destroy()
        yield turn
    os.unlink(SAVED)


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


def all_but_grants():
    """Those of a guest that lives come and go with its load."""
    there = everything()
    del there["grants"]
    return there


def test_guest_destroyed_in_load_harms_nobody():
    images = {"xvda": image("xvda.img", 4), "xvdb": image("xvdb.img", 16)}
    with Serving() as s:
        empty, idle = everything(), s.held()
        with bystander(s) as other:
            before = all_but_grants()
            with victim(s, images) as turn:
                for _ in range(ROUNDS):
                    turn()
                    other.await_writes(100)
                    until(lambda: len(s.children()) == 1,
                          "end of its worker")
            settled(before, all_but_grants)
            # What it wrote is whole, as it is if nobody dies.
            for vdev, path in images.items():
                assert numbered_writes_on(path, BLOCK_BYTES[vdev]) > 0
        until(lambda: s.held() == idle, "end of all workers")
        settled(empty)


run(globals())
