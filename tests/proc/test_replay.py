#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""pvb replay: what it prints, what it makes, what it refuses."""
import os
import tempfile

from rig import pvb, pvb_json, refused, run

MIB = 1 << 20


class Recorded:
    """A disk that was written through its log, and a copy from before."""

    def __init__(self, size=MIB):
        self.dir = tempfile.TemporaryDirectory(prefix="pvb-test.")
        self.log, self.disk, self.image = (
            os.path.join(self.dir.name, n) for n in ("log", "disk", "image"))
        with open(self.disk, "wb") as f:
            f.write(os.urandom(size))
        self.before = self.bytes(self.disk)
        self.uri = f"record:file:{self.disk}?log={self.log}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.dir.cleanup()

    @staticmethod
    def bytes(path):
        with open(path, "rb") as f:
            return f.read()

    def write(self):
        """All of it; its last request is a flush."""
        source = os.path.join(self.dir.name, "source")
        with open(source, "wb") as f:
            f.write(os.urandom(MIB))
        pvb("copy", source, self.uri)

    def replay(self, *args):
        with open(self.image, "wb") as f:
            f.write(self.before)
        return pvb_json("replay", *args, self.log, self.image)


def test_all_of_a_log_makes_the_disk():
    with Recorded() as r:
        r.write()
        said = r.replay("--lose", "all")
        assert r.bytes(r.image) == r.bytes(r.disk) != r.before
        assert said["kept"] > 0 and said["until"] == said["entries"], said
        assert said["lucky"] + said["lost"] + said["torn"] == 0, said


def test_nothing_of_it_makes_what_was_before():
    with Recorded() as r:
        r.write()
        assert r.replay("--until", 0)["kept"] == 0
        assert r.bytes(r.image) == r.before


def test_without_its_flush_nothing_is_sure():
    with Recorded() as r:
        r.write()
        flush = [x for x in pvb_json("replay", "--list", r.log)
                 if x["op"] == "flush"][-1]
        assert r.replay("--until", flush["end"], "--lose", "all")["kept"] == 0
        assert r.bytes(r.image) == r.before
        assert r.replay("--until", flush["end"] + 1, "--lose", "all")["kept"]
        assert r.bytes(r.image) == r.bytes(r.disk)
        assert r.replay("--ignore-flushes", "--lose", "all")["kept"] == 0
        assert r.bytes(r.image) == r.before


def test_a_seed_makes_the_same_image_again():
    with Recorded() as r:
        r.write()
        images = []
        for seed in (1, 2, 1):
            r.replay("--ignore-flushes", "--seed", seed)
            images.append(r.bytes(r.image))
        assert images[0] == images[2] != images[1]


def test_the_list_has_every_request():
    with Recorded() as r:
        r.write()
        listed = pvb_json("replay", "--list", r.log)
        writes = [x for x in listed if x["op"] == "write"]
        assert sum(x["length"] for x in writes) == MIB
        log, disk = r.bytes(r.log), r.bytes(r.disk)
        for x in writes:
            assert x["done"] and x["begin"] < x["end"], x
            assert log[x["data_at"]:][:x["length"]] == \
                disk[x["offset"]:][:x["length"]], x
        text = pvb("replay", "--list", r.log).stdout.splitlines()
        assert len(text) == len(listed) + 1
        assert text[-1] == f"{1 + 2 * len(listed)} entries", text[-1]


def test_what_is_wrong_is_said():
    with Recorded() as r:
        refused(1, "replay:", r.log, "No such file",
                args=("replay", "--list", r.log))
        refused(1, "replay:", r.disk, "it is no log of a disk",
                args=("replay", "--list", r.disk))
        r.write()
        refused(1, "replay:", r.image, "No such file",
                args=("replay", r.log, r.image))
        refused(2, "replay: a log", args=("replay", "--list", r.log, "x"))
        refused(2, "replay: a log and an image", args=("replay", r.log))
        for bad in (["--lose", "some"], ["--until", "x"], ["--seed", "-1"]):
            refused(2, " ".join(bad), args=("replay", *bad, r.log, r.image))


def test_a_damaged_log_is_told_by_the_byte():
    with Recorded() as r:
        r.write()
        with open(r.log, "r+b") as f:
            f.seek(64 + 48)
            f.write(b"\xff" * 4)
        refused(1, r.log, "it is damaged at byte 112",
                args=("replay", r.log, r.disk))


run(globals())
