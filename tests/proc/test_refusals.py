#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is refused, is refused by name: `pvb stat` counts it, the log says it
once, the device's node `error` says it in words.  A front that lies, on the
whole backend."""
import contextlib
import os
import subprocess

from rig import BUILD, Machine, pvb, run, until

LIAR = os.path.join(BUILD, "tests", "proc", "lying_front")
MIB = 1 << 20
FIRST = 51712                           # xvda; the next one is 16 on
READ, WRITE, FLUSH, DISCARD = 0, 1, 3, 5
OKAY, ERROR, NOT_SUPPORTED = 0, -1, -2


class Liar:
    """The front of one device of domain 1."""

    def __init__(self, m, number=FIRST):
        self.m, self.number = m, number
        self.back = f"/local/domain/0/backend/pvb/1/{number}"
        self.process = subprocess.Popen(
            [LIAR, m.dir, "1", str(number)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.ring, self.port, self.page, self.list = map(
            int, self.process.stdout.readline().split()[1:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def say(self, **nodes):
        """None: not."""
        for name, value in nodes.items():
            name = name.replace("_", "-")
            if value is not None:
                assert self.order(f"say {name} {value}") == "done"

    def await_back(self, state):
        until(lambda: self.m.node(f"{self.back}/state") == str(state),
              f"state {state} of the backend")

    def offer(self, **nodes):
        """Terms that are good, but for these; None: without it."""
        self.await_back(2)
        self.say(**{"ring_ref": self.ring, "event_channel": self.port,
                    "protocol": "x86_64-abi", **nodes})
        self.say(state=3)

    def connect(self):
        assert self.order("fresh") == "done"
        self.offer()
        self.await_back(4)
        self.say(state=4)

    def begin_anew(self):
        self.say(state=6)
        self.await_back(6)
        self.say(state=1)

    def ask(self, request):
        return int(self.order(f"ask {request}"))

    # ---- what is told of it ----

    @property
    def counted(self):
        for d in self.m.stat():
            if d["number"] == self.number:
                return d["refused"]

    @property
    def logged(self):
        """Of this device, by the daemon."""
        return [line for line in self.m.serve.output().splitlines()
                if f"device {self.number}: " in line]

    @property
    def error(self):
        return self.m.node(
            self.back.replace("backend", "error/backend", 1) + "/error")


class Liars(contextlib.ExitStack):
    """Fronts of one device after the other.  None goes before the last: their
    domain is there as long as one of them."""

    def __init__(self, m):
        super().__init__()
        self.m, self.number = m, FIRST

    def add(self, *disk, options=()):
        pvb("attach", "--host", self.m.host, *options, 1, self.number, *disk)
        self.number += 16
        return self.enter_context(Liar(self.m, self.number - 16))


def told_once(liar, why, words, times=1):
    """All three, and nothing else.  How often is for the counter alone."""
    until(lambda: liar.error, "the node error")
    until(lambda: liar.counted == {why: times}, f"a count of {why}")
    assert words in liar.error and why in liar.error, liar.error
    assert len(liar.logged) == 1, liar.logged
    assert words in liar.logged[0] and f"({why})" in liar.logged[0], \
        liar.logged


# ---- connections ------------------------------------------------------------

TERMS = {
    "key-missing": ({"event_channel": None}, 'event-channel"'),
    "key-syntax": ({"ring_ref": "seven"}, 'ring-ref"'),
    "key-limit": ({"multi_queue_num_queues": 99}, 'multi-queue-num-queues"'),
    "key-conflict": ({"ring_page_order": 1, "num_ring_pages": 4},
                     "contradict each other"),
    "abi-unknown": ({"protocol": "z80-abi"}, 'protocol"'),
    "attach": ({"ring_ref": 4000000000}, "ring"),
}


def test_terms_that_are_refused():
    with Machine() as m, Liars(m) as liars:
        for why, (nodes, words) in TERMS.items():
            liar = liars.add("mem:1M")
            liar.offer(**nodes)
            liar.await_back(5)
            told_once(liar, why, words)


def test_a_disk_that_cannot_be_had():
    with Machine() as m, Liars(m) as liars:
        image = m.image(size=MIB)
        liars.add(image).connect()
        liar = liars.add(image)
        liar.offer()
        liar.await_back(5)
        told_once(liar, "disk", "open for writing")


def test_who_connects_has_nothing_to_answer_for():
    with Machine() as m, Liars(m) as liars:
        liar = liars.add("mem:1M")
        liar.offer(protocol="z80-abi")
        liar.await_back(5)
        told_once(liar, "abi-unknown", "protocol")
        liar.begin_anew()
        liar.connect()
        assert liar.ask("") == OKAY
        until(lambda: liar.error is None, "the end of the node error")
        # What was, was.
        assert liar.counted == {"abi-unknown": 1}, liar.counted


# ---- rings ------------------------------------------------------------------

def test_a_ring_index_that_cannot_be():
    with Machine() as m, Liars(m) as liars:
        liar = liars.add("mem:1M")
        liar.connect()
        assert liar.ask("") == OKAY
        assert liar.order("show 77777") == "done"
        told_once(liar, "ring-index", "impossible")
        liar.await_back(6)


def test_a_ring_that_begins_so():
    with Machine() as m, Liars(m) as liars:
        liar = liars.add("mem:1M")
        assert liar.order("show 77777") == "done"
        liar.offer()
        liar.await_back(5)
        told_once(liar, "ring-index", "impossible")


# ---- requests ---------------------------------------------------------------

REQUESTS = {
    "op-unknown": ([], "op=77", NOT_SUPPORTED, "means nothing"),
    "op-not-offered": (["--no-flush"], f"op={FLUSH} segs=0", NOT_SUPPORTED,
                       "never offered"),
    "discard-flag": ([], f"op={DISCARD} segs=0 sectors=8 secure=1",
                     NOT_SUPPORTED, "secure discard"),
    "seg-count": ([], "segs=0", ERROR, "number of segments"),
    "seg-order": ([], "first=3 last=2", ERROR, "after last"),
    "seg-page": ([], "last=8", ERROR, "beyond its page"),
    "sector-align": (["--sector-size", 4096], "last=3", ERROR,
                     "not a multiple"),
    "range": ([], "sector=2048", ERROR, "outside the disk"),
    "read-only": (["--readonly"], f"op={WRITE}", ERROR, "read-only disk"),
    "no-medium": (["--cdrom"], "", ERROR, "no medium"),
    "indirect-op": ([], f"op={FLUSH} list=1", ERROR,
                    "neither read nor write"),
    "indirect-count": ([], "segs=0 list=1", ERROR, "no indirect segments"),
    "grant": ([], "gref=4000000000", ERROR, "not granted"),
}


def test_requests_that_are_refused():
    """Each twice, on a connection that goes on."""
    with Machine() as m, Liars(m) as liars:
        for why, (options, request, status, words) in REQUESTS.items():
            disk = [m.image(f"{why}.img", MIB)] if why != "no-medium" else []
            liar = liars.add(*disk, options=options)
            liar.connect()
            request = request.replace("list=1", f"list={liar.list}")
            for _ in range(2):
                assert liar.ask(request) == status, why
            told_once(liar, why, words, times=2)
            if disk:
                assert liar.ask("") == OKAY, why
            assert m.node(f"{liar.back}/state") == "4"


def test_of_several_reasons_the_first_stands_in_the_node():
    with Machine() as m, Liars(m) as liars:
        liar = liars.add(m.image(size=MIB))
        liar.connect()
        for request in ("sector=2048", "op=77", "sector=4096"):
            assert liar.ask(request) < 0
        until(lambda: liar.counted == {"range": 2, "op-unknown": 1}, "counts")
        shown = pvb("stat", "--host", m.host).stdout
        assert [line.split()[1:] for line in shown.splitlines()
                if line.split()[0] == "refused"] == \
            [["op-unknown", "1"], ["range", "2"]], shown
        until(lambda: len(liar.logged) == 2, "two lines")
        assert "(range)" in liar.logged[0] and \
            "(op-unknown)" in liar.logged[1], liar.logged
        assert "outside the disk" in liar.error, liar.error
        # Nor is it what the next one did.
        liar.begin_anew()
        liar.connect()
        until(lambda: liar.error is None, "the end of the node error")
        assert liar.ask("op=77") == NOT_SUPPORTED
        until(lambda: liar.error, "the node error")
        assert "means nothing" in liar.error, liar.error


run(globals())
