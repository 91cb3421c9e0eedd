# SPDX-License-Identifier: MIT
"""A storage driver domain: a guest in which pvb serves other guests."""
import json
import os

from counts import event_channels
from guests import Guest
from initramfs import Initramfs
from rig import PVB

MODULES = "xenfs xen-gntdev xen-evtchn"


def with_pvb(archive):
    """The initramfs `archive`, with pvb and the libraries it needs."""
    path = "/tmp/with-pvb.cpio"
    more = Initramfs()
    more.program(PVB, "usr/bin/pvb")
    more.write(path + ".more")
    with open(path, "wb") as out:
        for part in (archive, path + ".more"):
            with open(part, "rb") as f:
                out.write(f.read())
    return path


class DriverDomain(Guest):
    def __init__(self, name, memory_mib=384):
        super().__init__(name, memory_mib=memory_mib,
                         initrd=with_pvb(os.environ["RIG_GUEST_plain"]),
                         extra="driver_domain = 1")
        self.daemon = None

    def start(self):
        super().start()
        self.run(f"modprobe -a {MODULES}")
        self.daemon = self.spawn("exec pvb serve >/run/serve.log 2>&1")
        self.run("until pvb list >/dev/null 2>&1; do sleep 0.1; done")
        return self

    def list(self):
        """As `pvb list --json` has it there."""
        text = self.run("pvb list --json | sed 's/,/,\\n/g'")
        return json.loads(text.replace("\n", " "))

    def holdings(self):
        """What it and its daemon hold for other guests."""
        pid = self.run("cat /run/pvb/serve.lock")
        children = self.run(f"cat /proc/{pid}/task/{pid}/children")
        return {"its channels": event_channels(self.id),
                "workers": len(children.split()),
                "descriptors": int(self.run(f"ls /proc/{pid}/fd | wc -l"))}

    def __exit__(self, kind, value, trace):
        if kind and self.daemon and self.alive():
            print("# its pvb serve said:", self.run(
                "tail -n 20 /run/serve.log", status=None), flush=True)
        super().__exit__(kind, value, trace)
