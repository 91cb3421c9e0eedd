#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock xl hands disks over to pvb and takes them away: in dom0, and in a
storage driver domain."""
import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

from dom0 import Guest, GuestError, Shared, Store, pvb, run, sh, until, xl
from driver_domain import DriverDomain
from leftovers import everything, nothing_left, settled
from load import fio
from serve import Serving, by_script

BACKENDS = "/local/domain/0/backend"
LIBXL_S = 10            # how long libxl waits for a backend's answer
SLOW_MS = 12000
NO_DISK = "/tmp/no-such.img"
WHY_NOT = f"{NO_DISK}: there is no such file"


def random_image(name, mib=32):
    path = f"/tmp/{name}"
    with open(path, "wb") as f:
        f.write(os.urandom(mib << 20))
    return path


def sha256(path):
    return sh(f"sha256sum {path}").split()[0]


# ---- xl create ---------------------------------------------------------------

class Seen:
    """What `xl create` made of the backends' nodes meanwhile: when which had
    which value; and what became of it."""

    def __init__(self, guest):
        self.values, self.error = [], None
        with Store() as s, ThreadPoolExecutor(1) as pool:
            s.watch(BACKENDS)
            creating = pool.submit(guest.create)
            while not creating.done():
                event = s.next_event(0.1)
                if event:
                    self.note(event[0], s.read(event[0]))
            try:
                creating.result()
            except GuestError as e:
                self.error = str(e)

    def note(self, path, value):
        self.values.append((time.monotonic(), os.path.basename(path), value))

    def when(self, name, value):
        return min(t for t, n, v in self.values if (n, v) == (name, value))


class User:
    """A guest whose disk was slow to open when xl created it."""

    def __init__(self, serving):
        self.serving, self.disk = serving, random_image("slow")
        self.guest = Guest("user", [by_script(
            "xvda", f"fault:{self.disk}?open-ms={SLOW_MS}")])
        self.seen = Seen(self.guest)

    def writes(self):
        return self.serving.counts(self.guest, "xvda")["write"]["requests"]


@contextlib.contextmanager
def user():
    before = everything()
    with Serving() as serving:
        made = User(serving)
        made.before = before
        with made.guest:
            assert not made.seen.error, made.seen.error
            made.guest.await_up()
            yield made


USER = Shared(user)


def test_create_hands_over_a_disk_that_is_slow_to_open():
    with USER as u:
        took = u.seen.when("hotplug-status", "connected") - \
            u.seen.when("state", "2")
        print(f"# InitWait {took:.1f} s before the disk was open", flush=True)
        assert took > LIBXL_S
        assert u.guest.run("sha256sum /dev/xvda").split()[0] == sha256(u.disk)
        assert u.guest.id in [d["domain"] for d in u.serving.list()]


def appears(guest, vdev):
    guest.run(f"until [ -b /dev/{vdev} ]; do sleep 0.1; done")


def disappears(guest, vdev):
    guest.run(f"until ! [ -e /sys/block/{vdev} ]; do sleep 0.1; done")


def used(guest, vdev, disk):
    """The guest reads a disk of ours, and writes it."""
    appears(guest, vdev)
    assert guest.run(f"sha256sum /dev/{vdev}").split()[0] == sha256(disk)
    guest.run(f"/usr/bin/dd if=/dev/urandom of=/tmp/new bs=1M count=8 && "
              f"/usr/bin/dd if=/tmp/new of=/dev/{vdev} bs=1M oflag=direct")
    return guest.run("sha256sum /tmp/new").split()[0]


def begins_with(disk, digest):
    assert sh(f"head -c 8M {disk} | sha256sum").split()[0] == digest


def test_block_attach_and_detach():
    disk = random_image("plugged")
    with USER as u, nothing_left():
        xl("block-attach", u.guest.id, by_script("xvdb", disk))
        digest = used(u.guest, "xvdb", disk)
        xl("block-detach", u.guest.id, "xvdb")
        disappears(u.guest, "xvdb")
        begins_with(disk, digest)


def test_block_attach_of_a_disk_that_cannot_be_opened():
    with USER as u, nothing_left():
        said = xl("block-attach", u.guest.id, by_script("xvdb", NO_DISK),
                  status=1)
        assert WHY_NOT in said, said
        # xl leaves the nodes: they tell why.
        xl("block-detach", u.guest.id, "xvdb")


def test_under_the_name_of_qemus_kind():
    disk = random_image("qdisk")
    with USER as u, nothing_left():
        model = f"/local/domain/{u.guest.id}/image/device-model-pid"
        sh(f"xenstore-write {model} 1")
        xl("block-attach", u.guest.id, "format=raw,backendtype=qdisk,"
           f"vdev=xvdb,access=rw,target=pvb:{disk}")
        sh(f"xenstore-rm -t {model}")
        digest = used(u.guest, "xvdb", disk)
        xl("block-detach", u.guest.id, "xvdb")
        disappears(u.guest, "xvdb")
        begins_with(disk, digest)


def test_destroy_takes_away_a_disk_in_full_use():
    with USER as u:
        u.guest.spawn("while :; do /usr/bin/dd if=/dev/zero of=/dev/xvda "
                      "bs=64k oflag=direct; done")
        wrote = u.writes()
        until(lambda: u.writes() > wrote + 20, "writes")
        began = time.monotonic()
        said = u.guest.destroy()
        took = time.monotonic() - began
        print(f"# destroyed in {took:.1f} s: {said!r}", flush=True)
        assert took < LIBXL_S and "rror" not in said, said
        settled(u.before)
    USER.end()


def test_create_fails_for_a_disk_that_cannot_be_opened():
    with Serving(), nothing_left():
        seen = Seen(Guest("diskless", [by_script("xvda", NO_DISK)]))
        print("#", (seen.error or "").replace("\n", "\n# "), flush=True)
        assert seen.error and WHY_NOT in seen.error
        assert WHY_NOT in [v for _, n, v in seen.values
                           if n == "hotplug-error"]
        assert "diskless" not in xl("list")


def test_create_fails_while_the_kernels_backend_is_there():
    sh("modprobe xen-blkback")
    try:
        with Serving(), nothing_left():
            seen = Seen(Guest("kernels", [by_script(
                "xvda", random_image("kernels"))]))
            print("#", (seen.error or "").replace("\n", "\n# "), flush=True)
            assert seen.error and "driver of this kernel" in seen.error
            assert "kernels" not in xl("list")
    finally:
        sh("rmmod xen-blkback")


# ---- a storage driver domain -------------------------------------------------

class Storage:
    """It, and a guest on one of its disks."""

    def __init__(self, driver):
        driver.run("/usr/bin/dd if=/dev/urandom of=/tmp/a bs=1M count=24 && "
                   "cp /tmp/a /tmp/b")
        self.driver = driver
        self.guest = Guest("guest", [by_script(
            "xvda", "/tmp/a", ",backend=storage")], image="fio",
            memory_mib=512)
        self.before = self.holdings()

    def holdings(self):
        return everything() | self.driver.holdings()

    def same(self, vdev, path):
        assert self.guest.run(f"sha256sum /dev/{vdev}").split()[0] == \
            self.driver.run(f"sha256sum {path}").split()[0]

    def loaded(self, vdev, path):
        """The guest uses the disk, and finds all of it as it should be."""
        self.same(vdev, path)
        jobs = fio(self.guest, "--name=verify", f"--filename=/dev/{vdev}",
                   "--rw=randwrite", "--bsrange=4k-128k", "--size=24m")
        assert jobs["verify"].error == 0
        assert jobs["verify"].read_kib >= 24 << 10
        self.same(vdev, path)


@contextlib.contextmanager
def storage():
    with DriverDomain("storage").start() as driver:
        made = Storage(driver)
        with made.guest.start():
            yield made


STORAGE = Shared(storage)


def test_a_driver_domain_serves_a_guest():
    with STORAGE as s:
        s.loaded("xvda", "/tmp/a")
        device, = s.driver.list()
        print("#", device, flush=True)
        assert device["domain"] == s.guest.id


def test_a_driver_domains_disk_by_hand():
    with STORAGE as s, nothing_left(s.holdings):
        where = ("--backend-domain", s.driver.id)
        pvb("attach", *where, s.guest.id, "xvdb", "/tmp/b")
        appears(s.guest, "xvdb")
        s.loaded("xvdb", "/tmp/b")
        pvb("detach", *where, s.guest.id, "xvdb")
        disappears(s.guest, "xvdb")


def test_a_driver_domain_is_left_as_it_was():
    with STORAGE as s:
        s.guest.power_off()
        settled(s.before, s.holdings)
        assert s.driver.list() == []
    STORAGE.end()


run(globals())
