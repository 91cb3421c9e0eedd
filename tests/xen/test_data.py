#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock guest lives on disks that pvb serves: what it writes is what it
reads and what is on the image, and what it throws away is given back."""
import contextlib
import glob
import os

from dom0 import (Guest, Shared, allocated_kib, check_ext4, image, root_image,
                  run, sh, xl)
from load import (FIO, NUMBERED_WRITES, NumberedWrites, check_unharmed, fio,
                  fio_jobs, numbered_writes_on)
from leftovers import everything, settled
from serve import Serving, by_script


# ---- a guest for several tests ----------------------------------------------

def tree_image():
    """A disk that is a tar archive of a real tree: every file is in its list
    of digests, SUMS."""
    tree, path = "/tmp/tree", "/tmp/tree.img"
    library = max(glob.glob("/usr/lib/python3.[0-9]*"), key=len)
    sh(f"set -e; mkdir {tree}; cd {library}; "
       f"files=$(find . -type f -name '*.py'); cp --parents $files {tree}; "
       f"cd {tree}; sha256sum $files >SUMS; "
       f"tar cf {path} .; rm -r {tree}; truncate -s %4096 {path}")
    return path


class Home:
    def __init__(self, guest, serving, root, disk, before):
        self.guest, self.serving = guest, serving
        self.root, self.disk, self.before = root, disk, before


@contextlib.contextmanager
def at_home():
    """Its root is xvda, its data go to xvdb, and xvdc is the tree's archive.
    Requests of xvdb are as large as they can be."""
    before = everything()
    root, disk = root_image("root.img", "fio"), image("disk.img", 256)
    disks = [by_script("xvda", root), by_script("xvdb", disk),
             by_script("xvdc", tree_image()).replace("rw", "ro")]
    with Serving() as s, Guest(
            "home", disks, memory_mib=512, cmdline="root=/dev/xvda "
            "xen_blkfront.max_indirect_segments=256").start() as g:
        s.say_terms(g, "xvda", "xvdb", "xvdc")
        yield Home(g, s, root, disk, before)


home = Shared(at_home)


def test_guest_boots_from_a_disk():
    with home as h:
        assert "/dev/xvda / ext4 rw" in h.guest.run("cat /proc/mounts")


def test_requests_are_as_large_as_the_guest_can():
    with home as h:
        g, d = h.guest, h.serving.device(h.guest, "xvdb")
        assert (d["queues"], d["indirect_segments"]) == (1, 256), d
        limits = g.run("cd /sys/block/xvdb/queue && "
                       "cat max_segments max_hw_sectors_kb").split()
        assert limits == ["256", "1024"], limits


def test_tree_is_installed_on_a_disk():
    with home as h:
        g = h.guest
        g.run("/usr/bin/mke2fs -q -F -t ext4 /dev/xvdb && "
              "mount -t ext4 /dev/xvdb /mnt && mkdir /mnt/tree")
        g.run("cd /mnt/tree && tar xf /dev/xvdc && sync")
        g.run("umount /mnt && echo 3 >/proc/sys/vm/drop_caches && "
              "mount -t ext4 /dev/xvdb /mnt")
        files = g.run("cd /mnt/tree && sha256sum -c SUMS >/tmp/sums && "
                      "wc -l </tmp/sums")
        assert int(files) > 100, files
        g.run("umount /mnt")


def test_fio_verifies_at_depth_32():
    sizes = {"4k": 4, "64k": 8, "1m": 32}       # of a block; MiB of its file
    with home as h:
        g = h.guest
        g.run("mount -t ext4 /dev/xvdb /mnt")
        options = ["--directory=/mnt"]
        for rw in ("randwrite", "randread"):
            for block, mib in sizes.items():
                options += ["--stonewall", f"--name={rw}-{block}",
                            f"--filename={block}", f"--rw={rw}",
                            f"--bs={block}", f"--size={mib}m"]
        jobs = fio(g, *options)
        for block, mib in sizes.items():
            wrote, read = jobs[f"randwrite-{block}"], jobs[f"randread-{block}"]
            # do_verify: all that was written is read back.
            assert (wrote.error, wrote.written_kib, wrote.read_kib) == \
                (0, mib << 10, mib << 10), wrote
            assert (read.error, read.written_kib, read.read_kib) == \
                (0, 0, mib << 10), read
        # It does look at what it reads.
        g.run("echo wrong | dd of=/mnt/64k bs=1 seek=70000 conv=notrunc")
        g.run(f"{FIO} --name=planted --filename=/mnt/64k --rw=randread "
              "--bs=64k --size=8m", status=1)
        assert fio_jobs(g)["planted"].error != 0
        g.run("umount /mnt")


def test_trimmed_space_is_given_back():
    with home as h:
        g, mib = h.guest, 64
        g.run("mount -t ext4 /dev/xvdb /mnt")
        g.run(f"dd if=/dev/urandom of=/mnt/much bs=1M count={mib} "
              "oflag=direct && sync")
        full = allocated_kib(h.disk)
        g.run("rm /mnt/much && sync && fstrim /mnt && umount /mnt")
        freed = full - allocated_kib(h.disk)
        assert freed > (mib - 4) << 10, f"{freed} KiB of {mib} MiB"
        print(f"# {full} KiB, less {freed} KiB", flush=True)
        counts = h.serving.counts(g, "xvdb")
        assert counts["discard"]["requests"] > 0, counts
        for vdev in ("xvda", "xvdb", "xvdc"):
            check_unharmed(h.serving.counts(g, vdev))


def test_nothing_is_left_of_the_guest():
    with home as h:
        h.guest.power_off()
        home.end()
        settled(h.before)
        check_ext4(h.root)
        check_ext4(h.disk)


# ---- suspended under load -------------------------------------------------

BLOCK_BYTES = {"xvdb": 4096, "xvdc": 65536}
MORE_WRITES = 300       # by which a load shows that it goes on


class Busy:
    """A guest on its own root, that writes two disks."""

    def __init__(self, guest, serving, images):
        self.guest, self.serving, self.images = guest, serving, images
        self.load = {vdev: NumberedWrites(serving, guest, vdev, size)
                     for vdev, size in BLOCK_BYTES.items()}

    def check_goes_on(self):
        for load in self.load.values():
            load.await_writes(MORE_WRITES)


@contextlib.contextmanager
def at_work():
    root = root_image("busy.img", "plain", NUMBERED_WRITES)
    images = {"xvdb": image("small.img", 16), "xvdc": image("large.img", 64)}
    disks = [by_script("xvda", root),
             *(by_script(vdev, path) for vdev, path in images.items())]
    with Serving() as s, Guest("busy", disks,
                               cmdline="root=/dev/xvda").start() as g:
        s.say_terms(g, "xvda", *images)
        yield Busy(g, s, {"xvda": root, **images})


busy = Shared(at_work)


def test_guest_goes_on_after_a_checkpoint():
    with busy as b:
        b.check_goes_on()
        before = b.guest.id
        xl("save", "-c", b.guest.name, "/tmp/checkpoint")
        os.unlink("/tmp/checkpoint")
        b.check_goes_on()
        assert b.guest.id == before


def test_save_and_restore_lose_and_repeat_no_write():
    with busy as b:
        b.check_goes_on()
        before = b.guest.id
        b.guest.save("/tmp/saved")
        b.guest.restore("/tmp/saved")
        os.unlink("/tmp/saved")
        assert b.guest.id != before
        b.serving.say_terms(b.guest, *b.images)
        b.check_goes_on()
        for load in b.load.values():
            load.stop()
        written = {vdev: load.end() for vdev, load in b.load.items()}
        for vdev in b.images:
            check_unharmed(b.serving.counts(b.guest, vdev))
        b.guest.power_off()
        busy.end()
        for vdev, count in written.items():
            print(f"# {vdev}: {count} writes", flush=True)
            assert numbered_writes_on(b.images[vdev],
                                      BLOCK_BYTES[vdev]) == count
        check_ext4(b.images["xvda"])


run(globals())
