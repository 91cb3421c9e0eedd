#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a stock guest speaks if it is offered all that we have: several queues of
rings of many pages, and either way of writing through a cache."""
import contextlib

from dom0 import Guest, Shared, image, pvb_json, run
from leftovers import nothing_left
from load import check_unharmed, fio
from serve import Serving

QUEUES = 4              # Linux takes no more than it has processors
ORDER = 4
PAGES = 1 << ORDER
SYNCS = 16


@contextlib.contextmanager
def four_processors():
    with nothing_left(), Serving() as s, Guest(
            "four", image="fio", memory_mib=512, vcpus=QUEUES,
            cmdline=f"xen_blkfront.max_ring_page_order={ORDER}").start() as g:
        yield s, g
        g.power_off()


guest = Shared(four_processors)


def attach(s, g, vdev, path, *options):
    s.attach(g, vdev, path, *options)
    s.await_states(g, vdev, "connected", "connected")
    s.say_terms(g, vdev)
    return s.device(g, vdev)


def nodes_of_front(g, number):
    """By their names below the device's directory."""
    path = f"/local/domain/{g.id}/device/vbd/{number}/"
    return {name.removeprefix(path): value
            for name, value in g.store.tree(path[:-1]).items()}


def test_four_queues_of_sixteen_pages():
    with guest as (s, g):
        d = attach(s, g, "xvdb", image("queues.img", 64), "--queues", QUEUES,
                   "--indirect", 0)
        assert (d["queues"], d["ring_pages"], d["persistent"]) == \
            (QUEUES, PAGES, True), d
        n = nodes_of_front(g, 51728)
        assert (n["multi-queue-num-queues"], n["ring-page-order"],
                n["feature-persistent"]) == (str(QUEUES), str(ORDER), "1"), n
        for queue in range(QUEUES):
            assert n[f"queue-{queue}/ring-ref{PAGES - 1}"] != "0", n
        assert g.run("ls /sys/block/xvdb/mq").split() == \
            [str(queue) for queue in range(QUEUES)]
        o = pvb_json("explain", g.id, "xvdb")
        assert o["frontend"]["looks_like"]["driver"] == "Linux", o
        assert (o["queues"], o["ring_pages"], o["ring_grants"],
                o["persistent"]) == (QUEUES, PAGES, QUEUES * PAGES, True), o


def test_load_on_each_of_the_queues_is_verified():
    with guest as (s, g):
        jobs = fio(g, "--filename=/dev/xvdb", "--rw=randwrite",
                   "--bsrange=4k-128k", "--size=8m", *(
                       f"--name=queue{queue} --offset={queue * 16}m "
                       f"--cpus_allowed={queue}" for queue in range(QUEUES)))
        assert len(jobs) == QUEUES, jobs
        for job in jobs.values():
            assert (job.error, job.written_kib, job.read_kib) == \
                (0, 8 << 10, 8 << 10), job
        counts = s.counts(g, "xvdb")
        check_unharmed(counts)
        assert counts["mapped_pages"] > QUEUES * PAGES, counts
        s.detach(g, "xvdb")


def synced(s, g, vdev):
    """What the disk was asked for while the guest synchronised files on it."""
    g.run(f"/usr/bin/mke2fs -q -F -t ext4 /dev/{vdev} && "
          f"mount -t ext4 /dev/{vdev} /mnt")
    before = s.counts(g, vdev)
    g.run(f"for i in $(seq {SYNCS}); do "
          "dd if=/dev/urandom of=/mnt/$i bs=4k count=4 conv=fsync 2>/dev/null "
          "|| exit; done")
    after = s.counts(g, vdev)
    g.run("umount /mnt")
    check_unharmed(after)
    return {op: after[op]["requests"] - before[op]["requests"]
            for op in ("flush", "barrier")}


def test_syncs_are_flushes_where_flush_is_offered():
    with guest as (s, g):
        attach(s, g, "xvdc", image("flush.img", 32), "--barrier")
        found = synced(s, g, "xvdc")
        print("#", found, flush=True)
        assert found["flush"] >= SYNCS and found["barrier"] == 0, found
        s.detach(g, "xvdc")


def test_syncs_are_barriers_where_only_they_are_offered():
    with guest as (s, g):
        attach(s, g, "xvdd", image("barrier.img", 32), "--barrier",
               "--no-flush")
        assert g.run("cat /sys/block/xvdd/queue/fua").strip() == "1"
        found = synced(s, g, "xvdd")
        print("#", found, flush=True)
        assert found["barrier"] >= SYNCS and found["flush"] == 0, found
        s.detach(g, "xvdd")
        guest.end()


run(globals())
