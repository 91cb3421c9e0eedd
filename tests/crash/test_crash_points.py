#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker dies at each point of docs/crash.md, alone, and its successor at
each point again; under load that is verified.

There are three kinds of points: those that a back passes all the time, those
that a successor passes, and those of which a connection has one (its journal
begins; its disk does not do what was promised) or few (another medium)."""
import contextlib
import os
import random
import sys
import threading

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "proc"))

from front import Front                                         # noqa: E402
from plan import Plan, names, need_crash_points                 # noqa: E402
from rig import DEADLINE_S, Daemon, Machine, pvb, run, until    # noqa: E402
from verified import VerifiedLoad, devices, nothing_failed      # noqa: E402

MIB = 1 << 20
NAMES = names()
(HEAD, MAGIC, COMMIT, LIST, LISTED, RSP_NEW, RSP_PROD, BELL, REQ_EVENT,
 RECOVER_FREE, RECOVER_TAKEN, REVOKED, MEDIUM) = (
     1, 2, 6, 7, 8, 12, 13, 14, 17, 18, 19, 23, 24)
BEGINNING = (HEAD, MAGIC, MEDIUM)       # of a connection
ALL_THE_TIME = range(3, 18)
SUCCESSORS = range(18, 23)
EITHER = (*ALL_THE_TIME, *SUCCESSORS)
# A successor passes these only if it has found, or is asked for, what they are
# for; all others it passes soon.
BY_CHANCE = {LIST, LISTED, BELL, REQ_EVENT, RECOVER_FREE, RECOVER_TAKEN}
# So that a successor has something to do there: who died before it died here.
BEFORE = {RECOVER_FREE: BELL, RECOVER_TAKEN: RSP_PROD}
PASSINGS = 40                           # at most, before a first death
ENOUGH = 150                            # answers, without a second one
TRIES = 3

chance = random.Random(1)
pairs = set()                           # (first, second) that were seen
alone = set()


class Scene(Machine):
    """A machine whose workers die as planned."""

    def __init__(self):
        need_crash_points()
        super().__init__(serve=False)
        self.plan = Plan(self.path("plan"))
        self.serve = Daemon(
            "serve", "--host", self.host, "--worker-deaths", "1000000",
            prefix=("env", f"PVB_CRASH_PLAN={self.path('plan')}"))

    def copies(self):
        path = self.path("copies")
        os.makedirs(path, exist_ok=True)
        return path

    def empty_image(self, name, size):
        return self.image(name, size, fill=False)


def content(path):
    with open(path, "rb") as f:
        return f.read()


@contextlib.contextmanager
def loaded(m, disks, *options, may_fail=None):
    """Verified load; `disks` are of (vdev, image, disk, options, frontend's
    options).  In the end each image holds what the frontend has read."""
    for vdev, _, disk, attach, _ in disks:
        m.attach(1, vdev, disk, *attach)
    uris = [m.vbd(1, vdev, more) for vdev, _, _, _, more in disks]
    with VerifiedLoad(uris, m.copies(), *options) as load:
        yield load
        m.plan.clear()
        load.end()
        nothing_failed(devices(m), may_fail)
    for i, (vdev, path, *_) in enumerate(disks):
        m.detach(1, vdev)
        until(lambda: not m.device(1, vdev), "end of the device")
        assert content(path) == content(f"{m.copies()}/{i}"), vdev


def come_true(m, load, sure=0):
    """How many of the planned deaths come true, of which so many must, until
    there are many answers without another."""
    total, dead, before = m.plan.planned(), -1, None

    def over():
        nonlocal dead, before
        now = m.plan.deaths()
        if now != dead:
            dead, before = now, load.requests()
        return now == total or \
            now >= sure and load.has_more(before, ENOUGH)
    until(over, "planned death")
    return m.plan.clear()


def report():
    print(f"# alone: {len(alone)} of {len(NAMES)} points; "
          f"{len(pairs)} pairs so far", flush=True)


# ---- under load -------------------------------------------------------------

def two_disks(m):
    """Lists of segments, and requests of several slots."""
    a, b = (m.empty_image(n, 4 * MIB) for n in ("a.img", "b.img"))
    return (("xvda", a, a, ("--queues", 2), "&queues=2&ring-order=1"),
            ("xvdb", b, b, ("--segment-blocks", "--queues", 1),
             "&segment-blocks=on&indirect=0"))


def lead_to(point):
    """Deaths that must come before one at this point."""
    if point in SUCCESSORS:
        return [(BEFORE.get(point, RSP_NEW), chance.randint(1, PASSINGS))]
    return []


def after(point):
    return chance.randint(1, PASSINGS) if point in ALL_THE_TIME else 1


def die_at(m, load, *points, second=1):
    """All of them have come true?"""
    deaths = [*lead_to(points[0]), (points[0], after(points[0])),
              *((p, second) for p in points[1:])]
    m.plan.set(*deaths)
    sure = 1 if points[0] in ALL_THE_TIME or len(deaths) > 1 else 0
    return come_true(m, load, sure) == len(deaths)


def test_alone_under_load():
    with Scene() as m, loaded(m, two_disks(m), "-z", "-d", 16) as load:
        load.progress(ENOUGH)
        for point in EITHER:
            for _ in range(TRIES):
                if die_at(m, load, point):
                    alone.add(point)
                load.progress(20)
        missing = set(EITHER) - alone
        assert not missing, [NAMES[p] for p in missing]
    report()


def test_pairs_under_load():
    with Scene() as m, loaded(m, two_disks(m), "-z", "-d", 16) as load:
        load.progress(ENOUGH)
        for first in EITHER:
            for second in EITHER:
                if any(die_at(m, load, first, second)
                       for _ in range(TRIES)):
                    pairs.add((first, second))
                    die_at(m, load, first, second,
                           second=chance.randint(2, PASSINGS))
            load.progress(20)
        for first in EITHER:
            missing = {second for second in EITHER
                       if (first, second) not in pairs} - BY_CHANCE
            assert not missing, (NAMES[first], [NAMES[p] for p in missing])
    report()


# ---- a connection begins ----------------------------------------------------

def die_at_the_beginning(m, *points):
    path = m.empty_image("c.img", MIB // 2)
    m.plan.set(*((p, 1) for p in points))
    disk = ("xvdc", path, path, ("--queues", 2), "&queues=2")
    with loaded(m, (disk,), "-z", "-d", 8) as load:
        return come_true(m, load) == len(points)


def test_at_the_beginning():
    with Scene() as m:
        for point in BEGINNING:
            assert die_at_the_beginning(m, point), NAMES[point]
            alone.add(point)
        for first in BEGINNING:
            for second in (*BEGINNING, *EITHER):
                if die_at_the_beginning(m, first, second):
                    pairs.add((first, second))
    assert {(1, 1), (1, 2), (2, 1), (2, 2), (1, MEDIUM), (2, MEDIUM),
            (MEDIUM, MEDIUM)} <= pairs
    report()


# ---- a promise is taken back ------------------------------------------------

def die_when_it_is_revoked(m, *points):
    """The disk turns out not to discard; each of the queues finds out."""
    path = m.empty_image("d.img", MIB // 2)
    disk = f"fault:{path}?fail=EOPNOTSUPP,op:discard,after:2"
    m.plan.set(*((p, 1) for p in points))
    with loaded(m, (("xvdd", path, disk, ("--queues", 2), "&queues=2"),),
                "-d", 16, may_fail="discard") as load:
        return come_true(m, load) == len(points)


def test_when_a_promise_is_taken_back():
    with Scene() as m:
        assert any(die_when_it_is_revoked(m, REVOKED) for _ in range(TRIES))
        alone.add(REVOKED)
        for point in (REVOKED, *EITHER):
            if die_when_it_is_revoked(m, REVOKED, point):
                pairs.add((REVOKED, point))
            if point in ALL_THE_TIME and \
                    die_when_it_is_revoked(m, point, REVOKED):
                pairs.add((point, REVOKED))
    assert any((p, REVOKED) in pairs for p in ALL_THE_TIME)
    assert any((REVOKED, p) in pairs for p in ALL_THE_TIME)
    report()


# ---- another medium ---------------------------------------------------------

class Reader(threading.Thread):
    """Reads all of a drive again and again: what comes is of one of its media,
    or an error."""

    def __init__(self, front, media):
        super().__init__(daemon=True)
        self.front, self.media = front, media
        self.answers, self.wrong, self.ends = 0, None, False
        self.start()

    def run(self):
        at = 0
        while not self.ends:
            at = (at + 4096) % len(self.media[0])
            data = self.front.read(4096, at)
            if not isinstance(data, int) and \
                    all(data != m[at:at + 4096] for m in self.media):
                self.wrong = f"at {at}: {data[:16]}"
            self.answers += 1


class Drive:
    """A drive with a medium, and who reads it."""

    def __init__(self, m, stack):
        self.m = m
        self.paths = [m.image(n, MIB) for n in ("a.iso", "b.iso")]
        pvb("attach", "--host", m.host, "--cdrom", "--queues", 2, 1, "hdc",
            self.paths[0])
        self.front = stack.enter_context(Front(m.vbd(1, "hdc", "&queues=2")))
        media = [content(p) for p in self.paths]
        self.readers = [Reader(self.front, media) for _ in range(4)]
        stack.callback(self.stop)
        self.now = 0

    def stop(self):
        for r in self.readers:
            r.ends = True
        for r in self.readers:
            r.join(DEADLINE_S)

    def requests(self):
        for r in self.readers:
            assert not r.wrong, r.wrong
        return [sum(r.answers for r in self.readers)]

    def has_more(self, before, n):
        return self.requests()[0] >= before[0] + n

    def change(self):
        """Afterwards it is the other one, whoever has died meanwhile."""
        self.now = 1 - self.now
        path = self.paths[self.now]
        pvb("eject", "--host", self.m.host, 1, "hdc")
        pvb("insert", "--host", self.m.host, 1, "hdc", path)
        until(lambda: self.front.read(MIB) == content(path), "new medium")


def die_when_it_changes(m, drive, *points):
    """One of them is MEDIUM."""
    m.plan.set(*((p, 1) for p in points))
    if points[0] != MEDIUM:
        until(lambda: m.plan.deaths() > 0 or None, "first death")
    drive.change()
    return come_true(m, drive) == len(points)


def test_when_the_medium_changes():
    with Scene() as m, contextlib.ExitStack() as stack:
        drive = Drive(m, stack)
        usual = set(ALL_THE_TIME) - {LIST, LISTED}      # for small reads
        assert die_when_it_changes(m, drive, MEDIUM)
        for point in usual:
            if die_when_it_changes(m, drive, point, MEDIUM):
                pairs.add((point, MEDIUM))
        for point in (MEDIUM, *EITHER):
            if die_when_it_changes(m, drive, MEDIUM, point):
                pairs.add((MEDIUM, point))
        assert any((p, MEDIUM) in pairs for p in usual)
        assert any((MEDIUM, p) in pairs for p in usual)
    report()


# ---- all of it --------------------------------------------------------------

def test_all_points_were_reached():
    need_crash_points()
    for first in NAMES:
        never = [NAMES[p] for p in NAMES if (first, p) not in pairs]
        print(f"# {first:2} {NAMES[first]:13} then all"
              f"{' but ' + ' '.join(never) if never else ''}", flush=True)
    report()
    assert alone == set(NAMES), set(NAMES) - alone
    assert {p for p, _ in pairs} == set(NAMES)
    assert {p for _, p in pairs} == set(NAMES)


run(globals())
