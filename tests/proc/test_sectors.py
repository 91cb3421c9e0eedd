#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sectors of 512 bytes on disks whose own have 4096: whole programs, under
load that checks what it reads."""
import os
import subprocess

from rig import Machine, Skip, need, pvb, refused, run

MIB = 1 << 20


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


def loop_device(image):
    need("losetup")
    r = subprocess.run(["losetup", "-f", "--show", "--sector-size", "4096",
                        image], capture_output=True, text=True)
    if r.returncode:
        raise Skip(f"losetup: {r.stderr.strip()}")
    return r.stdout.strip()


def test_and_on_a_device():
    with Machine(serve=False) as m:
        device = loop_device(m.image(size=32 * MIB))
        try:
            verified_load(m, device)
        finally:
            subprocess.run(["losetup", "-d", device], check=True)


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
