#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock guest's persistent grants: its pages stay mapped, carry the right
bytes, also straight to and from a device, and are all given back."""
import os

from counts import mapped_grants
from dom0 import Guest, run
from leftovers import nothing_left
from serve import Serving, grant_mappings, modules

FILE, FILE_BYTES = "/tmp/disk.img", 16 << 20
RAM = "/dev/ram0"               # takes O_DIRECT, which a tmpfs does not
COPIES, COPY_MIB = 3, 3
RING_PAGES_MAX = 16


def use(guest, disk):
    """A file system on it, with data that is right when read again."""
    guest.run(f"mke2fs -q -t ext4 {disk} && mount -t ext4 {disk} /mnt")
    guest.run(f"dd if=/dev/urandom of=/tmp/data bs=1M count={COPY_MIB} && "
              f"for i in $(seq {COPIES}); do cp /tmp/data /mnt/$i; done && "
              f"umount /mnt && mount -t ext4 {disk} /mnt && "
              f"for i in $(seq {COPIES}); do cmp /tmp/data /mnt/$i; done && "
              f"umount /mnt && e2fsck -fn {disk}")


def goes_around_the_cache(pid, path):
    """Has the process opened it with O_DIRECT?"""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{fd}") == path:
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                flags = dict(line.split(":\t") for line in f)["flags"]
            found.append(int(flags, 8) & os.O_DIRECT != 0)
    return any(found)


def serve(serving, guest, disk, *options):
    """What `pvb stat` says of it after its use, and how many of the guest's
    pages were mapped for it.  It is detached again."""
    serving.attach(guest, "xvdb", disk, *options)
    use(guest, "/dev/xvdb")
    found = serving.counts(guest, "xvdb")
    pages = mapped_grants()[guest.id]
    worker = found["worker_pid"]
    found["direct"] = goes_around_the_cache(worker, disk)
    print(f"# {disk}: {pages} pages mapped in {grant_mappings(worker)} areas, "
          f"for data {found['mapped_pages']}, {found['copies']} copies",
          flush=True)
    serving.detach(guest, "xvdb")
    return found, pages - mapped_grants().get(guest.id, 0)


def moved_pages(found):
    return (found["read"]["bytes"] + found["write"]["bytes"]) // 4096


def test_pages_stay_mapped_and_all_are_given_back():
    modules("brd")
    with open(FILE, "wb") as f:
        f.truncate(FILE_BYTES)
    with Serving() as s, nothing_left():
        with Guest("user").start() as g:
            found, pages = serve(s, g, RAM)
            assert found["persistent"] and found["direct"], found
            assert found["mapped_pages"] > 0, found
            ring = pages - found["mapped_pages"]
            assert 0 < ring <= RING_PAGES_MAX, (found, pages)
            # Lists are copied, and they name up to 32 pages each.
            assert found["copies"] < moved_pages(found) // 8, found
            found, pages = serve(s, g, FILE, "--no-persistent")
            assert not found["persistent"], found
            assert found["mapped_pages"] == 0, found
            assert 0 < pages <= RING_PAGES_MAX, (found, pages)
            assert found["copies"] >= moved_pages(found), found
            g.power_off()


run(globals())
