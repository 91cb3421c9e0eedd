#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our frontend, in a program of dom0 and without a kernel driver, at stock
backends (Linux's and QEMU's) and at our own."""
import contextlib
import importlib.util
import os
import subprocess

from dom0 import PVB, Store, pvb, pvb_json, run, sh, until, xl
import front as front_module
from front import Front
from leftovers import nothing_left
from serve import Serving, modules

FRONT, BACK = "/local/domain/0/device/vbd", "/local/domain/0/backend"
COMPLAINTS = "/local/domain/0/error/device"
DEVICE_MODEL = "/local/domain/0/device-model/0"
QEMU_PID = "/local/domain/0/image/device-model-pid"
QEMU = "/usr/libexec/xen-qemu-system-i386"
NUMBER = 51728                  # xvdb
VBD = "vbd:xvdb?host=xen"
SIZE_MIB = 8
DIRECT_BYTES = 11 * 4096        # the most that a request holds by itself
READ_BYTES = 256 << 10
ENDLESS_GIB = 64                # nobody copies that here in a minute
QUEUES = "/sys/module/xen_blkback/parameters/max_queues"
# Order, indirect segments, queues.
LIMITS = ((0, 0, 1), (0, 64, 1), (2, 64, 2), (4, 0, 4), (4, 64, 4))

PHY = "format=raw,backendtype=phy"
QDISK = "format=raw,backendtype=qdisk"
QCOW2 = "format=qcow2,backendtype=qdisk"


class Attached:
    """A disk that a stock backend serves to dom0 itself."""

    def __init__(self, how, target):
        self.line = f"{how},vdev=xvdb,access=rw,target={target}"
        kind = "qdisk" if "qdisk" in how else "vbd"
        self.back = f"{BACK}/{kind}/0/{NUMBER}"

    def __enter__(self):
        xl("block-attach", 0, self.line)
        return self

    def __exit__(self, *_):
        xl("block-detach", 0, "xvdb")


class Qemu:
    """The QEMU of dom0's disks, as Debian starts it at boot."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [QEMU, "-xen-domid", "0", "-xen-attach", "-name", "dom0",
             "-nographic", "-M", "xenpv", "-monitor", "none", "-serial",
             "none", "-parallel", "none"], stdin=subprocess.DEVNULL)
        with Store() as s:
            s.await_value(f"{DEVICE_MODEL}/state", "running")
            s.write(QEMU_PID, self.process.pid)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_):
        self.kill()
        with Store() as s:
            s.remove(DEVICE_MODEL)
            s.remove(QEMU_PID)


def image(name):
    """Random bytes, with zeros in their middle."""
    path = f"/tmp/{name}"
    with open(path, "wb") as f:
        f.write(os.urandom(SIZE_MIB << 19))
        f.seek(SIZE_MIB << 18, os.SEEK_CUR)
        f.write(os.urandom(SIZE_MIB << 18))
    return path


def comment(*words):
    print("#", *words, flush=True)


def nodes_of(end, path):
    """A device's directory, as a comment of the test."""
    with Store() as s:
        tree = s.tree(path)
    comment(f"{end}:", *(f"{p.removeprefix(path + '/')}={v!r}"
                         for p, v in sorted(tree.items()) if p != path))
    return tree


@contextlib.contextmanager
def copying(source, destination):
    """A copy that has connected.  (Not to be stopped by a signal: in the
    middle of a message, that stops xenstored as well.)"""
    p = subprocess.Popen([PVB, "copy", "--log", "info", source, destination],
                         stderr=subprocess.PIPE, text=True)
    try:
        with Store() as s:
            s.await_value(f"{FRONT}/{NUMBER}/state", 4)
        yield p
    finally:
        if p.poll() is None:
            p.kill()
            p.wait()


def both_ends(back, driver):
    """What they have in the store, in the test's log, and explained."""
    o = pvb_json("explain", 0, "xvdb")
    assert [o[end]["looks_like"]["driver"]
            for end in ("backend", "frontend")] == [driver, "pvb"], o
    comment("agreed:", *(f"{what}={o[what]}" for what in (
        "abi", "ring_pages", "queues", "indirect_segments", "persistent")))
    nodes_of("back", back)
    nodes_of("front", f"{FRONT}/{NUMBER}")


def copies(back, driver, what):
    """The disk is a copy of the image `what`, and `driver` its backend's; read
    it, then overwrite it.  The image that is there then."""
    new, out = image(f"{os.path.basename(what)}.new"), f"{what}.out"
    with Front(VBD):
        both_ends(back, driver)
    pvb("copy", VBD, out)
    sh(f"cmp {what} {out}")
    pvb("copy", new, VBD)
    pvb("copy", VBD, out)
    sh(f"cmp {new} {out}")
    return new


def drivers(*more):
    modules("xen-gntdev", "xen-evtchn", "xen-gntalloc", *more)


# ---- data --------------------------------------------------------------------

def test_copies_from_and_to_blkback():
    drivers("loop", "xen-blkback")
    disk = image("phy")
    was = f"{disk}.was"
    sh(f"cp {disk} {was}")
    with nothing_left():
        with Attached(PHY, disk) as d:
            new = copies(d.back, "Linux", was)
        sh(f"cmp {disk} {new}")


def test_copies_from_and_to_qdisk():
    drivers()
    with nothing_left(), Qemu():
        for how in (QDISK, QCOW2):
            form = how.split(",")[0].removeprefix("format=")
            was, disk = image(form), f"/tmp/{form}.disk"
            sh(f"qemu-img convert -f raw -O {form} {was} {disk}")
            with Attached(how, disk) as d:
                new = copies(d.back, "QEMU", was)
            sh(f"qemu-img compare -f {form} -F raw {disk} {new}")


def test_copies_from_and_to_our_own_backend():
    disk = image("own")
    was = f"{disk}.was"
    sh(f"cp {disk} {was}")
    with nothing_left(), Serving():
        pvb("attach", 0, "xvdb", disk)
        new = copies(f"{BACK}/pvb/0/{NUMBER}", "pvb", was)
        pvb("detach", 0, "xvdb")
        sh(f"cmp {disk} {new}")


def read_statistics(name):
    with open(f"/sys/bus/xen-backend/devices/vbd-0-{NUMBER}/statistics/"
              f"{name}") as f:
        return int(f.read())


def test_limits_of_the_ring_hold_at_blkback():
    drivers("loop", "xen-blkback")
    with open(QUEUES, "w") as f:
        f.write("4")
    disk = image("limits")
    with Attached(PHY, disk):
        for order, indirect, queues in LIMITS:
            limited(disk, order, indirect, queues)


def limited(disk, order, indirect, queues):
    uri = f"{VBD}&ring-order={order}&indirect={indirect}&queues={queues}"
    with Front(uri) as f, Store() as s, open(disk, "rb") as same:
        front = s.tree(f"{FRONT}/{NUMBER}")
        for at in range(0, SIZE_MIB << 20, READ_BYTES):
            assert f.read(READ_BYTES, at) == same.read(READ_BYTES), at
        mean = read_statistics("rd_sect") * 512 // read_statistics("rd_req")
        comment(f"order {order}, {indirect} indirect, {queues} queues: "
                f"{mean} bytes a request")

    def said(name, absent):
        return front.get(f"{FRONT}/{NUMBER}/{name}", absent)
    assert said("ring-page-order", "0") == str(order), front
    assert said("multi-queue-num-queues", "1") == str(queues), front
    assert said("feature-persistent", "0") == "1", front
    assert (mean > DIRECT_BYTES) == (indirect > 0), mean


# ---- what can be wrong -------------------------------------------------------

def refused(*words, uri=VBD):
    said = pvb("copy", uri, "/tmp/none", status=1).stderr
    comment(said.strip())
    for word in words:
        assert word in said, said
    assert not os.path.exists("/tmp/none")


def test_no_such_device():
    drivers()
    refused("domain 0 has no device 51728")


def test_kernels_frontend_has_it_until_it_is_unbound():
    drivers("loop", "xen-blkback", "xen-blkfront")
    disk = image("bound")
    try:
        with Attached(PHY, disk):
            with Store() as s:
                s.await_value(f"{FRONT}/{NUMBER}/state", 4)
            refused("this kernel's frontend has the device")
            sh(f"echo vbd-{NUMBER} >/sys/bus/xen/drivers/vbd/unbind")
            pvb("copy", VBD, "/tmp/bound.out")
            sh(f"cmp {disk} /tmp/bound.out")
    finally:
        sh("rmmod xen-blkfront")


def endless_copy(more=""):
    """A copy in the middle of its work."""
    return copying(VBD + more, f"null:{ENDLESS_GIB}G")


def endless_image():
    path = "/tmp/endless"
    with open(path, "wb") as f:
        f.truncate(ENDLESS_GIB << 30)
    return path


def failed(p, timeout_s=30):
    said = p.communicate(timeout=timeout_s)[1]
    comment(said.replace("\n", " "))
    assert p.returncode == 1 and "pvb: copy: " in said, (p.returncode, said)
    # What it complained of stays for people to read.
    with Store() as s:
        s.remove(COMPLAINTS)


def test_detached_while_copying():
    drivers("loop", "xen-blkback")
    with nothing_left():
        disk = Attached(PHY, endless_image()).__enter__()
        with endless_copy() as p:
            disk.__exit__()
            failed(p)


def test_backend_killed_while_copying():
    drivers()
    with Qemu() as q:
        Attached(QDISK, endless_image()).__enter__()
        with endless_copy("&timeout=2&reconnect=0") as p:
            q.kill()
            failed(p)
    # xl waits for a backend that is no more, and gives up.
    with Store() as s:
        for path in (f"{BACK}/qdisk", FRONT, "/libxl/0"):
            s.remove(path)


def test_our_own_backend_killed_while_copying():
    drivers()
    with nothing_left(), Serving() as serving:
        pvb("attach", 0, "xvdb", endless_image())
        with endless_copy("&timeout=2&reconnect=0") as p:
            serving.daemon.kill()
            failed(p)
        serving.start()
        pvb("detach", 0, "xvdb")


# ---- a backend that is lost ----------------------------------------------------

def verified_load(front):
    """That of the tests of processes; there is another module of its name."""
    spec = importlib.util.spec_from_file_location(
        "front_load", os.path.join(os.path.dirname(front_module.__file__),
                                   "load.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Load(front, SIZE_MIB << 19, threads=3)


def lost_under_load(lose):
    """Linux's backend, twice, of a frontend that goes on asking."""
    drivers("loop", "xen-blkback")
    with nothing_left(), Attached(PHY, image("lost")) as d:
        with Front(f"{VBD}&timeout=5") as f, verified_load(f) as load:
            def progress():
                before = load.done()
                until(lambda: load.done() > before + 20, "progress")
            progress()
            load.longest_s()
            for _ in range(2):
                lose(d.back)
                with Store() as s:
                    s.await_value(f"{d.back}/state", 4)
                    s.await_value(f"{FRONT}/{NUMBER}/state", 4)
                progress()
                comment(f"a pause of {load.longest_s() * 1000:.0f} ms")
            comment(f"{load.stop()} requests")


def say_closing(back):
    """In its name; it hears of it by what our frontend does, and closes."""
    with Store() as s:
        s.write(f"{back}/state", 5)


def unload_and_load(back):
    """As far as the driver lets go of its devices only when told to."""
    sh(f"echo vbd-0-{NUMBER} >/sys/bus/xen-backend/drivers/vbd/unbind && "
       "rmmod xen-blkback && modprobe xen-blkback")


def test_blkback_closes_and_comes_again_under_load():
    lost_under_load(say_closing)


def test_blkback_is_unloaded_and_loaded_under_load():
    lost_under_load(unload_and_load)


run(globals())
