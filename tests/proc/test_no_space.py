#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk with --on-full pause: the guest waits, and sees no error."""
import contextlib
import filecmp
import os
import subprocess

from rig import PVB, Machine, Skip, pvb, run, until

MIB = 1 << 20
IMAGE_BYTES = 64 * MIB          # four times of what there is room for
SMALL, LARGE = "size=16m", "size=128m"


def mount(*args):
    r = subprocess.run(["mount", *args], capture_output=True, text=True)
    if r.returncode:
        raise Skip(f"cannot mount {args[-1]}: {r.stderr.strip()}")


@contextlib.contextmanager
def small_tmpfs(m):
    """16 MiB, and how to make it larger."""
    path = m.path("small")
    os.mkdir(path)
    mount("-t", "tmpfs", "-o", SMALL, "pvb-test", path)
    try:
        yield path, lambda: mount("-o", f"remount,{LARGE}", path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextlib.contextmanager
def small_ext4(m):
    """Of 24 MiB, with a large file in it to be removed."""
    path, image = m.path("ext4"), m.image("ext4.img", 128 * MIB, fill=False)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    os.mkdir(path)
    mount("-o", "loop", image, path)
    filler = os.path.join(path, "filler")
    try:
        with open(filler, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 96 * MIB)
        yield path, lambda: os.unlink(filler)
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def attach(m, place, *args):
    disk = os.path.join(place, "sparse.img")
    with open(disk, "wb") as f:
        f.truncate(IMAGE_BYTES)
    m.attach(1, "xvda", disk, "--on-full", "pause", *args)
    return disk


def load(m):
    """Writes more than there is room for, and is patient."""
    src = m.image("src", IMAGE_BYTES)
    return src, m.spawn(PVB, "copy", src, m.vbd(1, "xvda", "&timeout=0"),
                        stderr=subprocess.PIPE, text=True)


def await_pause(m, p):
    until(lambda: m.device(1)["paused"] == "no-space", "pause", process=p)


def lines(m, what):
    return m.serve.output().count(what)


def goes_on_without_an_error(where):
    with Machine() as m, where(m) as (place, make_room):
        disk = attach(m, place)
        src, p = load(m)
        await_pause(m, p)
        assert "(paused: no space)" in pvb("list", "--host", m.host).stdout
        s = m.stat()[0]
        assert s["kept"] > 0 and s["write"]["errors"] == 0, s
        assert "paused 1 times" in pvb("stat", "--host", m.host).stdout
        # It was asked for again, and there was no room yet.
        until(lambda: m.stat()[0]["no_space"] > s["no_space"], "next try",
              process=p)
        assert lines(m, "paused: no space") == 1, m.serve.output()
        make_room()
        assert p.wait(30) == 0, p.stderr.read()
        s = m.stat()[0]
        assert s["paused"] is None and s["kept"] == 0, s
        assert s["pauses"] == 1 and s["write"]["errors"] == 0, s
        assert lines(m, "paused: no space") == 1, m.serve.output()
        assert lines(m, "goes on") == 1, m.serve.output()
        m.detach(1, "xvda")
        assert filecmp.cmp(src, disk, shallow=False)


def test_a_load_stalls_and_goes_on_on_tmpfs():
    goes_on_without_an_error(small_tmpfs)


def test_and_on_ext4():
    goes_on_without_an_error(small_ext4)


def detaches_meanwhile(*args):
    with Machine() as m, small_tmpfs(m) as (place, _):
        attach(m, place)
        _, p = load(m)
        await_pause(m, p)
        m.detach(1, "xvda", *args)
        assert p.wait(30) == 1
        assert m.device(1) is None
        until(lambda: not any(m.counts()[held] for held in (
            "areas", "ports", "channels_bound")), "return of what was held")


def test_an_orderly_detach_meanwhile():
    detaches_meanwhile()


def test_a_forced_detach_meanwhile():
    detaches_meanwhile("--force")


def test_a_wrong_word_is_refused():
    r = pvb("attach", "--on-full", "wait", 1, "xvda", "mem:1M", status=2)
    assert "none of report, pause" in r.stderr, r.stderr


run(globals())
