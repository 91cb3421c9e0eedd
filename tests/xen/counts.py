# SPDX-License-Identifier: MIT
"""What dom0 holds, to compare before and after: store nodes, event channels,
grants that are mapped, descriptors."""
import os
import re
import subprocess

from guests import xl
from store import Store

ENTRY = re.compile(r"\[0x[0-9a-f]+\]")
TABLE = re.compile(r"grant-table for remote d(\d+)")


def nodes(path):
    """How many are below a path."""
    with Store() as s:
        return len(s.tree(path).keys() - {path})


def event_channels(domain=0):
    """Ports of a domain that go to another one; its own (timers, its kernel's
    signals) come and go with its processors."""
    r = subprocess.run(["lsevtchn", str(domain)], capture_output=True,
                       text=True)
    return sum("nterdomain" in line for line in r.stdout.splitlines())


def mapped_grants():
    """{domain: how many of its pages others have mapped}, as the hypervisor
    says on its console."""
    xl("dmesg", "-c")
    xl("debug-keys", "g")
    found, domain = {}, None
    for line in xl("dmesg").splitlines():
        if m := TABLE.search(line):
            domain = int(m.group(1))
            found[domain] = 0
        elif domain is not None and ENTRY.search(line):
            found[domain] += 1
    return found


def descriptors(pid):
    """What a process has open, sorted."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return sorted(found)


def grant_mappings(pid):
    """Ranges of a process's memory that are pages of another domain."""
    with open(f"/proc/{pid}/maps") as f:
        return sum("/dev/xen/gntdev" in line for line in f)
