# SPDX-License-Identifier: MIT
"""Verified load: threads that write stamped blocks through a frontend, read
them back, and know what each of theirs must hold."""
import random
import struct
import threading
import time

BLOCK = 4096
RUN_MAX = 8                             # blocks of one request


def stamp(block, sequence):
    return struct.pack("<QQ", block, sequence) * (BLOCK // 16)


class Thread(threading.Thread):
    """One request at a time, on blocks of its own."""

    def __init__(self, front, first, count, seed, flushes):
        super().__init__(daemon=True)
        self.front, self.first, self.count = front, first, count
        self.random = random.Random(seed)
        self.flushes = flushes
        self.held = [None] * count      # acknowledged; None: unknown
        self.sequence = 0
        self.done = 0                   # requests
        self.longest_s = 0.0
        self.began = None               # of the request under way
        self.wrong = None
        self.ends = False

    def timed(self, call, *args):
        self.began = time.monotonic()
        r = call(*args)
        took = time.monotonic() - self.began
        self.began = None
        self.longest_s = max(self.longest_s, took)
        self.done += 1
        return r

    def write(self, at, n):
        self.sequence += 1
        data = b"".join(stamp(self.first + at + i, self.sequence)
                        for i in range(n))
        r = self.timed(self.front.write, data, (self.first + at) * BLOCK)
        if r != 0:
            raise AssertionError(f"write at {self.first + at}: {r}")
        self.held[at:at + n] = [self.sequence] * n

    def check(self, at, n):
        data = self.timed(self.front.read, n * BLOCK,
                          (self.first + at) * BLOCK)
        if isinstance(data, int):
            raise AssertionError(f"read at {self.first + at}: {data}")
        for i in range(n):
            want = self.held[at + i]
            got = data[i * BLOCK:(i + 1) * BLOCK]
            if want is not None and got != stamp(self.first + at + i, want):
                raise AssertionError(
                    f"block {self.first + at + i}: "
                    f"{struct.unpack('<QQ', got[:16])}, not {want}")

    def step(self):
        n = self.random.randint(1, min(RUN_MAX, self.count))
        at = self.random.randrange(self.count - n + 1)
        what = self.random.random()
        if what < 0.55:
            self.write(at, n)
        elif what < 0.97 or not self.flushes:
            self.check(at, n)
        elif self.timed(self.front.flush) != 0:
            raise AssertionError("flush failed")

    def run(self):
        try:
            while not self.ends:
                self.step()
            for at in range(0, self.count, RUN_MAX):
                self.check(at, min(RUN_MAX, self.count - at))
        except Exception as e:          # for who joins
            self.wrong = e


class Load:
    """On one frontend.  `size_bytes`: how much of its disk is used."""

    def __init__(self, front, size_bytes, threads=8, seed=1, flushes=True):
        count = size_bytes // BLOCK // threads
        self.threads = [Thread(front, i * count, count, seed * 1000 + i,
                               flushes) for i in range(threads)]
        for t in self.threads:
            t.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nobody is inside the frontend any more when it is closed."""
        for t in self.threads:
            t.ends = True
        for t in self.threads:
            t.join()

    def done(self):
        """Requests so far; and an error is told here."""
        for t in self.threads:
            if t.wrong:
                raise t.wrong
        return sum(t.done for t in self.threads)

    def longest_s(self):
        """Of all requests since the last call."""
        longest = max(t.longest_s for t in self.threads)
        for t in self.threads:
            t.longest_s = 0.0
        return longest

    def stop(self, deadline_s=60):
        """End, and compare all blocks with what was acknowledged last."""
        for t in self.threads:
            t.ends = True
        end = time.monotonic() + deadline_s
        for t in self.threads:
            t.join(max(0.0, end - time.monotonic()))
            assert not t.is_alive() or t.wrong, "a request hangs"
        return self.done()
