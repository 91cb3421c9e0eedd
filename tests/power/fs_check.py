# SPDX-License-Identifier: MIT
"""Images of a file system after a power failure: whole, and with all that
fs_load was promised."""
import os
import shutil
import subprocess
import zlib

NOT_THERE, RECORD = "-", 100


def record(name, n):
    """The n-th of a log."""
    return f"{name} {n} ".encode().ljust(RECORD - 1, b".") + b"\n"


class Promises:
    """Of the marks that a crash has."""

    def __init__(self, marks):
        self.files = {}                 # name: the contents it may have
        self.logs = {}                  # name: how many records at least
        for mark in marks:
            _, what, *rest = mark.split()
            if what == "try":
                self.files.setdefault(rest[0], {NOT_THERE}).add(rest[1])
            elif what == "is":
                self.files[rest[0]] = {rest[1]}
            elif what == "log":
                self.logs[rest[0]] = int(rest[1])

    def broken(self, directory):
        """A sentence for each that is not kept."""
        wrong = []
        for name, contents in self.files.items():
            found = checksum(os.path.join(directory, name))
            if found not in contents:
                wrong.append(f"{name} is {found}, not of {sorted(contents)}")
        for name, count in self.logs.items():
            found = records(os.path.join(directory, name), name)
            if found < count:
                wrong.append(f"{name} has {found} records, not {count}")
        return wrong


def checksum(path):
    if not os.path.exists(path):
        return NOT_THERE
    with open(path, "rb") as f:
        return f"{zlib.crc32(f.read()):08x}"


def records(path, name):
    """How many are there from the first on."""
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as f:
        content = f.read()
    n = 0
    while content[n * RECORD:(n + 1) * RECORD] == record(name, n):
        n += 1
    return n


def fsck(image, *how):
    return subprocess.run(["e2fsck", *how, image], capture_output=True,
                          text=True, timeout=120)


def look(image, promises, directory):
    """What is wrong with an image: sentences.  Its journal is replayed as at
    any boot; after that there must be nothing to repair."""
    boot = fsck(image, "-p")
    if boot.returncode not in (0, 1):
        return [f"e2fsck -p: {boot.returncode}: {boot.stdout}{boot.stderr}"]
    whole = fsck(image, "-f", "-n")
    if whole.returncode != 0:
        return [f"e2fsck -fn: {whole.returncode}: {whole.stdout}"]
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    subprocess.run(["debugfs", "-R", f"rdump / {directory}", image],
                   check=True, capture_output=True, timeout=120)
    return promises.broken(directory)


def crash_often(log, images, seed, work, *how):
    """(crash, what is wrong) of each image that is not good.  `how`: more for
    pvb replay."""
    wrong, promises, loose = [], 0, 0
    image = os.path.join(work, "crashed.img")
    found = os.path.join(work, "found")
    begin, end = log.marks[0][0], log.marks[-1][0]
    for point in log.points(images, seed, begin, end):
        tally = log.image(image, point, *how)
        loose += tally["lost"] + tally["torn"]
        marks = log.promised(point[0])
        promises += sum(" try " not in mark for mark in marks)
        said = look(image, Promises(marks), found)
        if said:
            wrong.append((point, said))
    print(f"# {images} images of {end - begin} entries, {promises} promises "
          f"looked at, {loose} writes lost or torn, {len(wrong)} images bad",
          flush=True)
    assert promises > images and loose > images / 8
    return wrong
