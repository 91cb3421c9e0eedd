# SPDX-License-Identifier: MIT
"""Power failures out of the log of a disk (record:): where to crash, and an
image for each.

*Marks* tie the log to what was promised to whoever wrote to the disk: sectors
behind everything else, written when a promise was given, with a text that no
other has.  So a crash that has a mark's beginning is one after that promise."""
import os
import random
import re
import subprocess
from bisect import bisect_left

from rig import pvb_json

LOSE = ("random", "none", "all", "one", "but-last")
SECTOR = 512


class Log:
    def __init__(self, path, base, marks_at):
        self.path, self.base = path, base
        self.requests = pvb_json("replay", "--list", path)
        self.entries = 1 + max(x["end"] if x["end"] is not None else
                               x["begin"] for x in self.requests)
        self.marks = self._marks(marks_at)

    def _marks(self, marks_at):
        """(entry where it first begins, text) of each, in order."""
        found = {}
        with open(self.path, "rb") as f:
            for x in self.requests:
                if x["op"] != "write" or \
                        x["offset"] + x["length"] <= marks_at:
                    continue
                f.seek(x["data_at"])
                for text in re.findall(rb"MARK ([^\n]*)\n",
                                       f.read(x["length"])):
                    found.setdefault(text.decode(), x["begin"])
        return [(begin, text) for text, begin in found.items()]

    def promised(self, until):
        """The marks that a crash after `until` entries has."""
        return [text for begin, text in self.marks if begin < until]

    def flushes(self):
        return [x for x in self.requests if x["op"] == "flush" and x["done"]]

    def busiest(self, first, last):
        """Right before a flush was done: that half of such places where most
        was written since the flush before."""
        begins = sorted(x["begin"] for x in self.requests
                        if x["op"] not in ("flush", "discard"))
        since, places = first, []
        for x in self.flushes():
            if first <= x["end"] <= last:
                places.append((bisect_left(begins, x["end"]) -
                               bisect_left(begins, since), x["end"]))
                since = x["begin"]
        return [end for _, end in sorted(places)[len(places) // 2:]]

    def points(self, count, seed, first=0, last=None):
        """Where, how, and a seed: right after a promise, right after a flush
        was done, right before, anywhere; in every way."""
        dice = random.Random(seed)
        last = self.entries if last is None else last
        where = [[b + 1 for b, _ in self.marks if first <= b < last],
                 [x["end"] + 1 for x in self.flushes()
                  if first <= x["end"] < last],
                 self.busiest(first, last), range(first, last + 1)]
        assert where[0], "no promise was given"
        where = [some for some in where if some]
        return [(dice.choice(where[i % len(where)]),
                 "random" if i // len(where) % 2 else dice.choice(LOSE),
                 dice.randrange(1 << 32)) for i in range(count)]

    def image(self, path, point, *args):
        """What the disk may hold then; what became of its writes."""
        until, lose, seed = point
        if os.path.exists(path):
            os.unlink(path)
        subprocess.run(["cp", "--sparse=always", self.base, path], check=True)
        return pvb_json("replay", "--until", until, "--lose", lose, "--seed",
                        seed, *args, self.path, path)
