# SPDX-License-Identifier: MIT
"""An initramfs, put together in memory: files, programs with their libraries,
kernel modules.  Written as a plain newc archive, which any unprivileged user
can make and the kernel can read behind another one."""
import hashlib
import os
import re
import shutil
import stat
import subprocess


class Missing(Exception):
    """Says what this machine lacks."""


def which(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") +
                        ":/usr/local/sbin:/usr/sbin:/sbin")
    if not path:
        raise Missing(f"no {program}")
    return path


def libraries(program):
    """Every shared object a program loads, its loader among them."""
    r = subprocess.run(["ldd", program], capture_output=True, text=True)
    if "not found" in r.stdout:
        raise Missing(f"{program} lacks a library:\n{r.stdout}")
    return re.findall(r"(/\S+) \(0x", r.stdout)


def module_files(name, version):
    """The files of a module and of those it cannot do without, in the order
    to load.  (modprobe would add what its configuration recommends.)"""
    top = f"/lib/modules/{version}"
    stem = name.replace("-", "_")
    with open(f"{top}/modules.dep") as f:
        for line in f:
            path, needs = line.split(":", 1)
            found = os.path.basename(path).split(".")[0].replace("-", "_")
            if found == stem:
                return [f"{top}/{p}" for p in [*reversed(needs.split()), path]]
    raise Missing(f"kernel {version} has no module {name}")


class Initramfs:
    def __init__(self):
        self.entries = {}       # path: (mode, bytes | path of a file)
        self.modules = []       # in the order to load

    def directory(self, path):
        path = path.strip("/")
        if path and path not in self.entries:
            self.directory(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | 0o755, b"")

    def file(self, path, content, mode=0o644):
        """`content` is bytes, or the name of a file that has them."""
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, content)

    def link(self, path, target):
        self.directory(os.path.dirname(path.strip("/")))
        self.entries[path.strip("/")] = (stat.S_IFLNK | 0o777,
                                         target.encode())

    def program(self, name, path=None):
        """A program of this machine, found by its name, into /usr/bin or to
        `path`; with all that it is linked to."""
        found = which(name)
        self.file(path or f"usr/bin/{os.path.basename(name)}",
                  os.path.realpath(found), 0o755)
        for library in libraries(found):
            self.file(library, os.path.realpath(library), 0o755)

    def module(self, name, version):
        """A module of kernel `version`, for modprobe to find."""
        files = module_files(name, version)
        for i, path in enumerate(files):
            self.file(path, path)
            if path not in self.modules:
                self.modules.append(path)
        top = f"/lib/modules/{version}/"
        deps = self.entries.get(top[1:] + "modules.dep", (0, b""))[1].decode()
        for i, path in enumerate(files):
            head = path.removeprefix(top) + ":"
            if head not in deps:
                needs = [p.removeprefix(top) for p in reversed(files[:i])]
                deps += " ".join([head, *needs]) + "\n"
        self.file(top + "modules.dep", deps.encode())

    def key(self):
        """Changes whenever what would be written changes."""
        h = hashlib.sha256()
        for path, (mode, content) in sorted(self.entries.items()):
            if isinstance(content, str):
                s = os.stat(content)
                content = f"{content} {s.st_size} {s.st_mtime_ns}".encode()
            h.update(f"{path} {mode} {len(content)} ".encode() + content)
        return h.hexdigest()[:16]

    def write(self, path):
        with open(path, "wb") as out:
            for number, (name, (mode, content)) in enumerate(
                    sorted(self.entries.items()), 1):
                if isinstance(content, str):
                    with open(content, "rb") as f:
                        content = f.read()
                member(out, number, name, mode, content)
            member(out, 0, "TRAILER!!!", 0, b"")


def member(out, number, name, mode, content):
    """One entry of the archive: head, name and content, on multiples of 4."""
    name = name.encode() + b"\0"
    fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
    out.write(head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4))
