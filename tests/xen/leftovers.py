# SPDX-License-Identifier: MIT
"""What a test must not leave behind on a Xen host, by its name."""
import contextlib

from counts import event_channels, mapped_grants
from rig import until
from store import Store

SETTLE_S = 20
# Directories of all devices: who made them first leaves them.
PARENTS = {"/libxl"} | {f"/local/domain/0/{name}" for name in (
    "backend", "device", "device-model", "error", "image")}


def everything():
    """Nodes of the store, dom0's event channels, pages that are mapped."""
    with Store() as s:
        nodes = {path for top in ("/local/domain", "/libxl")
                 for path in s.tree(top)}
    return {"nodes": nodes - PARENTS, "channels": event_channels(),
            "grants": {d: n for d, n in mapped_grants().items() if n}}


def difference(before, now):
    return {name: now[name] ^ value if isinstance(value, set)
            else (value, now[name])
            for name, value in before.items() if now[name] != value}


def settled(before, look=everything):
    """It comes to be as it was."""
    last = {}

    def is_so():
        last.update(look())
        return last == before
    try:
        until(is_so, "end", SETTLE_S)
    except AssertionError:
        raise AssertionError(f"not as it was: {difference(before, last)}"
                             ) from None


@contextlib.contextmanager
def nothing_left(look=everything):
    """All that the block makes is gone soon after it."""
    before = look()
    yield
    settled(before, look)
