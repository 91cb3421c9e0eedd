# SPDX-License-Identifier: MIT
"""Peers that are out there, and what must come of them, written by hand: what
holds the model to the world.

(who, what it says to our end, the outcome): fields that the answer must have,
of queues all; !name: a node that we must not write."""
from cases import Case
from model import ALL, FREEBSD, MINI_OS, Limits

OURS = Limits(order=2, queues=2, indirect=32, persistent=True)
TOLD = OURS._replace(indirect=0, blocks=True)
LARGE = OURS._replace(sector=4096)


def said(text):
    """Nodes from "name=value name=value"."""
    return {name: value.encode() for name, _, value in
            (item.partition("=") for item in text.split())}


def front(text, own=OURS):
    """What another's front says to our back."""
    return Case("back", own, "x86_32-abi", said(text))


def back(text, own=OURS):
    """What another's back says to our front."""
    return Case("front", own, "x86_64-abi", said(text))


def disk(text, own=OURS):
    return Case("read", own, nodes=said(text))


def holds(outcome, answer):
    """Is this answer such an outcome?"""
    fields = answer.split("\t")
    wanted = outcome.split()
    queues = [w for w in wanted if w.startswith("queue=")]
    if queues and queues != [f for f in fields if f.startswith("queue=")]:
        return False
    names = {f.partition("=")[0] for f in fields}
    return fields[0] == wanted[0] and all(
        w[1:] not in names if w.startswith("!") else w in fields
        for w in wanted)


WINDOWS = "multi-queue-num-queues=1 ring-ref=8 event-channel=9 target-id=0 " \
    "protocol=x86_64-abi feature-large-sector-size=1 feature-surprise-remove=1"

FRONTS = (
    ("Linux of 2006: no protocol", front(
        "ring-ref=8 event-channel=9"),
     "agreed abi=x86_32-abi order=0 persistent=0 queue=9,8"),
    ("Mini-OS, OVMF, NetBSD", front(
        "ring-ref=8 event-channel=9 protocol=x86_64-abi"),
     "agreed abi=x86_64-abi order=0 persistent=0 queue=9,8"),
    ("GRUB of a 32-bit guest", front(
        "ring-ref=8 event-channel=9 protocol=x86_32-abi"),
     "agreed abi=x86_32-abi order=0 queue=9,8"),
    ("a front on ARM", front(
        "ring-ref=8 event-channel=9 protocol=arm-abi"),
     "agreed abi=arm-abi queue=9,8"),
    ("order 0 in so many words, for old Linux", front(
        "ring-page-order=0 ring-ref0=8 event-channel=9 protocol=x86_64-abi"),
     "agreed order=0 queue=9,8"),
    ("order 0 in so many words, for tapdisk", front(
        "ring-page-order=0 ring-ref=8 event-channel=9 protocol=x86_64-abi"),
     "agreed order=0 queue=9,8"),
    ("XenServer: by order", front(
        "ring-page-order=1 ring-ref0=8 ring-ref1=7 event-channel=9"),
     "agreed order=1 queue=9,8,7"),
    ("Red Hat, EC2: by pages", front(
        "num-ring-pages=2 ring-ref0=8 ring-ref1=7 event-channel=9"),
     "agreed order=1 queue=9,8,7"),
    ("FreeBSD", front(
        "ring-page-order=1 num-ring-pages=2 ring-ref0=8 ring-ref1=7 "
        "event-channel=9 protocol=x86_64-abi"),
     "agreed order=1 queue=9,8,7"),
    ("FreeBSD 9.0, of which segment blocks are not wanted", front(
        "ring-pages=2 ring-ref=8 ring-ref1=7 event-channel=9 "
        "max-requests=64 max-request-segments=11 max-request-size=45056"),
     "agreed order=1 indirect=32 blocks=0,0,0 queue=9,8,7"),
    ("FreeBSD 9.0", front(
        "ring-pages=2 ring-ref=8 ring-ref1=7 event-channel=9 "
        "max-requests=64 max-request-segments=32 max-request-size=131072",
        TOLD),
     "agreed order=1 indirect=0 blocks=32,64,131072 queue=9,8,7"),
    ("the same, its pages named as others name them", front(
        "ring-pages=2 ring-ref0=8 ring-ref1=7 event-channel=9 "
        "max-requests=64 max-request-segments=32 max-request-size=131072",
        TOLD),
     "agreed order=1 indirect=0 blocks=32,64,131072 queue=9,8,7"),
    ("segment blocks that were not offered", front(
        "ring-ref=8 event-channel=9 max-request-segments=32"),
     "refused key-limit max-request-segments"),
    ("two sizes", front(
        "ring-page-order=2 num-ring-pages=2 ring-ref0=8 ring-ref1=7 "
        "event-channel=9"),
     "refused key-conflict num-ring-pages"),
    ("three pages", front(
        "num-ring-pages=3 ring-ref0=8 ring-ref1=7 ring-ref2=6 "
        "event-channel=9"),
     "refused key-syntax num-ring-pages"),
    ("more pages than were offered", front(
        "ring-page-order=3 event-channel=9"),
     "refused key-limit ring-page-order"),
    ("Windows: one queue in so many words", front(WINDOWS),
     "agreed abi=x86_64-abi order=0 large=1 queue=9,8"),
    ("Windows, sectors of 4096 bytes", front(
        WINDOWS, LARGE._replace(units=ALL)),
     "agreed large=1"),
    ("Windows, sectors of 4096 bytes, taken for Linux", front(
        WINDOWS, LARGE),
     "refused key-conflict feature-large-sector-size"),
    ("OVMF, sectors of 4096 bytes, before Windows", front(
        "ring-ref=8 event-channel=9 protocol=x86_64-abi",
        LARGE._replace(units=ALL)),
     "refused key-missing feature-large-sector-size"),
    ("FreeBSD, sectors of 4096 bytes", front(
        "ring-ref=8 event-channel=9 protocol=x86_64-abi",
        LARGE._replace(units=FREEBSD)),
     "agreed large=0"),
    ("Linux: two queues of two pages", front(
        "ring-page-order=1 multi-queue-num-queues=2 feature-persistent=1 "
        "protocol=x86_64-abi queue-0/event-channel=9 queue-0/ring-ref0=8 "
        "queue-0/ring-ref1=7 queue-1/event-channel=19 queue-1/ring-ref0=18 "
        "queue-1/ring-ref1=17"),
     "agreed order=1 persistent=1 queue=9,8,7 queue=19,18,17"),
    ("Linux after a boot loader that left its nodes", front(
        "ring-ref=1 event-channel=2 multi-queue-num-queues=2 "
        "queue-0/event-channel=9 queue-0/ring-ref=8 "
        "queue-1/event-channel=19 queue-1/ring-ref=18"),
     "agreed order=0 queue=9,8 queue=19,18"),
    ("a queue without a port", front(
        "multi-queue-num-queues=2 queue-0/event-channel=9 "
        "queue-0/ring-ref=8 queue-1/ring-ref=18"),
     "refused key-missing queue-1/event-channel"),
    ("a layout that nobody has", front(
        "ring-ref=8 event-channel=9 protocol=ia64-abi"),
     "refused abi-unknown protocol"),
)

BACKS = (
    ("NetBSD, old QEMU: one page, one queue", back(""),
     "agreed order=0 queue=500,1000 indirect=0 event-channel=500 "
     "protocol=x86_64-abi ring-ref=1000 !ring-ref0 !ring-page-order "
     "!num-ring-pages !ring-pages !multi-queue-num-queues "
     "!max-request-segments"),
    ("Linux", back(
        "max-ring-page-order=4 multi-queue-max-queues=4 "
        "feature-max-indirect-segments=256"),
     "agreed order=2 indirect=32 queue=500,1000,1001,1002,1003 "
     "queue=501,1100,1101,1102,1103 ring-page-order=2 num-ring-pages=4 "
     "multi-queue-num-queues=2 queue-0/event-channel=500 "
     "queue-0/ring-ref0=1000 queue-1/ring-ref3=1103 !ring-ref !ring-ref0 "
     "!event-channel !queue-0/ring-ref"),
    ("Mirage", back("feature-max-indirect-segments=256"),
     "agreed order=0 indirect=32"),
    ("tapdisk", back("max-ring-page-order=3", OURS._replace(order=4)),
     "agreed order=3 ring-page-order=3 num-ring-pages=8 ring-pages=8 "
     "ring-ref7=1007 !ring-ref8 !ring-ref"),
    ("EC2, by pages, no power of two", back("max-ring-pages=3"),
     "agreed order=1 num-ring-pages=2 ring-ref1=1001 !ring-ref2"),
    ("a XenServer that offers the node and takes one page", back(
        "max-ring-page-order=0"),
     "agreed order=0 ring-ref=1000 !ring-page-order"),
    ("two sizes", back("max-ring-page-order=2 max-ring-pages=2"),
     "agreed order=1"),
    ("no more indirect segments than a plain request has", back(
        "feature-max-indirect-segments=11"),
     "agreed indirect=0"),
    ("FreeBSD 9.0, of which segment blocks are not wanted", back(
        "max-ring-pages=2 max-requests=64 max-request-segments=32 "
        "max-request-size=131072"),
     "agreed order=1 blocks=0,0,0 ring-ref=1000 ring-ref0=1000 "
     "ring-ref1=1001 !max-request-segments"),
    ("FreeBSD 9.0", back(
        "max-ring-pages=2 max-requests=64 max-request-segments=32 "
        "max-request-size=131072", TOLD),
     "agreed order=1 blocks=32,64,131072 max-request-segments=32 "
     "max-requests=64 max-request-size=131072 ring-ref=1000 ring-ref0=1000"),
    ("FreeBSD, patched in 2012", back(
        "max-ring-pages=2 max-ring-page-order=1 max-requests=64 "
        "max-request-segments=32 max-request-size=131072", TOLD),
     "agreed order=1 blocks=32,64,131072 ring-ref0=1000 !ring-ref"),
    ("segment blocks and indirect ones", back(
        "feature-max-indirect-segments=256 max-request-segments=32",
        OURS._replace(blocks=True)),
     "agreed indirect=32 blocks=0,0,0 !max-request-segments"),
    ("QEMU, which wants to hear how we count", back(
        "max-ring-page-order=1", OURS._replace(units=ALL)),
     "agreed large=1 feature-large-sector-size=1"),
    ("FreeBSD, which does not", back(
        "max-ring-page-order=1", OURS._replace(units=FREEBSD)),
     "agreed large=0 !feature-large-sector-size"),
    ("no queue at all", back("multi-queue-max-queues=0"),
     "refused key-limit multi-queue-max-queues"),
)

DISKS = (
    ("Linux of 2006", disk("sectors=2048 sector-size=512 info=0"),
     "agreed sectors=2048 logical=512 physical=512 info=0 flush=0 barrier=0 "
     "persistent=0 discard=0 indirect=0"),
    ("Linux, a disk of 4096-byte sectors", disk(
        "sectors=2048 sector-size=4096 physical-sector-size=4096 info=4 "
        "feature-flush-cache=1 feature-barrier=1 feature-persistent=1 "
        "feature-discard=1 discard-granularity=65536 discard-alignment=4096 "
        "discard-secure=1 feature-max-indirect-segments=256"),
     "agreed sectors=2048 logical=4096 physical=4096 info=4 flush=1 "
     "barrier=1 persistent=1 discard=1 secure=1 granularity=65536 "
     "alignment=4096 indirect=256"),
    ("a partition that ends inside a physical sector", disk(
        "sectors=1001 sector-size=512 physical-sector-size=4096"),
     "agreed sectors=1001 logical=512 physical=4096"),
    ("QEMU, a CD", disk(
        "sectors=8 sector-size=2048 info=7 feature-flush-cache=1 "
        "feature-discard=0 discard-granularity=x"),
     "agreed sectors=8 logical=2048 physical=2048 info=7 flush=1 discard=0"),
    ("a header of 2012: the node misspelled", disk(
        "sectors=8 sector-size=512 feature-discard=1 discard-aligment=1024"),
     "agreed discard=1 granularity=512 alignment=1024"),
    ("sectors that no page can hold", disk("sectors=128 sector-size=8192"),
     "refused sector-size sector-size"),
    ("a size in sectors of 4096", disk("sectors=1001 sector-size=4096"),
     "refused key-conflict sectors"),
    ("QEMU and FreeBSD, a disk of 4096-byte sectors", disk(
        "sectors=1001 sector-size=4096", OURS._replace(units=FREEBSD)),
     "agreed sectors=8008 logical=4096"),
    ("Mini-OS' way, sectors of 512 bytes", disk(
        "sectors=1001 sector-size=512", OURS._replace(units=MINI_OS)),
     "agreed sectors=1001 logical=512"),
)

FIELD = FRONTS + BACKS + DISKS
