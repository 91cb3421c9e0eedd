#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disks come to a running guest and go, by pvb's own commands.

All tests share one guest and one daemon, and each leaves nothing behind in
either, in the store or in the hypervisor."""
import concurrent.futures
import contextlib
import functools
import hashlib
import os
import re
import shutil

from dom0 import Guest, PVB, Shared, Store, pvb, run, sh, until, xl
from rig import refused
from leftovers import everything, settled
from serve import Serving, modules

KIB, MIB = 1 << 10, 1 << 20
NOBODY = 65534
CDROM_GET_CAPABILITY = 0x5331
# The guest's thread that hears of devices is in its hands for so long.
BUSY_MS = 20000
SEEN_S = 30


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def file_of(name, size):
    path = f"/tmp/{name}"
    with open(path, "wb") as f:
        f.write(os.urandom(size))
    return path


def without_numbers(names):
    return [re.sub(r"\[\d+\]", "", name) for name in names]


class Bench:
    def __init__(self, serving, guest, at_first):
        self.serving, self.guest, self.at_first = serving, guest, at_first
        self.before = self.held()

    def held(self):
        daemon = self.serving.held()
        daemon["descriptors"] = [without_numbers(d)
                                 for d in daemon["descriptors"]]
        return everything() | daemon

    def check_nothing_is_left(self):
        until(lambda: not self.serving.list() and not self.serving.children(),
              "end of all devices")
        settled(self.before, self.held)

    def attach(self, vdev, disk, *options, **more):
        return self.serving.attach(self.guest, vdev, disk, *options, **more)

    def detach(self, vdev, *options, **more):
        return self.serving.detach(self.guest, vdev, *options, **more)

    def states(self, vdev):
        d = self.serving.device(self.guest, vdev)
        return d and (d["backend_state"], d["frontend_state"])

    def await_connected(self, vdev):
        self.serving.await_states(self.guest, vdev, "connected", "connected")

    def digest(self, vdev):
        """Of the whole disk, as the guest reads it."""
        self.guest.run("echo 3 >/proc/sys/vm/drop_caches")
        return self.guest.run(f"sha256sum /dev/{vdev}").split()[0]

    def node(self, path):
        return self.guest.store.read(path)

    @contextlib.contextmanager
    def no_daemon(self):
        self.serving.stop()
        yield
        self.serving.start()

    def says(self, why, *command, **more):
        """The command fails with this one line."""
        said = refused(1, args=command, timeout=SEEN_S, **more)
        assert said == f"pvb: {why}", (command, said)

    def attach_says(self, why, vdev, disk, *options):
        self.says(f"attach {vdev} to domain {self.guest.id}: {why}",
                  "attach", *options, self.guest.id, vdev, disk)

    def detach_says(self, why, vdev, *options):
        self.says(f"detach {vdev} from domain {self.guest.id}: {why}",
                  "detach", *options, self.guest.id, vdev)


@contextlib.contextmanager
def make_bench():
    at_first = everything()
    with Serving() as s, Guest("plug", image="perl").start() as g:
        yield Bench(s, g, at_first)


bench = Shared(make_bench)


def leaves_nothing(test):
    @functools.wraps(test)
    def checked():
        with bench as b:
            test(b)
            b.check_nothing_is_left()
    return checked


# ---- disks that come, go, and are what they are said to be -------------------

def four_at_once(call, arguments):
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        list(threads.map(call, arguments))


@leaves_nothing
def test_sixteen_disks_come_and_go(b):
    # From the 16th on, Linux has another numbering.
    disks = {f"xvd{chr(ord('b') + i)}": file_of(f"disk{i}.img",
                                               MIB + i * 64 * KIB)
             for i in range(16)}
    four_at_once(lambda d: b.attach(*d), disks.items())
    assert len(b.serving.list()) == 16 and len(b.serving.children()) == 1
    sizes = b.guest.run("cd /sys/block; for d in xvd*; do "
                        "echo $d $(cat $d/size); done")
    assert dict(l.split() for l in sizes.splitlines()) == {
        vdev: str(os.path.getsize(path) // 512)
        for vdev, path in disks.items()}
    sums = b.guest.run("cd /dev; sha256sum xvd*")
    assert {l.split()[1]: l.split()[0] for l in sums.splitlines()} == {
        vdev: digest(path) for vdev, path in disks.items()}
    four_at_once(b.detach, disks)
    b.guest.run("ls /sys/block/xvd*", status=1)


@leaves_nothing
def test_live_disk_grows(b):
    path = file_of("grow.img", MIB)
    b.attach("xvdb", path)
    before = b.digest("xvdb")
    sh(f"truncate -s 3M {path}")
    pvb("resize", b.guest.id, "xvdb")
    b.guest.run("until [ $(cat /sys/block/xvdb/size) = 6144 ]; do "
                "sleep 0.1; done", timeout_s=SEEN_S)
    b.guest.run("dd if=/bin/busybox of=/dev/xvdb bs=64k seek=32 count=16 "
                "oflag=direct")
    assert digest(path) == b.digest("xvdb")
    with open(path, "rb") as f, open(shutil.which("busybox"), "rb") as wrote:
        assert hashlib.sha256(f.read(MIB)).hexdigest() == before
        assert f.read(MIB) == bytes(MIB)
        assert f.read() == wrote.read(MIB)
    b.detach("xvdb")


@leaves_nothing
def test_read_only_disk_refuses_writes(b):
    path = file_of("ro.img", MIB)
    before = digest(path)
    b.attach("xvdb", path, "--readonly")
    assert b.guest.run("cat /sys/block/xvdb/ro") == "1"
    for first in ("", "blockdev --setrw /dev/xvdb;"):
        said = b.guest.run(f"{first} dd if=/dev/zero of=/dev/xvdb bs=4k "
                           "count=1 oflag=direct", status=1)
        assert "not permitted" in said, said
    assert b.digest("xvdb") == digest(path) == before
    b.detach("xvdb")


@leaves_nothing
def test_cdrom_is_one_to_the_guest(b):
    ask = f"perl -e 'open F, q(<), $ARGV[0] or die; exit !defined " \
        f"ioctl F, {CDROM_GET_CAPABILITY}, 0' /dev/"
    b.attach("xvdb", file_of("cd.img", MIB), "--cdrom")
    b.attach("xvdc", file_of("disk.img", MIB))
    b.guest.run(ask + "xvdb")
    b.guest.run(ask + "xvdc", status=1)
    assert b.guest.run("cd /sys/block; cat xvdb/ro xvdb/removable xvdc/ro "
                       "xvdc/removable").split() == ["1", "1", "0", "0"]
    b.detach("xvdb")
    b.detach("xvdc")


# ---- a disk in use is taken away ---------------------------------------------

def mounted_disk(b, vdev):
    path = file_of("fs.img", 8 * MIB)
    sh(f"mke2fs -q -F -t ext4 {path}")
    b.attach(vdev, path)
    b.guest.run(f"mount /dev/{vdev} /mnt && cp /bin/busybox /mnt/file && "
                "sync -f /mnt")
    return path


def read_file(b, status=0):
    return b.guest.run("echo 3 >/proc/sys/vm/drop_caches; cat /mnt/file "
                       ">/tmp/file && cmp /bin/busybox /tmp/file", SEEN_S,
                       status)


def check_alive(b, vdev):
    b.guest.run(f"dd if=/dev/{vdev} of=/tmp/part bs=64k count=4 iflag=direct "
                f"&& dd if=/tmp/part of=/dev/{vdev} bs=64k oflag=direct",
                timeout_s=SEEN_S)


def check_errors(b):
    """The disk that is mounted has gone."""
    assert "Input/output error" in read_file(b, status=None)
    b.guest.run("umount /mnt; ls /dev/xvdb", status=1)


@leaves_nothing
def test_linux_lets_go_of_a_mounted_disk(b):
    mounted_disk(b, "xvdb")
    other = file_of("other.img", MIB)
    b.attach("xvdc", other)
    b.detach("xvdb")
    check_errors(b)
    check_alive(b, "xvdc")
    b.detach("xvdc")


@leaves_nothing
def test_disk_that_the_guest_keeps_is_left_then_taken(b):
    """A guest that does not hear that it is asked: the one thread of Linux
    that does is waiting for another disk's partition table.  When that finds
    the disk gone, it would flush what is mounted for writing first, and never
    get an answer."""
    path = mounted_disk(b, "xvdb")
    b.guest.run("mount -o remount,ro /mnt")
    b.attach("xvdc", file_of("other.img", MIB))
    slow = file_of("slow.img", MIB)
    b.attach("xvdd", f"fault:{slow}?delay={BUSY_MS},op:read,times:1")

    b.detach_says("still in use: backend closing, frontend connected "
                  "(--force takes it away)", "xvdb", "--timeout", 1)
    assert b.states("xvdb") == ("closing", "connected")
    read_file(b)

    b.detach("xvdb", "--force", "--timeout", 1)
    assert b.states("xvdb") is None
    assert path not in b.serving.held()["descriptors"][1]
    check_alive(b, "xvdc")

    b.guest.run("while [ -e /sys/block/xvdb ]; do sleep 0.1; done")
    check_errors(b)
    check_alive(b, "xvdc")
    assert b.digest("xvdd") == digest(slow)
    b.detach("xvdc")
    b.detach("xvdd")


# ---- a daemon that comes late ------------------------------------------------

@leaves_nothing
def test_daemon_takes_what_was_attached_before_it(b):
    path = file_of("early.img", MIB)
    with b.no_daemon():
        b.attach("xvdb", path, "--no-wait")
        assert b.node(f"/local/domain/0/backend/pvb/{b.guest.id}/51728/"
                      "state") == "1"
    b.await_connected("xvdb")
    assert b.digest("xvdb") == digest(path)
    b.detach("xvdb")


@leaves_nothing
def test_restarted_daemon_goes_on_with_idle_disks(b):
    path = file_of("idle.img", MIB)
    b.attach("xvdb", path)
    b.attach("xvdc", file_of("other.img", MIB))
    first = b.serving.device(b.guest, "xvdb")["worker_pid"]
    with b.no_daemon():
        write = b.guest.spawn("dd if=/bin/busybox of=/dev/xvdb bs=64k count=8 "
                              "oflag=direct")
        b.guest.run("until grep -q '[1-9]' /sys/block/xvdb/inflight; do "
                    "sleep 0.1; done", timeout_s=SEEN_S)
        before = digest(path)
        assert write.status is None
    write.wait(SEEN_S)
    assert digest(path) != before
    assert b.digest("xvdb") == digest(path)
    check_alive(b, "xvdc")
    assert b.states("xvdb") == ("connected", "connected")
    assert b.serving.device(b.guest, "xvdb")["worker_pid"] != first
    b.detach("xvdb")
    b.detach("xvdc")


# ---- what cannot be ----------------------------------------------------------

@leaves_nothing
def test_vdev_that_is_there_already(b):
    path, other = file_of("disk.img", MIB), file_of("other.img", MIB)
    b.attach("xvdb", path)
    b.attach_says(f"domain {b.guest.id} has a device 51728 already", "xvdb",
                  other)
    assert b.digest("xvdb") == digest(path)
    b.detach("xvdb")
    b.detach_says("no such device is attached", "xvdb")


@leaves_nothing
def test_image_that_is_in_use(b):
    path = file_of("disk.img", MIB)
    busy = f"{path}: another process has it open for writing"
    b.attach("xvdb", path)
    b.attach_says(busy, "xvdc", path)
    b.attach_says(busy, "xvdc", path, "--readonly")
    check_alive(b, "xvdb")
    b.detach("xvdb")
    b.attach("xvdb", path, "--shared")
    b.attach("xvdc", path, "--shared")
    b.detach("xvdb")
    b.detach("xvdc")


@leaves_nothing
def test_block_device_that_is_in_use(b):
    modules("loop")
    path = file_of("fs.img", 8 * MIB)
    device = sh(f"mke2fs -q -F -t ext4 {path} && losetup -f --show {path} && "
                "mkdir -p /tmp/mnt").strip()
    sh(f"mount {device} /tmp/mnt")
    b.says(f"{device}: the device is mounted or used by another driver",
           "attach", b.guest.id, "xvdb", device)
    sh("umount /tmp/mnt")
    b.attach("xvdb", device)
    b.detach("xvdb")
    sh(f"losetup -d {device}")


@leaves_nothing
def test_domain_that_is_not_there(b):
    b.says("attach xvdb to domain 77: there is no domain 77",
           "attach", 77, "xvdb", "mem:1M")
    b.says("detach xvdb from domain 77: no such device is attached",
           "detach", 77, "xvdb")


@leaves_nothing
def test_guest_that_never_connects(b):
    b.guest.run("rmmod xen_blkfront")
    try:
        b.attach_says("timed out: backend init-wait, frontend initialising",
                      "xvdb", "mem:1M", "--timeout", 1)
    finally:
        b.guest.run("modprobe xen-blkfront")


@leaves_nothing
def test_no_daemon_runs(b):
    b.attach("xvdb", "mem:1M")
    with b.no_daemon():
        b.attach_says("no backend took it (is 'pvb serve' running?)",
                      "xvdc", "mem:1M", "--timeout", 1)
        for command in (["list"], ["stat"], ["resize", b.guest.id, "xvdb"]):
            b.says("no daemon listens on /run/pvb/control (is 'pvb serve' "
                   "running?)", *command)
        b.detach_says("no backend closed it (is 'pvb serve' running? --force "
                      "takes it away)", "xvdb", "--timeout", 2)
        b.detach("xvdb", "--timeout", 1, "--force")


@leaves_nothing
def test_what_is_wrong_stands_where_the_page_says(b):
    path = file_of("gone.img", MIB)
    back = f"backend/pvb/{b.guest.id}/51728"
    with b.no_daemon():
        b.attach("xvdb", path, "--no-wait")
        os.unlink(path)
    d = until(lambda: (b.serving.device(b.guest, "xvdb") or {}).get("error") and
              b.serving.device(b.guest, "xvdb"), "error")
    why = f"{path}: there is no such file"
    assert (d["reason"], d["error"]) == ("disk", why), d
    assert b.node(f"/local/domain/0/{back}/hotplug-status") == "error"
    assert b.node(f"/local/domain/0/{back}/hotplug-error") == why
    assert b.node(f"/local/domain/0/error/{back}/error") == \
        f"5 {why} (disk)"
    b.detach("xvdb")


# ---- who may not, and what is missing ----------------------------------------

@leaves_nothing
def test_user_without_rights(b):
    nobody = {"executable": shutil.copy(PVB, "/tmp/pvb"), "user": NOBODY,
              "group": NOBODY, "extra_groups": []}
    store = "no permission for the Xen store (only root has it)"
    control = "no permission for /run/pvb/control (only who runs 'pvb serve' " \
        "has it)"
    for why, *command in (
            ("serve: no permission for /dev/xen/evtchn (only root has it)",
             "serve"),
            (f"attach xvdb to domain {b.guest.id}: {store}",
             "attach", b.guest.id, "xvdb", "mem:1M"),
            (f"detach xvdb from domain {b.guest.id}: {store}",
             "detach", b.guest.id, "xvdb"),
            (f"vbd:xvdb: {store}", "bench", "vbd:xvdb"),
            (control, "list"), (control, "stat"),
            (control, "resize", b.guest.id, "xvdb")):
        b.says(why, *command, **nobody)


@leaves_nothing
def test_device_nodes_that_are_missing(b):
    def lacks(node, what, *command):
        os.rename(f"/dev/xen/{node}", "/dev/xen/away")
        try:
            b.says(f"{what}: there is no /dev/xen/{node} (not on Xen, or "
                   f"'modprobe xen-{node}' is missing)", *command)
        finally:
            os.rename("/dev/xen/away", f"/dev/xen/{node}")

    lacks("evtchn", "serve", "serve")
    lacks("gntdev", "serve", "serve")
    pvb("attach", 0, "xvdb", "mem:1M")
    lacks("evtchn", "vbd:xvdb", "bench", "vbd:xvdb")
    lacks("gntalloc", "vbd:xvdb", "bench", "vbd:xvdb")
    pvb("detach", 0, "xvdb")


def test_disk_of_a_guest_that_ends():
    with bench as b:
        b.attach("xvdb", "mem:1M")
        assert "51728" not in xl("block-list", b.guest.id)
        b.guest.power_off()
        until(lambda: not b.serving.list(), "end of the disk")
        b.serving.stop()
        settled(b.at_first)
    bench.end()


run(globals())
