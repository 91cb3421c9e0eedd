# SPDX-License-Identifier: MIT
"""What two ends of a blkif connection must agree on, or refuse, and why.

Written from a description of the protocol and of what implementations in the
field do, not from pvb's sources; it shares nothing with them but the names of
the reasons.  An end's nodes are a dict of name to bytes.  A reader returns
what it has read, or the set of everything that is wrong with the nodes: pairs
of a reason and the node's name.  Which of several faults is reported is
nobody's business; that it is one of them, is.

The protocol leaves choices.  These are ours:

STRICT    A number is decimal digits without sign, space or leading zero, and
          fits 64 bits; one NUL behind it is tolerated, since some clients of
          the store write it.  Whoever sends more is broken, and guessing at
          broken numbers ends in the wrong one.
SPOKEN    A node that is there counts.  One that cannot be read is refused, and
          not taken as absent: its writer means something by it.
TRUTH     Any number but 0 is true, as Linux has it.
CLAMP     What a back offers beyond our own limits is no fault, up to the 32
          bits of its type: an upper bound binds nobody to reach it.
SMALLER   A front whose back offers different ring sizes by its two nodes takes
          the smaller: both nodes bear it.  An absent node contradicts nothing.
          A count of pages that is no power of two is rounded down: no ring
          has such a size.
ONE_SIZE  A back refuses a front whose nodes give different ring sizes, or one
          that is no power of two: the front has made its choice, and a wrong
          guess maps wrong pages.
REF_FIRST For one page `ring-ref` is meant, then `ring-ref0`: old Linux backs
          wanted the second whenever an order was given, also order 0.  The
          first of several is in `ring-ref0`, then `ring-ref`: FreeBSD up to 9.0
          wrote the second, and its back reads no other.  A front that finds
          what only such a back offers (a count of pages, no order, and its
          segment blocks) writes both.
LEFTOVER  Nodes that the agreed numbers do not call for are not looked at: the
          driver before this one (a boot loader) may have left them.
SAID      Features and limits are said also where they are 0: that overwrites
          what a predecessor left, and shows a person what was not forgotten.
          A front leaves out one page (back ends differ in where they then
          look for its reference) and one queue; a back what describes a
          discard that it has not.
EXACT     The three names of `protocol`, byte for byte; `native` and names in
          upper case are none, since a guess would misread every request.  What
          is too long or has a NUL inside is no name at all.
INDIRECT  Up to 11 segments an indirect request does what a plain one does, so
          it is not used, as Linux has it.
BLOCKS    Segment blocks only if an end is told to, and never beside indirect
          requests: a front takes those first, which everybody has; a front
          that asks for more than 11 segments has chosen blocks.  Up to 11 the
          three nodes say nothing that a plain request does not, and the other
          two are not looked at.
HARMLESS  Of an end that says how many segments but not how many requests or
          bytes, a front takes the least that was ever the default, since it
          must not send more; a back the most that ring and segments hold,
          since it must be ready for it.  A front keeps to whole pages.
NO_DISCARD Without `feature-discard` the other discard nodes are not looked at.
SPELLING  `discard-alignment` counts before `discard-aligment`.
EMPTY     A disk of no sectors is an empty drive, and not refused.
ZERO_GRAIN A granularity of 0 is read as absent, as Linux has it.
TAIL      A disk may end inside a physical sector, not inside a logical one: a
          partition does, and the physical size is but advice.
BITS      Bits of `info` that mean nothing to us are ignored.
UNITS     In what a peer counts sectors that are not 512 bytes cannot be seen,
          so an end is told.  Not told, it counts as Xen's header has it.  A
          front that counts everything in such sectors must say so to QEMU, and
          Windows does: a back whose front says otherwise than the back was
          told refuses it, rather than mix up its disk.  With sectors of 512
          bytes there is nothing to mix up.
"""
import re
from typing import NamedTuple

U16, U32, U64 = (1 << 16) - 1, (1 << 32) - 1, (1 << 64) - 1

ABIS = ("x86_32-abi", "x86_64-abi", "arm-abi")
RING_ORDER_MAX = 4
QUEUES_MAX = 16
SEGMENTS_DIRECT = 11
SEGMENTS_INDIRECT_MAX = 256
SEGMENTS_BLOCKS_MAX = 255                   # a byte counts them
SLOTS_PAGE = 32                             # of the ring's first page
VALUE_BYTES_MAX = 255
SECTOR, PAGE = 512, 4096
CDROM, REMOVABLE, READ_ONLY = 1, 2, 4       # bits of `info`
# UNITS, by number: what Linux, QEMU, FreeBSD and Mini-OS do.
UNITS = SPEC, ALL, FREEBSD, MINI_OS = range(4)

MISSING, SYNTAX, LIMIT, CONFLICT = (
    "key-missing", "key-syntax", "key-limit", "key-conflict")
ABI_UNKNOWN, SECTOR_SIZE = "abi-unknown", "sector-size"

# STRICT: no more than 64 bits have.
DIGITS = re.compile(rb"(?:0|[1-9][0-9]{0,19})\Z")
REQUIRED = object()


class Limits(NamedTuple):
    """What an end is willing to do."""
    order: int = 0
    queues: int = 1
    indirect: int = 0
    persistent: bool = False
    blocks: bool = False
    units: int = SPEC           # of the other end
    sector: int = SECTOR        # a back's


class Blocks(NamedTuple):
    """With segment blocks: what no request, and no front, goes beyond."""
    segments: int
    requests: int
    size: int                   # bytes of data


class Offer(NamedTuple):
    """What a back is willing to do, as far as we can follow it."""
    order: int
    queues: int
    indirect: int
    blocks: Blocks = None
    plain_first: bool = False   # REF_FIRST


class Terms(NamedTuple):
    """What a front has chosen.  Each queue is its references and its port."""
    abi: str
    order: int
    persistent: bool
    queues: tuple
    indirect: int = 0           # how many may be used; a front does not say
    blocks: Blocks = None
    large: bool = False         # it counts all in sectors of the disk's size
    plain_first: bool = False   # REF_FIRST: what a front writes


class Disk(NamedTuple):
    """What a back promises when it connects."""
    sectors: int
    sector_size: int = SECTOR
    physical_size: int = SECTOR
    info: int = 0
    flush: bool = False
    barrier: bool = False
    persistent: bool = False
    discard: bool = False
    secure: bool = False
    granularity: int = 0
    alignment: int = 0
    indirect: int = 0           # read again here, but said in the offer
    units: int = SPEC           # of the other end


class Reader:
    """Typed reads of an end's nodes.  A read that finds a fault notes it and
    returns None."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.faults = set()

    def fault(self, why, name):
        self.faults.add((why, name))

    def has(self, name):
        return name in self.nodes

    def bytes(self, name):
        """Without the one NUL; None if too long for any node."""
        value = self.nodes[name]
        if value.endswith(b"\0"):
            value = value[:-1]
        return value if len(value) <= VALUE_BYTES_MAX else None

    def number(self, name, absent=REQUIRED, least=0, most=U32):
        if not self.has(name):
            if absent is not REQUIRED:
                return absent
            return self.fault(MISSING, name)
        text = self.bytes(name)
        if text is None or not DIGITS.match(text) or int(text) > U64:
            return self.fault(SYNTAX, name)
        if not least <= int(text) <= most:
            return self.fault(LIMIT, name)
        return int(text)

    def truth(self, name):
        """TRUTH; absent is false."""
        value = self.number(name, absent=0, most=U64)
        return None if value is None else value != 0

    def outcome(self, agreed):
        """A function that makes the agreement is called only if there is
        one."""
        return frozenset(self.faults) or agreed()


def refused(outcome):
    return isinstance(outcome, frozenset)


def power_of_two(n):
    return n > 0 and n & (n - 1) == 0


def put(number):
    return str(int(number)).encode()


def slots(order):
    """A page has no room for 64; two have for 64 and more."""
    return SLOTS_PAGE << order


# ---- ring size, queues, large requests: the back's limits ---------------

def back_offers(limits):
    """At InitWait.  Both names of the ring's size, so that each of the two
    families of fronts finds its own."""
    nodes = {
        "max-ring-page-order": put(limits.order),
        "max-ring-pages": put(1 << limits.order),
        "multi-queue-max-queues": put(limits.queues),
        "feature-max-indirect-segments": put(limits.indirect),
    }
    return nodes | (blocks_nodes(most_blocks(limits)) if limits.blocks else
                    {"max-request-segments": put(SEGMENTS_DIRECT)})


def most_blocks(limits):
    return Blocks(SEGMENTS_BLOCKS_MAX, slots(limits.order),
                  SEGMENTS_BLOCKS_MAX * PAGE)


def blocks_nodes(blocks):
    if not blocks:
        return {}
    return {"max-request-segments": put(blocks.segments),
            "max-requests": put(blocks.requests),
            "max-request-size": put(blocks.size)}


def blocks_read(r, most, absent):
    """None: no segment blocks, or a fault.  `absent` of the other two for a
    number of segments."""
    segments = r.number("max-request-segments", SEGMENTS_DIRECT,
                        least=1, most=most.segments)
    if segments is None or segments <= SEGMENTS_DIRECT:
        return None
    requests, size = absent(segments)
    requests = r.number("max-requests", requests, least=1, most=most.requests)
    size = r.number("max-request-size", size, least=PAGE, most=most.size)
    if requests is None or size is None:
        return None
    return Blocks(segments, requests, size)


def front_reads_offer(nodes):
    """The back's limits, or its faults."""
    r = Reader(nodes)
    order = r.number("max-ring-page-order", None)
    pages = r.number("max-ring-pages", None)
    if pages == 0:
        r.fault(SYNTAX, "max-ring-pages")
    queues = r.number("multi-queue-max-queues", 1, least=1)
    indirect = r.number("feature-max-indirect-segments", 0)
    blocks = blocks_read(r, Blocks(U32, U32, U32), lambda segments: (
        SLOTS_PAGE, SEGMENTS_DIRECT * PAGE))                # HARMLESS
    orders = [] if order is None else [order]
    if pages:
        orders.append(pages.bit_length() - 1)
    # CLAMP, SMALLER
    return r.outcome(lambda: Offer(
        order=min(orders + [RING_ORDER_MAX]) if orders else 0,
        queues=min(queues, QUEUES_MAX),
        indirect=min(indirect, SEGMENTS_INDIRECT_MAX), blocks=blocks,
        plain_first=r.has("max-ring-pages") and r.has("max-request-segments")
        and not r.has("max-ring-page-order")))


def front_chooses(own, offer, abi, queue_keys):
    """The most that both can do.  queue_keys(i, pages): what queue i is made
    of."""
    order = min(own.order, offer.order)
    indirect = min(own.indirect, offer.indirect)
    if indirect <= SEGMENTS_DIRECT:
        indirect = 0                                        # INDIRECT
    blocks = None
    if own.blocks and offer.blocks and not indirect:        # BLOCKS
        segments = min(offer.blocks.segments, SEGMENTS_BLOCKS_MAX)
        blocks = Blocks(segments, min(offer.blocks.requests, slots(order)),
                        min(offer.blocks.size // PAGE, segments) * PAGE)
    return Terms(
        abi=abi, order=order, persistent=own.persistent,
        queues=tuple(queue_keys(i, 1 << order)
                     for i in range(min(own.queues, offer.queues))),
        indirect=indirect, blocks=blocks, large=own.units == ALL,
        plain_first=offer.plain_first and order > 0)


# ---- the front's terms -----------------------------------------------------

def front_publishes(terms):
    """At Initialised."""
    nodes = {"protocol": terms.abi.encode(),
             "feature-persistent": put(terms.persistent),
             **blocks_nodes(terms.blocks)}
    if terms.large:
        nodes["feature-large-sector-size"] = b"1"
    if terms.order:
        nodes["ring-page-order"] = put(terms.order)
        nodes["num-ring-pages"] = put(1 << terms.order)
        nodes["ring-pages"] = put(1 << terms.order)
    if len(terms.queues) > 1:
        nodes["multi-queue-num-queues"] = put(len(terms.queues))
    for i, (references, port) in enumerate(terms.queues):
        folder = f"queue-{i}/" if len(terms.queues) > 1 else ""
        nodes[folder + "event-channel"] = put(port)
        for page, reference in enumerate(references):
            name = f"ring-ref{page}" if terms.order else "ring-ref"
            nodes[folder + name] = put(reference)
            if terms.plain_first and page == 0:             # REF_FIRST
                nodes[folder + "ring-ref"] = put(reference)
    return nodes


def ring_order(r, own):
    """ONE_SIZE; None if it cannot be told."""
    said = {}
    if r.has("ring-page-order"):
        said["ring-page-order"] = r.number("ring-page-order")
    for name in ("num-ring-pages", "ring-pages"):
        if r.has(name):
            pages = r.number(name)
            if pages is not None and not power_of_two(pages):
                r.fault(SYNTAX, name)
                if pages > 1 << own.order:
                    r.fault(LIMIT, name)
                pages = None
            said[name] = pages and pages.bit_length() - 1
    orders = {name: n for name, n in said.items() if n is not None}
    first = next(iter(orders.values()), 0)
    for name, order in orders.items():
        if order > own.order:
            r.fault(LIMIT, name)
        if order != first:
            r.fault(CONFLICT, name)
    clear = set(said.values()) <= {first} and first <= own.order
    return first if clear else None


def queue_keys_read(r, folder, order):
    port = r.number(folder + "event-channel")
    if order is None:
        return None, port
    names = [f"{folder}ring-ref{page}" for page in range(1 << order)]
    # REF_FIRST
    plain, numbered = r.has(folder + "ring-ref"), r.has(names[0])
    if plain and not numbered or order == 0 and plain == numbered:
        names[0] = folder + "ring-ref"
    return tuple([r.number(name) for name in names]), port


def back_reads_terms(nodes, own, abi_absent):
    """The front's terms, or its faults."""
    r = Reader(nodes)
    abi = abi_absent
    if r.has("protocol"):
        name = r.bytes("protocol")
        abi = "" if name is None else name.decode("latin-1")
        if name is None or b"\0" in name:
            r.fault(SYNTAX, "protocol")
        elif abi not in ABIS:
            r.fault(ABI_UNKNOWN, "protocol")
    order = ring_order(r, own)
    count = r.number("multi-queue-num-queues", 1, least=1, most=own.queues)
    persistent = r.truth("feature-persistent")
    large = r.truth("feature-large-sector-size")
    if own.sector != SECTOR and large is not None and \
            large != (own.units == ALL):                    # UNITS
        r.fault(CONFLICT if large else MISSING, "feature-large-sector-size")
    # LEFTOVER: of the top or of directories, only what the count calls for.
    folders = [""] if count == 1 else \
        [f"queue-{i}/" for i in range(count or 0)]
    queues = tuple([queue_keys_read(r, folder, order) for folder in folders])
    blocks = back_reads_blocks(r, own, order)
    return r.outcome(lambda: Terms(abi, order, persistent, queues,
                                   0 if blocks else own.indirect, blocks,
                                   large))


def back_reads_blocks(r, own, order):
    most = most_blocks(own) if own.blocks else \
        Blocks(SEGMENTS_DIRECT, slots(0), SEGMENTS_DIRECT * PAGE)
    blocks = blocks_read(r, most, lambda segments: (
        slots(order or 0), segments * PAGE))                # HARMLESS
    if not blocks or order is None:
        return None
    return Blocks(blocks.segments, min(blocks.requests, slots(order)),
                  min(blocks.size, blocks.segments * PAGE))


# ---- the disk --------------------------------------------------------------

def sectors_unit(units, logical):
    """Of 512 bytes each, what the node `sectors` counts."""
    return 1 if units == SPEC else logical // SECTOR


def back_publishes(disk):
    """At Connected."""
    nodes = {
        "sectors": put(disk.sectors //
                       sectors_unit(disk.units, disk.sector_size)),
        "sector-size": put(disk.sector_size),
        "physical-sector-size": put(disk.physical_size),
        "info": put(disk.info),
        "feature-flush-cache": put(disk.flush),
        "feature-barrier": put(disk.barrier),
        "feature-persistent": put(disk.persistent),
        "feature-discard": put(disk.discard),
    }
    if disk.discard:
        nodes["discard-granularity"] = put(disk.granularity)
        nodes["discard-alignment"] = put(disk.alignment)
        nodes["discard-secure"] = put(disk.secure)
    return nodes


def sector_sizes(r):
    """Logical and physical, None where it cannot be told.  What a segment
    cannot express, since it counts 512-byte units in one page, is no size."""
    logical = r.number("sector-size", SECTOR)
    if logical is not None and \
            not (power_of_two(logical) and SECTOR <= logical <= PAGE):
        logical = r.fault(SECTOR_SIZE, "sector-size")
    physical = r.number("physical-sector-size", logical)
    if logical and physical is not None and \
            (physical == 0 or physical % logical):
        physical = r.fault(CONFLICT, "physical-sector-size")
    return logical, physical


def front_reads_disk(nodes, units=SPEC):
    """The promises of a back that counts so, or its faults."""
    r = Reader(nodes)
    logical, physical = sector_sizes(r)
    unit = sectors_unit(units, logical or SECTOR)
    # A byte offset must fit a signed 64-bit number.
    sectors = r.number("sectors", most=(U64 >> 1) // SECTOR // unit)
    if sectors is not None:
        sectors *= unit
    # EMPTY, TAIL
    if sectors and logical and sectors * SECTOR % logical:
        r.fault(CONFLICT, "sectors")
    info = r.number("info", 0)
    flush = r.truth("feature-flush-cache")
    barrier = r.truth("feature-barrier")
    persistent = r.truth("feature-persistent")
    indirect = r.number("feature-max-indirect-segments", 0)
    discard = r.truth("feature-discard")
    secure, granularity, alignment = False, 0, 0
    if discard:
        secure = r.truth("discard-secure")
        granularity = r.number("discard-granularity", 0)
        if granularity == 0:
            granularity = logical                   # ZERO_GRAIN
        spelt = next((name for name in ("discard-alignment",
                                        "discard-aligment") if r.has(name)),
                     "discard-alignment")
        alignment = r.number(spelt, 0)
    return r.outcome(lambda: Disk(
        sectors, logical, physical, info & (CDROM | REMOVABLE | READ_ONLY),
        flush, barrier, persistent, discard, secure, granularity, alignment,
        min(indirect, SEGMENTS_INDIRECT_MAX), units))


# ---- both ------------------------------------------------------------------

def agreement(front, back):
    """What two ends use together; the same if they change places."""
    indirect = min(front.indirect, back.indirect)
    if indirect <= SEGMENTS_DIRECT:
        indirect = 0
    return Limits(order=min(front.order, back.order),
                  queues=min(front.queues, back.queues), indirect=indirect,
                  persistent=front.persistent and back.persistent,
                  blocks=front.blocks and back.blocks and not indirect)
