# SPDX-License-Identifier: MIT
"""For scripts that the rig runs in dom0: guests, the store, what dom0 holds,
images; and what the tests of processes have (TAP, waiting, pvb)."""
import os
import signal
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "proc"))

from counts import (descriptors, event_channels, grant_mappings,   # noqa: F401
                    mapped_grants, nodes)
from guests import Guest, GuestError, Job, OUT, xl                 # noqa: F401
from rig import PVB, Skip, pvb, pvb_json, run, until               # noqa: F401
from store import Store, StoreError                                # noqa: F401


def sh(command, status=0, timeout_s=120):
    """Run a command of the shell in dom0; what it printed."""
    r = subprocess.run(["bash", "-c", command], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=timeout_s)
    text = r.stdout.decode(errors="replace")
    assert status in (r.returncode, None), \
        f"`{command}`: status {r.returncode}, not {status}\n{text}"
    return text


def image(name, size_mib):
    """An empty, sparse image on dom0's tmpfs."""
    path = f"/tmp/{name}"
    with open(path, "wb") as f:
        f.truncate(size_mib << 20)
    return path


def allocated_kib(path):
    return os.stat(path).st_blocks // 2


def check_ext4(path):
    sh(f"e2fsck -fn {path}")


def root_image(name, image="plain", *programs):
    """A disk to boot from with cmdline="root=/dev/xvda", with what is in the
    rig's `image` and more programs."""
    path = f"/tmp/{name}"
    sh(f"cp --sparse=always {os.environ[f'RIG_ROOT_{image}']} {path}")
    for program in programs:
        to = f"usr/bin/{os.path.basename(program)}"
        sh(f"debugfs -w -R 'write {program} {to}' {path} && "
           f"debugfs -w -R 'sif {to} mode 0100755' {path}")
    return path


class Shared:
    """Something that several tests use, one after the other: made by the first
    one, and anew after one that failed.  `make` gives a context manager."""

    def __init__(self, make):
        self.make, self.manager, self.value = make, None, None

    def __enter__(self):
        if self.manager is None:
            manager = self.make()
            self.value = manager.__enter__()
            self.manager = manager
        return self.value

    def __exit__(self, kind, value, trace):
        if kind:
            manager, self.manager = self.manager, None
            manager.__exit__(kind, value, trace)

    def end(self):
        """The last one was well, too."""
        manager, self.manager = self.manager, None
        if manager:
            manager.__exit__(None, None, None)


def out_of_time(*_):
    raise AssertionError("the rig's time is up")


# The rig says so before it pulls the plug: whoever waits tells where.
signal.signal(signal.SIGTERM, out_of_time)
