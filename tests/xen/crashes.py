# SPDX-License-Identifier: MIT
"""Finds the death of a hypervisor, of a kernel or of one of its tasks in the
consoles of a run, while they grow."""
import glob
import os
import re

SIGNS = re.compile("|".join([
    # Linux
    r"Kernel panic - not syncing",
    r"\bBUG: ", r"kernel BUG at ", r"\bOops: ", r"general protection fault",
    r"WARNING: CPU: \d", r"\bsegfault at ", r"\btraps: \S+\[\d+\] ",
    r"INFO: task \S+ blocked for more than", r"Out of memory: Killed",
    r"unexpected IRQ trap",
    # Xen
    r"Xen call trace", r"Panic on CPU", r"FATAL (TRAP|PAGE FAULT)",
    r"Xen BUG at", r"Xen WARN at", r"Assertion '.*' failed at",
    r"domain_crash\w* called from", r"Triple fault",
    r"[Dd]omain \d+ .*crashed on cpu", r"Hardware Dom0 crashed",
]))
LINES_MAX = 20          # kept of one run


class Crashes:
    def __init__(self, directory, but=None):
        self.directory = directory
        self.but = re.compile(but or r"(?!)")   # a line that is none
        self.seen = {}          # file: bytes looked at, all whole lines
        self.found = []         # (file, line)

    def files(self):
        d = glob.escape(self.directory)
        return [os.path.join(self.directory, "console"),
                os.path.join(self.directory, "dmesg"),
                *sorted(glob.glob(os.path.join(d, "guests", "*.log")))]

    def look(self):
        """Look at what is new; whether there ever was something."""
        for path in self.files():
            self.look_at(path)
        return bool(self.found)

    def look_at(self, path):
        at = self.seen.get(path, 0)
        try:
            if os.path.getsize(path) <= at:
                return
            with open(path, "rb") as f:
                f.seek(at)
                new = f.read()
        except FileNotFoundError:
            return
        whole = new[:new.rfind(b"\n") + 1]
        self.seen[path] = at + len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if len(self.found) < LINES_MAX and SIGNS.search(line) and \
                    not self.but.search(line):
                self.found.append((os.path.relpath(path, self.directory),
                                   line.strip()))
