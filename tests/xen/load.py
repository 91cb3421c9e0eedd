# SPDX-License-Identifier: MIT
"""Load that checks what it reads, in a guest; and what dom0 finds on the image
when it is over."""
import os
import struct

from initramfs import Initramfs
from rig import BUILD, until

# Numbers each write; see there.  It needs nothing that a guest has not.
NUMBERED_WRITES = os.path.join(BUILD, "tests", "xen", "numbered_writes")

FIO = "fio --ioengine=libaio --direct=1 --iodepth=32 --verify=crc32c " \
      "--do_verify=1 --verify_fatal=1 --output=/tmp/fio " \
      "--output-format=terse --terse-version=3"
# As in terse version 3: name, error, KiB read, KiB written.
FIO_FIELDS = "3,5,6,47"
FIO_ENDED_BY_SIGNAL = 128


def check_unharmed(counts):
    """A device's entry of `pvb stat`: nothing failed, nothing was refused."""
    assert counts["refused"] == {}, counts
    for op in ("read", "write", "flush", "discard", "barrier"):
        assert counts[op]["errors"] == 0, counts


class FioJob:
    """What fio says of a job."""

    def __init__(self, line):
        self.name, error, read, written = line.split(";")
        self.error, self.read_kib, self.written_kib = \
            int(error), int(read), int(written)

    def __repr__(self):
        return f"{self.name}: error {self.error}, {self.read_kib} KiB read, " \
               f"{self.written_kib} KiB written"


def fio_jobs(guest):
    """What the guest's last fio said: {name: FioJob}."""
    text = guest.run(f"grep '^3;' /tmp/fio | cut -d ';' -f {FIO_FIELDS}")
    jobs = [FioJob(line) for line in text.splitlines()]
    for job in jobs:
        print(f"# fio: {job}", flush=True)
    return {job.name: job for job in jobs}


def fio(guest, *options, timeout_s=240):
    """Run fio in the guest to its end; fio_jobs()."""
    guest.run(" ".join([FIO, *options]), timeout_s)
    return fio_jobs(guest)


class Load:
    """A command that writes a guest's disk until it is told to stop."""

    def __init__(self, serving, guest, vdev, command):
        self.serving, self.guest, self.vdev = serving, guest, vdev
        self.pid_file = f"/run/load-{vdev}"
        # Last in turn, so that the guest's one processor has time for us, too.
        self.job = guest.spawn(f"echo $$ >{self.pid_file}; "
                               f"renice -n 19 -p $$; exec {command}")

    def check_runs(self):
        """It has met no error so far: that would have ended it."""
        self.guest.look()
        assert self.job.status is None, self.job.output

    def counts(self):
        return self.serving.counts(self.guest, self.vdev)

    def await_writes(self, more, in_flight=0, deadline_s=60):
        """Wait until it has had so many more answers to writes, and so many
        requests are in flight."""
        start = self.counts()["write"]["requests"]

        def reached():
            self.check_runs()
            c = self.counts()
            return c["write"]["requests"] >= start + more and \
                c["in_flight"] >= in_flight
        until(reached, f"{more} writes to {self.vdev}", deadline_s)

    def stop(self):
        """Only tell it to; end() waits."""
        self.check_runs()
        self.guest.run(f"kill -{self.SIGNAL} $(cat {self.pid_file})")


class FioWithoutEnd(Load):
    """Writes at random in all sizes to 128 KiB, reads all of it back, and
    again."""

    SIGNAL = "INT"

    def __init__(self, serving, guest, vdev, size_mib):
        self.size_mib = size_mib
        super().__init__(serving, guest, vdev,
                         f"{FIO} --name=endless --filename=/dev/{vdev} "
                         f"--size={size_mib}m --rw=randwrite "
                         "--bsrange=4k-128k --loops=1000000")

    def end(self):
        """After stop().  Fails if fio has seen an error, or has not read back
        what it has written."""
        self.job.wait(status=FIO_ENDED_BY_SIGNAL)
        job = fio_jobs(self.guest)["endless"]
        assert job.error == 0, job
        assert job.read_kib > 0, job
        assert job.written_kib - job.read_kib <= self.size_mib << 10, job


class NumberedWrites(Load):
    """Writes numbered blocks at random, with 32 threads."""

    SIGNAL = "TERM"

    def __init__(self, serving, guest, vdev, block_bytes):
        super().__init__(serving, guest, vdev,
                         f"numbered_writes /dev/{vdev} {block_bytes} 32")

    def end(self):
        """After stop().  How often the disk was written since it was all zero;
        fails if it does not hold what it should."""
        return int(self.job.wait().split()[-2])


def numbered_writes_on(path, block_bytes):
    """How often an image was written by NumberedWrites.  Each block must be
    whole, and where it belongs."""
    total = 0
    with open(path, "rb") as f:
        for i, block in enumerate(iter(lambda: f.read(block_bytes), b"")):
            mark = block[:16]
            where, number = struct.unpack("<QQ", mark)
            assert block == mark * (block_bytes // 16), f"block {i} is torn"
            assert where == (i if number else 0), f"block {i} says {where}"
            total += number
    return total


def with_programs(archive, *programs):
    """The initramfs `archive`, with these."""
    path = "/tmp/with-" + os.path.basename(programs[0]) + ".cpio"
    more = Initramfs()
    for program in programs:
        more.file(f"usr/bin/{os.path.basename(program)}", program, 0o755)
    more.write(path + ".more")
    with open(path, "wb") as out:
        for part in (archive, path + ".more"):
            with open(part, "rb") as f:
                out.write(f.read())
    return path


def with_numbered_writes(archive):
    return with_programs(archive, NUMBERED_WRITES)
