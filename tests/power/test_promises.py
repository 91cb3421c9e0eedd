#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Power failures under our own writer: what a flush, a barrier or FUA promised
to a frontend, over any ring that the two ends may agree on, is on the disk.

The disk is recorded; images of crashes are made of the log.  Each sector says
which write it is of, so it can be told whether an image has a write that was
promised, or a newer one.  A failure names its crash: `pvb replay` makes that
image again."""
import os
import signal
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "proc"))

from failures import Log, SECTOR
from rig import BUILD, Machine, run, until

WRITES, IMAGES, SEED = 1200, 40, 1
KILLS, GETS_ON_BYTES = 10, 4096
DATA_BYTES, DISK_BYTES = 2 << 20, 4 << 20
STAMP = 0x5441535f62767021


class Diary:
    """What stamped_writes said: by promise, the write that each sector must
    at least hold."""

    def __init__(self, text):
        self.sectors = {}               # of a write
        self.promises = {}              # promise: {sector: write}
        done, asked = {}, {}
        for line in text.splitlines():
            what, *n = line.split()
            n = list(map(int, n))
            if what == "w":
                self.sectors[n[0]] = range(n[1] // SECTOR,
                                           (n[1] + n[2]) // SECTOR)
            elif what == "d":
                done.update(dict.fromkeys(self.sectors[n[0]], n[0]))
            elif what == "f":
                asked[n[0]] = dict(done)
            elif what == "F":
                self.promises[n[0]] = asked.pop(n[0])
            elif what == "u":
                self.promises[n[0]] = dict.fromkeys(self.sectors[n[1]], n[1])

    def wanted(self, marks):
        """The oldest write that each sector may hold, these promised."""
        oldest = {}
        for k in marks:
            for sector, n in self.promises[int(k)].items():
                oldest[sector] = max(n, oldest.get(sector, 0))
        return oldest


def missing(path, oldest):
    """The sectors that hold older writes than they may."""
    with open(path, "rb") as f:
        image = f.read(DATA_BYTES)
    wrong = []
    for i, (stamp, sector, n) in enumerate(
            struct.iter_unpack("<QQQ488x", image)):
        if stamp == 0:
            n = 0
        else:
            assert (stamp, sector) == (STAMP, i), f"sector {i}: no stamp"
            assert image[i * SECTOR + 16:(i + 1) * SECTOR] == \
                struct.pack("<Q", n) * 62, f"sector {i}: torn in itself"
        if n < oldest.get(i, 0):
            wrong.append((i, n, oldest[i]))
    return wrong


class Result:
    def __init__(self):
        self.images = self.loose = self.lost = self.promises = 0
        self.wrong = []

    def add(self, tally, promises, wrong, point):
        self.images += 1
        self.loose += tally["lucky"] + tally["lost"] + tally["torn"]
        self.lost += tally["lost"] + tally["torn"]
        self.promises += promises
        if wrong:
            self.wrong.append((point, wrong))

    def __str__(self):
        return f"{self.images} images, {self.promises} promises looked at, " \
            f"of {self.loose} writes not promised {self.lost} lost or torn; " \
            f"{len(self.wrong)} images bad"


def kill_workers(m, writer):
    """Each when the writer has got on since the one before."""
    former = None
    for i in range(1, KILLS + 1):
        until(lambda: os.path.getsize(m.path("diary")) >= i * GETS_ON_BYTES,
              "progress", process=writer)
        former = until(lambda: next_worker(m, former), "another worker")
        os.kill(former, signal.SIGKILL)


def next_worker(m, former):
    device = m.device(1)
    return device["worker_pid"] not in (None, former) and \
        not device["waits"] and device["worker_pid"]


def write(m, vbd, writes, meanwhile=None):
    """What the writer has said."""
    with open(m.path("diary"), "w+") as diary, \
            open(m.path("errors"), "w+") as errors:
        p = m.spawn(os.path.join(BUILD, "tests", "power", "stamped_writes"),
                    vbd, writes, SEED, stdout=diary, stderr=errors)
        if meanwhile:
            meanwhile(m, p)
        status = p.wait(300)
        diary.seek(0)
        errors.seek(0)
        assert status == 0, errors.read()
        return Diary(diary.read())


def done_again(made):
    """Writes that the disk was asked for more than once."""
    seen = set()
    with open(made.path, "rb") as f:
        for x in made.requests:
            if x["op"] == "write" and x["offset"] < DATA_BYTES:
                f.seek(x["data_at"] + 16)
                seen.add((x["offset"], x["length"], f.read(8)))
    return sum(x["op"] == "write" and x["offset"] < DATA_BYTES
               for x in made.requests) - len(seen)


def recorded(m, disk, log, below, above):
    uri = f"record:file:{disk}{below}?log={log}"
    if above:
        uri = uri.replace("%", "%25").replace("?", "%3F")
        uri = f"fault:{uri}?{above}"
    return uri


def write_and_crash(attach=(), more="", below="", above="", replay=(),
                    serve=(), writes=WRITES, meanwhile=None):
    """Write through a ring to a recorded disk; look at images of crashes."""
    result = Result()
    with Machine(serve=False) as m:
        m.start_serve(*map(str, serve))
        disk = m.image(size=DISK_BYTES, fill=False)
        base = m.image("base.img", size=DISK_BYTES, fill=False)
        log, image = m.path("log"), m.path("crashed.img")
        vbd = m.attach(1, "xvda", recorded(m, disk, log, below, above),
                       *attach) + more
        diary = write(m, vbd, writes, meanwhile)
        m.detach(1, "xvda")
        made = Log(log, base, DATA_BYTES)
        assert len(made.marks) == len(diary.promises) > 100
        result.again = done_again(made)
        for point in made.points(IMAGES, SEED):
            tally = made.image(image, point, *replay)
            marks = made.promised(point[0])
            result.add(tally, len(marks),
                       missing(image, diary.wanted(marks)), point)
    print(f"# {result}")
    return result


def expect_kept(**how):
    result = write_and_crash(**how)
    assert not result.wrong, \
        "until, lose, seed; sectors (number, write, must be): " \
        f"{result.wrong[0][0]} {result.wrong[0][1][:5]}"
    # All of it would be true of a disk that keeps everything, too.
    assert result.promises > IMAGES and result.lost > IMAGES / 2
    return result


def test_flush():
    expect_kept()


def test_barrier_only():
    expect_kept(attach=["--no-flush", "--barrier"])


def test_barrier_and_flush():
    expect_kept(attach=["--barrier"])


def test_several_queues():
    expect_kept(more="&queues=3")


def test_copied_grants():
    expect_kept(attach=["--no-persistent"], more="&bounce=on")


def test_small_ring_without_indirect():
    expect_kept(attach=["--ring-order", "0", "--indirect", "0"],
                more="&ring-order=0&indirect=0")


def test_segment_blocks():
    expect_kept(attach=["--segment-blocks", "--indirect", "0"],
                more="&indirect=0&segment-blocks=on")


def test_sectors_that_are_read_and_changed():
    expect_kept(below="%3Fsector-size=4096")


def test_sectors_of_4096():
    expect_kept(attach=["--sector-size", "4096"],
                below="%3Fsector-size=4096")


def test_page_cache():
    expect_kept(below="%3Fdirect=off")


def test_workers_are_killed_meanwhile():
    result = expect_kept(serve=["--worker-deaths", 10 * KILLS],
                         above="delay=5", writes=4000,
                         meanwhile=kill_workers)
    print(f"# {KILLS} workers were killed, {result.again} writes done again")
    assert result.again > KILLS


# ---- that it can fail --------------------------------------------------------

def test_a_disk_that_lies_about_flushes_is_found():
    assert len(write_and_crash(above="lie=op:flush").wrong) > IMAGES / 4


def test_a_log_without_its_flushes_is_found():
    assert len(write_and_crash(replay=["--ignore-flushes"]).wrong) > IMAGES / 4


run(globals())
