# SPDX-License-Identifier: MIT
"""The cases: what an end is willing to do, and what it finds of its peer's.

Small spaces are gone through whole, large ones by a fixed random choice that
keeps to what is legal often enough to get past the first fault."""
import itertools
import random
from typing import NamedTuple

from model import (ABIS, RING_ORDER_MAX, UNITS, Disk, Limits, back_publishes,
                   put)

SEED = 4


class Case(NamedTuple):
    """`kind` is the name of a command of negotiate.c."""
    kind: str
    own: object = None          # Limits, or the Disk to publish
    abi: str = ABIS[0]          # front: its layout; back: the other's, if
                                # that does not say
    nodes: dict = {}


# ---- values ----------------------------------------------------------------

ABSENT = None
# What somebody may write for a number: only the first four are one.
SPELLINGS = (
    b"0", b"1", b"1\0", b"16", b"", b"\0", b"1\0\0", b"1\0" b"1", b" 1", b"1 ",
    b"1\n", b"\t1", b"+1", b"-1", b"-0", b"00", b"01", b"0x1", b"0x", b"0x10",
    b"1.0", b"1e1", b"1,0", b"one", b"true", b"\xff", b"\xd9\xa1", b"1;",
    b"4294967295", b"4294967296", b"-4294967296", b"9223372036854775808",
    b"18446744073709551615", b"18446744073709551616",
    b"99999999999999999999", b"100000000000000000000", b"1" * 255, b"1" * 256,
    b"0" * 255 + b"\0", b"1" + b" " * 254, b"1" * 4096)


def values(*listed):
    """Numbers, text and absence."""
    return [v if v is ABSENT or isinstance(v, bytes) else put(v)
            for v in listed]


def nodes_of(**given):
    """ring_ref0=... for ring-ref0; absent ones left out."""
    return {name.replace("_", "-"): value for name, value in given.items()
            if value is not ABSENT}


ORDERS = values(ABSENT, 0, 1, 2, 3, 4, 5, 31, 32, 1 << 32, b"x", b"2\0")
PAGES = values(ABSENT, 0, 1, 2, 3, 4, 7, 8, 12, 15, 16, 17, 31, 32, 33,
               1 << 31, 1 << 32, (1 << 32) + 1, (1 << 64) - 1, b"-4")
INDIRECT = values(ABSENT, 0, 1, 5, 11, 12, 13, 32, 255, 256, 257, 512, 4096,
                  65536 + 12, 1 << 32, b"many")
QUEUES = values(ABSENT, 0, 1, 2, 3, 4, 5, 16, 17, 65536 + 1, (1 << 32) + 1,
                b"two")
SEGMENTS = values(ABSENT, 0, 1, 11, 12, 13, 25, 255, 256, 1 << 16, 1 << 32,
                  b"x")
REQUESTS = values(ABSENT, 0, 1, 31, 32, 33, 128, 129, 512, 1 << 32, b"x")
BYTES = values(ABSENT, 0, 1, 4095, 4096, 4097, 12 * 4096, 255 * 4096,
               255 * 4096 + 1, (1 << 32) - 1, 1 << 32, b"x")
ABI_VALUES = values(
    ABSENT, b"x86_32-abi", b"x86_64-abi", b"arm-abi", b"native", b"X86_64-ABI",
    b"x86_64-abi\0", b"x86_64-abi\0\0", b"x86_64", b"x86_64-abi ",
    b" x86_64-abi", b"x86_64-abi\n", b"x86_64-ab", b"x86_64\0-abi", b"", b"\0",
    b"1", b"ia64-abi", b"powerpc64-abi", b"x" * 300, b"\xff\xfe")
TRUTHS = values(ABSENT, 0, 1, 2, 1 << 63, b"yes")


# ---- a front reads limits --------------------------------------------------

def offers_ring():
    for own, order, pages in itertools.product(
            range(RING_ORDER_MAX + 1), ORDERS, PAGES):
        yield Case("front", Limits(order=own), nodes=nodes_of(
            max_ring_page_order=order, max_ring_pages=pages))


def offers_queues():
    for own, queues in itertools.product(range(1, 17), QUEUES):
        yield Case("front", Limits(queues=own), nodes=nodes_of(
            multi_queue_max_queues=queues))


def offers_indirect():
    for own, indirect in itertools.product(
            (0, 1, 10, 11, 12, 32, 255, 256), INDIRECT):
        yield Case("front", Limits(indirect=own), nodes=nodes_of(
            feature_max_indirect_segments=indirect))


def blocks_nodes(segments, requests, size):
    return nodes_of(max_request_segments=segments, max_requests=requests,
                    max_request_size=size)


def offers_blocks():
    for own, indirect, order, segments, requests, size in itertools.product(
            (Limits(1, indirect=32, blocks=True), Limits(2, blocks=True),
             Limits(2)), values(ABSENT, 256), values(ABSENT, 3),
            SEGMENTS, REQUESTS, BYTES):
        yield Case("front", own, nodes={
            **nodes_of(feature_max_indirect_segments=indirect,
                       max_ring_page_order=order),
            **blocks_nodes(segments, requests, size)})


OFFER = {"max-ring-page-order": ORDERS, "max-ring-pages": PAGES,
         "multi-queue-max-queues": QUEUES,
         "feature-max-indirect-segments": INDIRECT,
         "max-request-segments": SEGMENTS, "max-requests": REQUESTS,
         "max-request-size": BYTES}


def some_limits(rnd):
    return Limits(order=rnd.randrange(RING_ORDER_MAX + 1),
                  queues=rnd.choice((1, 1, 2, 3, 4, 16)),
                  indirect=rnd.choice((0, 11, 12, 32, 256)),
                  persistent=rnd.random() < 0.5, blocks=rnd.random() < 0.5,
                  units=rnd.choice((0, 0, *UNITS)),
                  sector=rnd.choice((512, 512, 4096)))


def offers_together():
    rnd = random.Random(SEED)
    for _ in range(4000):
        nodes = {name: rnd.choice(among) for name, among in OFFER.items()
                 if rnd.random() < 0.6}
        yield Case("front", some_limits(rnd), rnd.choice(ABIS), nodes={
            name: value for name, value in nodes.items()
            if value is not ABSENT})


# ---- a back reads terms ----------------------------------------------------

WHOLE = Limits(order=RING_ORDER_MAX, queues=4, indirect=32, persistent=True,
               blocks=True)


def ring_keys(shape, folder=""):
    """"ref", "0-3" for ring-ref0 to ring-ref3, several joined by a space."""
    nodes = {}
    for part in shape.split():
        if part == "ref":
            nodes[folder + "ring-ref"] = b"77"
            continue
        first, last = map(int, part.split("-"))
        for i in range(first, last + 1):
            nodes[f"{folder}ring-ref{i}"] = put(200 + i)
    return nodes


SHAPES = ("", "ref", "0-0", "ref 0-0", "0-1", "ref 0-3", "0-2", "0-1 3-3",
          "1-3", "ref 1-3", "ref 1-15", "0-7", "0-14", "0-15", "ref 0-20")


def terms_ring():
    for own, order, pages, old, shape in itertools.product(
            (0, 2, 4), ORDERS[:8] + ORDERS[-2:],
            values(ABSENT, 0, 1, 2, 3, 4, 16, 32, 33, 1 << 32),
            values(ABSENT, 1, 2, 3, 4, b"4\0"), SHAPES):
        yield Case("back", Limits(order=own), nodes={
            **nodes_of(event_channel=b"9", ring_page_order=order,
                       num_ring_pages=pages, ring_pages=old),
            **ring_keys(shape)})


def terms_pages():
    """Every number of pages under each of the names, alone."""
    for own, name, pages in itertools.product(
            range(RING_ORDER_MAX + 1), ("num-ring-pages", "ring-pages"),
            range(40)):
        yield Case("back", Limits(order=own), nodes={
            "event-channel": b"9", name: put(pages), **ring_keys("0-15")})


def queue_folder(n, shape, port=True):
    nodes = ring_keys(shape, f"queue-{n}/")
    if port:
        nodes[f"queue-{n}/event-channel"] = put(10 + n)
    return nodes


def folders(count, shape, last_shape=None, last_port=True):
    nodes = {}
    for n in range(count):
        last = n == count - 1
        nodes |= queue_folder(
            n, shape if not last or last_shape is None else last_shape,
            last_port or not last)
    return nodes


TOP = {"event-channel": b"9", **ring_keys("ref 0-3")}


def terms_queues():
    layouts = [{}, TOP]
    for count, shape in itertools.product((1, 2, 3, 4, 16, 17),
                                          ("ref", "0-0", "0-1", "ref 0-1")):
        whole = folders(count, shape)
        layouts += [whole, {**TOP, **whole}, folders(count, shape, ""),
                    folders(count, shape, last_port=False)]
    for own, said, order, layout in itertools.product(
            (1, 2, 3, 4, 16), QUEUES, values(ABSENT, 0, 1, 2), layouts):
        yield Case("back", Limits(order=2, queues=own), nodes={
            **nodes_of(multi_queue_num_queues=said, ring_page_order=order),
            **layout})


def terms_features():
    for absent, abi, persistent, large, own in itertools.product(
            ABIS, ABI_VALUES, TRUTHS, TRUTHS, (False, True)):
        yield Case("back", Limits(persistent=own), absent, nodes={
            **nodes_of(protocol=abi, feature_persistent=persistent,
                       feature_large_sector_size=large),
            **TOP})


def terms_units():
    for units, sector, large in itertools.product(
            UNITS, (512, 1024, 4096), TRUTHS):
        yield Case("back", Limits(units=units, sector=sector), nodes={
            **nodes_of(feature_large_sector_size=large), **TOP})


def terms_blocks():
    for blocks, own, order, segments, requests, size in itertools.product(
            (False, True), (1, 2), values(ABSENT, 1), SEGMENTS, REQUESTS,
            BYTES):
        yield Case("back", Limits(own, indirect=256, blocks=blocks), nodes={
            **TOP, **nodes_of(ring_page_order=order),
            **blocks_nodes(segments, requests, size)})


def random_terms(rnd):
    order = rnd.choice((0, 0, 1, 2, 4))
    queues = rnd.choice((1, 1, 2, 3, 4))
    nodes = nodes_of(
        protocol=rnd.choice(ABI_VALUES[:4]),
        feature_persistent=rnd.choice(TRUTHS[:3]),
        feature_large_sector_size=rnd.choice((ABSENT, ABSENT, b"1")),
        ring_page_order=rnd.choice((put(order), ABSENT)),
        num_ring_pages=rnd.choice((put(1 << order), ABSENT)),
        ring_pages=rnd.choice((put(1 << order), ABSENT, ABSENT)))
    if rnd.random() < 0.4:
        nodes |= blocks_nodes(*map(rnd.choice, (
            SEGMENTS[4:8], REQUESTS[3:9], BYTES[4:8])))
    if queues > 1 or rnd.random() < 0.3:
        nodes["multi-queue-num-queues"] = put(queues)
    shape = f"0-{(1 << order) - 1}" if order or rnd.random() < 0.2 else "ref"
    nodes |= folders(queues, shape) if queues > 1 else \
        {"event-channel": b"9", **ring_keys(shape)}
    if rnd.random() < 0.2:
        nodes |= TOP
    return nodes


ODD = values(0, 1, 2, 3, 4, 5, 16, 17, 31, 1 << 32, (1 << 64) - 1, b"", b"-1",
             b"0x2", b" 2", b"2\0", b"native")


def spoil(rnd, nodes):
    """None to three nodes made odd, or taken away."""
    for name in rnd.sample(sorted(nodes), min(rnd.choice((0, 1, 1, 2, 3)),
                                              len(nodes))):
        if rnd.random() < 0.4:
            del nodes[name]
        else:
            nodes[name] = rnd.choice(ODD)
    return nodes


def terms_together():
    rnd = random.Random(SEED)
    for _ in range(6000):
        yield Case("back", some_limits(rnd)._replace(
            queues=rnd.choice((1, 2, 4, 16))), rnd.choice(ABIS),
            spoil(rnd, random_terms(rnd)))


# ---- a front reads a disk --------------------------------------------------

SECTORS = values(ABSENT, 0, 1, 2, 7, 8, 16, 2048, 2049, 1 << 32,
                 (1 << 54) - 8, (1 << 54) - 1, 1 << 54, (1 << 64) - 1, b"x")
SIZES = values(ABSENT, 0, 1, 256, 511, 512, 513, 1024, 1536, 2048, 4096, 8192,
               65536, 1 << 31, 1 << 32, (1 << 32) + 512, b"512\0", b"-512")


def disks_sizes():
    for sectors, logical, physical in itertools.product(SECTORS, SIZES, SIZES):
        yield Case("read", nodes=nodes_of(
            sectors=sectors, sector_size=logical,
            physical_sector_size=physical))


def disks_units():
    for units, sectors, logical in itertools.product(UNITS, SECTORS, SIZES):
        yield Case("read", Limits(units=units), nodes=nodes_of(
            sectors=sectors, sector_size=logical))


def disks_features():
    for info, flush, barrier, persistent in itertools.product(
            values(ABSENT, 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 1 << 31,
                   1 << 32, b"r"), TRUTHS, TRUTHS, TRUTHS):
        yield Case("read", nodes=nodes_of(
            sectors=b"2048", info=info, feature_flush_cache=flush,
            feature_barrier=barrier, feature_persistent=persistent))
    for indirect in INDIRECT:
        yield Case("read", nodes=nodes_of(
            sectors=b"2048", feature_max_indirect_segments=indirect))


def disks_discard():
    for size, discard, grain, right, wrong, secure in itertools.product(
            values(ABSENT, 4096), TRUTHS,
            values(ABSENT, 0, 1, 512, 4096, 3000, 1 << 32, b"x"),
            values(ABSENT, 0, 512, 1 << 32, b"x"),
            values(ABSENT, 0, 1024, 1 << 32, b""), TRUTHS):
        yield Case("read", nodes=nodes_of(
            sectors=b"2048", sector_size=size, feature_discard=discard,
            discard_granularity=grain, discard_alignment=right,
            discard_aligment=wrong, discard_secure=secure))


def random_disk(rnd):
    logical = rnd.choice((512, 512, 1024, 2048, 4096))
    physical = logical * rnd.choice((1, 1, 2, 3, 8))
    discard = rnd.random() < 0.5
    return Disk(
        sectors=physical // 512 * rnd.choice((0, 1, 3, 1000, 1 << 30)),
        sector_size=logical, physical_size=physical, info=rnd.randrange(8),
        flush=rnd.random() < 0.5, barrier=rnd.random() < 0.5,
        persistent=rnd.random() < 0.5, discard=discard,
        secure=discard and rnd.random() < 0.5,
        granularity=rnd.choice((512, 4096, 65536, 3000)) if discard else 0,
        alignment=rnd.choice((0, 0, 512, 4096)) if discard else 0,
        units=rnd.choice(UNITS))


def disks_together():
    rnd = random.Random(SEED)
    for _ in range(4000):
        disk = random_disk(rnd)
        yield Case("read", Limits(units=disk.units),
                   nodes=spoil(rnd, back_publishes(disk)))


# ---- every spelling of every number ----------------------------------------

BASES = (
    ("front", {**{name: b"1" for name in OFFER},
               "max-request-segments": b"16", "max-request-size": b"65536"}),
    ("front", {"max-request-segments": b"16"}),
    ("back", {"protocol": ABIS[1].encode(), "ring-page-order": b"1",
              "num-ring-pages": b"2", "ring-pages": b"2",
              "multi-queue-num-queues": b"1", "feature-persistent": b"1",
              "event-channel": b"9", "ring-ref0": b"1", "ring-ref1": b"2"}),
    ("back", {"ring-ref": b"8", "event-channel": b"9"}),
    ("back", {"ring-ref": b"8", "event-channel": b"9",
              "max-request-segments": b"16", "max-requests": b"16",
              "max-request-size": b"65536"}),
    ("back", {"ring-page-order": b"0", "ring-ref0": b"8",
              "event-channel": b"9"}),
    ("back", {"multi-queue-num-queues": b"2", **folders(2, "ref")}),
    ("back", {"multi-queue-num-queues": b"2", "num-ring-pages": b"2",
              **folders(2, "0-1")}),
    ("read", {"feature-max-indirect-segments": b"1",
              **back_publishes(Disk(4096, discard=True, granularity=512))}),
    ("read", {"sectors": b"4096", "feature-discard": b"1",
              "discard-aligment": b"0"}),
)


def spellings():
    for (kind, base), own in itertools.product(
            BASES, (WHOLE, WHOLE._replace(order=1, queues=2, indirect=256))):
        for name, text in itertools.product(base, SPELLINGS):
            yield Case(kind, own if kind != "read" else None,
                       nodes={**base, name: text})


def floods():
    """As much text as a peer can write, in all nodes but those that say how
    many there are."""
    for count, text, size in itertools.product(
            (2, 4, 16), (b"1", b"x"), (1, 10, 64, 200, 255, 256, 4096)):
        yield Case("back", Limits(order=4, queues=16), nodes={
            **dict.fromkeys(folders(count, "0-15"), text * size),
            "ring-page-order": b"4", "multi-queue-num-queues": put(count)})


# ---- what an end says itself -----------------------------------------------

def all_limits():
    """For every pair of them: few enough to square."""
    return itertools.starmap(Limits, itertools.product(
        (0, 4), (1, 3), (0, 11, 12, 256), (False, True), (False, True)))


def all_rings():
    return itertools.starmap(Limits, itertools.product(
        range(RING_ORDER_MAX + 1), (1, 2, 3, 15, 16)))


def own_limits():
    for order, queues, indirect, blocks in itertools.product(
            range(RING_ORDER_MAX + 1), (1, 2, 15, 16),
            (0, 1, 11, 12, 32, 256), (False, True)):
        yield Case("offer", Limits(order, queues, indirect, blocks=blocks))


def own_disks():
    rnd = random.Random(SEED)
    for _ in range(2000):
        yield Case("publish", random_disk(rnd))
