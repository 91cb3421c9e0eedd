#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock guest under verified load on several disks and queues, whose backend
is killed again and again at random moments (tests/proc/torture does it without
Xen, and more of it)."""
import json
import os
import random
import signal
import statistics
import time

from dom0 import Guest, image, run, sh, until
from initramfs import Initramfs
from leftovers import nothing_left
from load import check_unharmed
from rig import BUILD
from serve import Serving

KILLS = 50
ENOUGH_KILLS, ENOUGH_S = 20, 75         # if the machine is that slow
UNDER_LOAD = 0.9
PROGRESS = 10                           # answers, before the next kill
DELAY_S = 0.15                          # at most, after that
DISKS = ("xvdb", "xvdc", "xvdd")
SIZE_MIB = 8
DEPTH = 16
TARGETS = ("worker", "worker", "supervisor", "both")
SERVE = ("--worker-deaths", "1000000")
HANG_S = 60                             # an emulated machine has its own time
PROGRAM = os.path.join(BUILD, "tests", "torture", "torture_load")
FOUND = ("redone", "unpublished", "published", "uncommitted")


def with_program(archive):
    """The initramfs `archive`, with the program that makes the load."""
    path = "/tmp/torture-load.cpio"
    more = Initramfs()
    more.program(PROGRAM)
    more.write(path + ".more")
    sh(f"cat {archive} {path}.more >{path}")
    return path


class Load:
    """It runs in the guest, on all of the disks."""

    def __init__(self, guest):
        self.guest = guest
        uris = " ".join(f"file:/dev/{vdev}?direct=on" for vdev in DISKS)
        self.job = guest.spawn(
            "mkdir /tmp/copies; echo $$ >/run/load; renice -n 19 -p $$; "
            f"exec torture_load -a -d {DEPTH} -t {HANG_S} -s {os.getpid()} "
            f"-c /tmp/copies {uris} >/run/said")
        guest.run("until grep -q begun /run/said; do sleep 0.1; done")

    def check_runs(self):
        self.guest.look()
        assert self.job.status is None, self.job.output

    def end(self):
        """All was right; what each disk holds, as it sees it."""
        self.check_runs()
        self.guest.run("kill -TERM $(cat /run/load)")
        self.job.wait(240)
        # A console's lines are not that long.
        said = json.loads(self.guest.run(
            "tail -n 1 /run/said | fold -w 200").replace("\n", ""))
        sums = self.guest.run("cd /tmp/copies && sha256sum ?")
        return said, [line.split()[0] for line in sums.splitlines()]


class Kills:
    def __init__(self, serving, guest, load):
        self.serving, self.guest, self.load = serving, guest, load
        self.random = random.Random(os.getpid())
        self.target, self.in_flight, self.found = [], [], []

    def devices(self):
        return [d for d in self.serving.all_counts()
                if d["domain"] == self.guest.id]

    @staticmethod
    def answered(device):
        return sum(device[op]["requests"] for op in
                   ("read", "write", "flush", "discard"))

    def progress(self):
        before = [self.answered(d) for d in self.devices()]

        def there():
            self.load.check_runs()
            return all(self.answered(d) >= b + PROGRESS for d, b in
                       zip(self.devices(), before))
        until(there, "progress", 120)

    @staticmethod
    def sums(devices):
        return {k: sum(d["resumed"][k] for d in devices) for k in FOUND}

    def busy(self):
        """The devices, when some of them have work."""
        devices = self.devices()
        return len(devices) == len(DISKS) and devices[0]["worker_pid"] and \
            any(d["in_flight"] for d in devices) and devices

    def kill(self):
        self.progress()
        time.sleep(self.random.random() * DELAY_S)
        devices = until(self.busy, "request in flight")
        target = self.random.choice(TARGETS)
        if target != "supervisor":
            os.kill(devices[0]["worker_pid"], signal.SIGKILL)
        if target != "worker":
            self.serving.daemon.kill()
            self.serving.start(*SERVE)
        self.target.append(target)
        self.in_flight.append(sum(d["in_flight"] for d in devices))
        self.found.append(self.sums(devices))

    def run(self):
        began = time.monotonic()
        while len(self.in_flight) < KILLS and (
                len(self.in_flight) < ENOUGH_KILLS or
                time.monotonic() - began < ENOUGH_S):
            self.kill()
        self.progress()

    def report(self):
        self.found.append(self.sums(self.devices()))
        met = 0
        for i, n in enumerate(self.in_flight):
            f = {k: self.found[i + 1][k] - self.found[i][k] for k in FOUND}
            print(f"# {i + 1:3} {self.target[i]:10} {n:3} in flight, "
                  f"{f['redone']:3} done again, {f['published']:2} "
                  f"published but journaled, {f['unpublished']:2} "
                  f"unpublished, {f['uncommitted']:2} uncommitted",
                  flush=True)
            met += n + f["redone"] > 0
        print(f"# {len(self.in_flight)} kills, {met} with requests in flight",
              flush=True)
        assert met >= UNDER_LOAD * len(self.in_flight)


def say_load(said):
    """The longest pauses of each disk, as many as there were kills."""
    for vdev, disk in zip(DISKS, said):
        pauses = disk["pauses_ms"][:KILLS]
        print(f"# {vdev}: {disk['reads']} reads, {disk['writes']} writes, "
              f"{disk['flushes']} flushes, {disk['discards']} discards, "
              f"{disk['blocks']} blocks compared; its {len(pauses)} longest "
              f"pauses: median {statistics.median(pauses):.0f} ms, worst "
              f"{pauses[0]:.0f} ms", flush=True)


def test_killed_again_and_again():
    images = [image(f"{vdev}.img", SIZE_MIB) for vdev in DISKS]
    initrd = with_program(os.environ["RIG_GUEST_plain"])
    with nothing_left(), Serving(*SERVE) as s:
        with Guest("torture", initrd=initrd, memory_mib=512,
                   vcpus=2).start() as g:
            for vdev, path in zip(DISKS, images):
                s.attach(g, vdev, path, "--queues", 2)
                s.await_states(g, vdev, "connected", "connected")
            s.say_terms(g, *DISKS)
            load = Load(g)
            kills = Kills(s, g, load)
            kills.run()
            kills.report()
            said, held = load.end()
            say_load(said)
            for vdev in DISKS:
                check_unharmed(s.counts(g, vdev))
            assert g.run("dmesg | grep -ci 'i/o error' || true").strip() == \
                "0"
            g.power_off()
        sums = sh(f"sha256sum {' '.join(images)}")
        assert [line.split()[0] for line in sums.splitlines()] == held


run(globals())
