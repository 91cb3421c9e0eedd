# SPDX-License-Identifier: MIT
"""pvb as an administrator runs it in dom0: its modules, its hotplug script, the
daemon; and what it must have given back in the end."""
import json
import os
import shutil
import socket
import subprocess

from counts import descriptors, grant_mappings
from guests import OUT, witnesses
from rig import Daemon, PVB, pvb, pvb_json, until

TOP = os.environ.get("PVB_TOP", "/")
CONTROL = "/run/pvb/control"
SCRIPT = "/etc/xen/scripts/block-pvb"
TERMS = ("abi", "ring_pages", "queues", "indirect_segments", "persistent",
         "sector_size", "sectors", "readonly")


def modules(*names):
    os.spawnvp(os.P_WAIT, "modprobe", ["modprobe", "-a", *names])


def by_script(vdev, disk, more=""):
    """A line for xl's disk list, by which pvb serves `disk`."""
    return (f"vdev={vdev},access=rw,backendtype=phy,script=block-pvb{more},"
            f"target={disk}")


class Serving:
    """`pvb serve --host xen` for as long as the block lasts.  Its log comes
    home as serve.log."""

    def __init__(self, *options):
        modules("xen-gntdev", "xen-evtchn", "xen-gntalloc")
        if not os.path.exists(SCRIPT):
            shutil.copy(os.path.join(TOP, "scripts/xen/block-pvb"), SCRIPT)
        self.log = open(os.path.join(OUT, "serve.log"), "a+")
        self.daemon = None
        self.start(*options)
        witnesses.append(self.testify)

    def start(self, *options):
        self.daemon = Daemon("serve", "--host", "xen", *options, log=self.log)

    def stop(self):
        status = self.daemon.stop()
        assert status == 0, f"pvb serve ended with {status}"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        witnesses.remove(self.testify)
        try:
            if self.daemon.process.poll() is None:
                self.stop()
        finally:
            if kind:
                print("# pvb serve said last:")
                for line in self.tail():
                    print("#", line, flush=True)
            self.log.close()

    def testify(self):
        """What it knows of its devices, when a test has failed."""
        if self.daemon.process.poll() is not None:
            print(f"# pvb serve has ended: {self.daemon.process.returncode}")
            return
        try:
            r = subprocess.run([PVB, "stat"], capture_output=True, text=True,
                               timeout=5)
            text = r.stdout + r.stderr
        except subprocess.TimeoutExpired:
            text = "no answer"
        print("# pvb stat:", text.replace("\n", "\n# "), flush=True)

    def tail(self, lines=30):
        return self.daemon.output().splitlines()[-lines:]

    # ---- devices ---------------------------------------------------------

    def attach(self, guest, vdev, disk, *options, **more):
        return pvb("attach", *options, guest.id, vdev, disk, **more)

    def detach(self, guest, vdev, *options, **more):
        return pvb("detach", *options, guest.id, vdev, **more)

    def list(self):
        return pvb_json("list")

    def device(self, guest, vdev):
        """Its entry in `pvb list --json`, or None."""
        for d in self.list():
            if d["domain"] == guest.id and d["vdev"] == vdev:
                return d
        return None

    def await_states(self, guest, vdev, back, front, deadline_s=60):
        def reached():
            d = self.device(guest, vdev)
            return d and (d["backend_state"], d["frontend_state"]) == \
                (back, front) and d
        return until(reached, f"{vdev} {back}, {front}", deadline_s)

    def say_terms(self, guest, *vdevs):
        """For the log: what was negotiated."""
        for vdev in vdevs:
            d = self.device(guest, vdev)
            print(f"# {guest.name} {vdev}:", ", ".join(
                f"{key} {d[key]}" for key in TERMS), flush=True)

    def all_counts(self):
        """`pvb stat --json`, asked for without a process: that takes longer
        than what may be waited for."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(CONTROL)
            s.send(b'{"command": "stat"}\n')
            with s.makefile() as f:
                return json.loads(f.readline())["result"]

    def counts(self, guest, vdev):
        """A device's entry of it."""
        for d in self.all_counts():
            if d["domain"] == guest.id and d["vdev"] == vdev:
                return d
        raise AssertionError(f"no {vdev} of {guest.name}")

    # ---- what it holds ---------------------------------------------------

    def children(self):
        """Its workers' process ids."""
        pid = self.daemon.pid
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(p) for p in f.read().split()]

    def held(self):
        """Descriptors and mappings of the daemon and all of its workers."""
        pids = [self.daemon.pid, *self.children()]
        return {"workers": len(pids) - 1,
                "descriptors": [descriptors(p) for p in pids],
                "mappings": [grant_mappings(p) for p in pids]}
