#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sectors of 512 bytes on disks whose own have 4096: whole programs, under
load that checks what it reads."""
import errno
import os
import subprocess
import threading

from front import FUA, SECURE, Front
from rig import Machine, Skip, need, pvb, refused, run

MIB = 1 << 20
SECTOR, BLOCK = 512, 4096               # the guest's, the disk's


def verified_load(m, disk, *args, size=24 * MIB, least=512):
    """fio through NBD, pieces of any number of sectors; what it has written
    is read again once more at the end."""
    need("fio")
    need("nbdkit")
    env = dict(os.environ, TMPDIR=m.work)
    job = (f"fio --name=v --ioengine=nbd --uri=$uri --rw=randrw --size={size} "
           f"--bsrange={least}-20k --blockalign={least} --iodepth=16 "
           "--verify=crc32c --verify_fatal=1 --fsync=64")
    r = pvb("loop", disk, *args, "--run", job, env=env, cwd=m.work,
            timeout=180)
    assert "err= 0" in r.stdout, r.stdout + r.stderr


def test_a_guest_of_512_on_a_disk_of_4096():
    with Machine(serve=False) as m:
        verified_load(m, f"mem:{32 * MIB}?sector-size=4096")


def test_and_around_the_page_cache():
    with Machine(serve=False) as m:
        image = m.image(size=32 * MIB)
        verified_load(m, f"file:{image}?sector-size=4096&direct=auto",
                      "--no-persistent", "--indirect", "0")


class LoopDevice:
    """A block device whose sectors have 4096 bytes."""

    def __init__(self, image):
        need("losetup")
        r = subprocess.run(["losetup", "-f", "--show", "--sector-size",
                            "4096", image], capture_output=True, text=True)
        if r.returncode:
            raise Skip(f"losetup: {r.stderr.strip()}")
        self.path = r.stdout.strip()

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        subprocess.run(["losetup", "-d", self.path], check=True)


def test_and_on_a_device():
    with Machine(serve=False) as m, \
            LoopDevice(m.image(size=32 * MIB)) as device:
        verified_load(m, device)


# ---- neighbours in one sector -----------------------------------------------

class Writer(threading.Thread):
    """Has every eighth run of three sectors, so that each sector of the disk
    has several owners, and writes nothing else."""
    RUN, OWNERS, TIMES, ROUNDS = 3 * SECTOR, 8, 4, 120

    def __init__(self, front, number):
        super().__init__()
        self.front, self.number, self.wrong = front, number, None
        self.last = {}

    def place(self, n):
        return (n * self.OWNERS + self.number) * self.RUN

    def round(self, i):
        at = self.place(i % self.TIMES)
        data = bytes([self.number, i]) * (self.RUN // 2)
        assert self.front.write(data, at, FUA if i % 8 == 0 else 0) == 0
        self.last[at] = data
        if i % 16 == 0:
            assert self.front.flush() == 0
        assert self.front.read(self.RUN, at) == data, (self.number, i)

    def run(self):
        try:
            for i in range(self.ROUNDS):
                self.round(i)
        except AssertionError as e:
            self.wrong = e


def neighbours_write_at_once(m, disk, content):
    """What each of them has written last is what the disk holds."""
    m.attach(1, "xvda", disk, "--queues", 4)
    with Front(m.vbd(1, more="&queues=4")) as f:
        i = f.info
        assert (i.sector_size_bytes, i.physical_size_bytes) == (SECTOR, BLOCK)
        writers = [Writer(f, n) for n in range(Writer.OWNERS)]
        for w in writers:
            w.start()
        for w in writers:
            w.join()
        assert not any(w.wrong for w in writers), [w.wrong for w in writers]
        assert f.flush() == 0
    m.detach(1, "xvda")
    with open(content, "rb") as f:
        now = f.read()
    for w in writers:
        assert len(w.last) == w.TIMES
        for at, data in w.last.items():
            assert now[at:at + w.RUN] == data, (w.number, at)


def test_neighbours_write_at_once():
    with Machine() as m:
        image = m.image(size=MIB)
        neighbours_write_at_once(m, f"file:{image}?sector-size=4096", image)


def test_and_on_a_device_they_do():
    with Machine() as m:
        image = m.image(size=MIB)
        with LoopDevice(image) as device:
            neighbours_write_at_once(m, device, device)


# ---- what is not a read or a write ------------------------------------------

def test_a_discard_takes_whole_sectors_of_the_disk():
    with Machine() as m:
        image = m.image(size=MIB)
        m.attach(1, "xvda", f"file:{image}?sector-size=4096")
        with open(image, "rb") as f:
            was = f.read()
        with Front(m.vbd(1)) as f:
            assert f.info.discard_granularity_bytes == BLOCK
            # Parts of one, and of two, are nothing to be discarded.
            assert f.discard(7 * SECTOR, SECTOR) == 0
            assert f.discard(BLOCK, SECTOR) == 0
            assert f.read(4 * BLOCK) == was[:4 * BLOCK]
            assert f.discard(3 * BLOCK, SECTOR) == 0
            want = was[:BLOCK] + bytes(2 * BLOCK) + was[3 * BLOCK:4 * BLOCK]
            assert f.read(4 * BLOCK) == want
            # It cannot erase a part, so it offers not to erase at all.
            assert not f.info.discard_secure
            assert f.discard(BLOCK, 0, SECURE) == -errno.EOPNOTSUPP


def test_zeros_are_as_exact_as_writes():
    with Machine() as m:
        image = m.image(size=MIB)
        m.attach(1, "xvda", f"file:{image}?sector-size=4096")
        with open(image, "rb") as f:
            was = f.read(4 * BLOCK)
        end = 3 * BLOCK + SECTOR
        with Front(m.vbd(1)) as f:
            assert f.zero(end - SECTOR, SECTOR, FUA) == 0
            assert f.read(4 * BLOCK) == \
                was[:SECTOR] + bytes(end - SECTOR) + was[end:]


def disk_fails(m, vdev, rule, *options):
    """A front of a disk of 4096 on which this fails."""
    m.attach(1, vdev, f"fault:mem:1M%3Fsector-size=4096?fail=EIO,{rule}",
             *options)
    return Front(m.vbd(1, vdev))


def test_flushes_reach_the_disk():
    with Machine() as m:
        for vdev, options in (("xvda", []), ("xvdb", ["--no-flush",
                                                      "--barrier"])):
            with disk_fails(m, vdev, "op:flush", *options) as f:
                part = b"x" * SECTOR
                assert f.write(part, SECTOR) == 0
                assert f.flush() == -errno.EIO
                assert f.write(part, SECTOR, FUA) == -errno.EIO
                assert f.info.flush


def test_what_cannot_be_read_cannot_be_changed():
    with Machine() as m:
        with disk_fails(m, "xvda", "op:read,at:0-4k,times:1") as f:
            assert f.write(b"x" * SECTOR, SECTOR) == -errno.EIO
            assert f.read(BLOCK) == bytes(BLOCK)
        with disk_fails(m, "xvdb", "op:read,at:0-4k") as f:
            assert f.write(b"x" * BLOCK) == 0
            assert f.write(b"x" * SECTOR, BLOCK) == 0


def test_what_is_beside_stays():
    """Every other sector is written; those between are the image's."""
    with Machine() as m:
        image = m.image(size=2 * MIB)
        was = open(image, "rb").read()
        vbd = m.attach(1, "xvda", f"file:{image}?sector-size=4096")
        _, uri = m.export(vbd)
        need("qemu-io")
        writes = [x for i in range(0, 64, 2)
                  for x in ("-c", f"write -P {i + 1} {i * 512} 512")]
        r = subprocess.run(["qemu-io", "-f", "raw", *writes, "-c", "flush",
                            uri], capture_output=True, text=True)
        assert r.returncode == 0 and "failed" not in r.stdout, r
        now = open(image, "rb").read()
        for i in range(64):
            part = slice(i * 512, i * 512 + 512)
            want = was[part] if i % 2 else bytes([i + 1]) * 512
            assert now[part] == want, f"sector {i}"
        assert now[64 * 512:] == was[64 * 512:]


def test_what_is_told_of_them():
    with Machine() as m:
        disk = f"mem:{8 * MIB}?sector-size=4096"
        m.attach(1, "xvda", disk)
        m.attach(1, "xvdb", disk, "--sector-size", 4096)
        for vdev, size in (("xvda", 512), ("xvdb", 4096)):
            pvb("bench", "--time", "0.05", m.vbd(1, vdev))
            d = m.device(1, vdev)
            assert (d["sector_size"], d["sectors"]) == (size, 16384), d


def test_every_way_of_counting():
    with Machine(serve=False) as m:
        for units in ("all", "freebsd", "mini-os"):
            verified_load(m, f"mem:{16 * MIB}?sector-size=4096",
                          "--sector-size", "4096", "--sector-units", units,
                          size=8 * MIB, least=4096)


def test_two_ways_of_counting_are_kept_apart():
    with Machine() as m:
        disk = f"mem:{8 * MIB}"
        m.attach(1, "xvda", disk, "--sector-size", 4096)
        m.attach(1, "xvdb", disk, "--sector-size", 4096, "--sector-units",
                 "all")
        for vdev, more, says in (
                ("xvda", "&sector-units=all", "contradict"),
                ("xvdb", "", "is missing")):
            refused(1, "feature-large-sector-size", says, args=[
                "bench", "--time", "0.05", m.vbd(1, vdev, more)])
        pvb("bench", "--time", "0.05", m.vbd(1, "xvda"))
        pvb("bench", "--time", "0.05", m.vbd(1, "xvdb", "&sector-units=all"))
        assert m.device(1, "xvdb")["sector_units"] == "all"


def test_other_writers_cannot_be_had():
    with Machine() as m:
        image = m.image(size=2 * MIB)
        disk = f"file:{image}?sector-size=4096"
        refused(1, "cannot be shared", "--sector-size 4096",
                args=["attach", "--host", m.host, "--shared", 1, "xvda",
                      disk])
        m.attach(1, "xvdb", disk, "--shared", "--sector-size", 4096)
        m.attach(1, "xvdc", disk, "--shared", "--readonly")
        for vdev in ("xvdb", "xvdc"):
            pvb("bench", "--time", "0.05", m.vbd(1, vdev))


run(globals())
