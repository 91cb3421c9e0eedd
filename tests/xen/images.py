# SPDX-License-Identifier: MIT
"""What the emulated machine boots, made out of this machine's packages and
kept in a cache: the hypervisor, the kernel, dom0's initramfs and those of the
guests.  A name holds a digest of what the file was made from."""
import glob
import gzip
import hashlib
import lzma
import os
import re
import struct
import subprocess
import tempfile

from initramfs import Initramfs, Missing, which

HERE = os.path.dirname(os.path.abspath(__file__))

DOM0_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "xenfs",
                "xen-privcmd", "xen-gntdev", "xen-gntalloc", "xen-evtchn"]
GUEST_PROGRAMS = ["dash", "mke2fs", "e2fsck", "blkdiscard", "fstrim", "dd",
                  "xenstore-read", "xenstore-write", "xenstore-ls"]
GUEST_MODULES = ["xen-blkfront", "ext4", "crc32c_generic"]
# Loaded by whoever wants them.
GUEST_MORE_MODULES = ["xenfs", "xen-evtchn", "xen-gntdev", "xen-gntalloc",
                      "xen-scsifront", "sd_mod", "sr_mod", "sg"]
# More programs for a guest that needs them: its image's name and what it has.
GUESTS = {"plain": [], "fio": ["fio"], "perl": ["perl"]}
# Of these there are disks to boot from, too.
ROOTS = ("plain", "fio")
ROOT_ROOM_KIB = 24 << 10


def cache_dir():
    top = os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir()
    path = os.path.join(top, f"pvb-xen-rig-{os.getuid()}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        raise Missing(f"{path} belongs to somebody else")
    return path


def version_key(path):
    return [int(n) for n in re.findall(r"\d+", path)]


def newest(pattern, package):
    found = sorted(glob.glob(pattern), key=version_key)
    if not found:
        raise Missing(f"no {pattern}: install {package}")
    return found[-1]


def kernel_version():
    """The newest kernel that is here with its modules."""
    found = [os.path.basename(d) for d in glob.glob("/lib/modules/*")
             if os.access(f"/boot/vmlinuz-{os.path.basename(d)}", os.R_OK)]
    if not found:
        raise Missing("no kernel in /boot: install linux-image-amd64")
    return max(found, key=version_key)


def cached(name, key, write):
    """The file `name`-`key`, written by write(path) if it is not there; older
    ones go."""
    path = os.path.join(cache_dir(), f"{name}-{key}")
    if not os.path.exists(path):
        for old in glob.glob(glob.escape(os.path.join(
                cache_dir(), name)) + "-" + "[0-9a-f]" * 16):
            os.unlink(old)
        write(path + ".new")
        os.rename(path + ".new", path)
    return path


def digest(path):
    s = os.stat(path)
    text = f"{path} {s.st_size} {s.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def unpack_xen(source, path):
    with gzip.open(source) as f, open(path, "wb") as out:
        out.write(f.read())


def unpack_kernel(source, path):
    """The ELF file inside a bzImage: Xen's loaders take it as it is, and need
    not unpack it under emulation at each start of a guest."""
    with open(source, "rb") as f:
        image = f.read()
    if image[0x202:0x206] != b"HdrS":
        raise Missing(f"{source} is no bzImage")
    start = (image[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[start + offset:start + offset + length]
    if not payload.startswith(b"\xfd7zXZ"):
        raise Missing(f"{source} is not packed by xz")
    with open(path, "wb") as out:
        # The unpacked length stands behind the stream.
        out.write(lzma.LZMADecompressor().decompress(payload))


def xen():
    source = newest("/boot/xen-*-amd64.gz", "xen-hypervisor-4.17-amd64")
    return cached("xen", digest(source), lambda p: unpack_xen(source, p))


def kernel(version):
    source = f"/boot/vmlinuz-{version}"
    return cached("vmlinux", digest(source),
                  lambda p: unpack_kernel(source, p))


def base(init):
    i = Initramfs()
    for d in ("proc", "sys", "dev", "run", "tmp", "mnt", "new"):
        i.directory(d)
    i.program("busybox", "bin/busybox")
    i.file("init", os.path.join(HERE, init), 0o755)
    return i


def dom0(version):
    i = base("dom0-init")
    for m in DOM0_MODULES:
        i.module(m, version)
    i.file("modules", "\n".join(i.modules).encode() + b"\n")
    return cached("dom0", i.key(), i.write)


def guest(name, version):
    """The initramfs of a guest; `name` out of GUESTS."""
    i = base("guest-init")
    for p in GUEST_PROGRAMS + GUESTS[name]:
        i.program(p)
    i.link("bin/sh", "/usr/bin/dash")
    # Last in the guest's PATH: busybox's own shell would prefer its mke2fs and
    # dd to the real ones.
    for applet in subprocess.run([which("busybox"), "--list"], check=True,
                                 capture_output=True, text=True
                                 ).stdout.split():
        i.link(f"applets/{applet}", "/bin/busybox")
    for m in GUEST_MODULES:
        i.module(m, version)
    i.file("modules", "\n".join(GUEST_MODULES).encode() + b"\n")
    for m in GUEST_MORE_MODULES:
        i.module(m, version)
    return cached(f"guest-{name}", i.key(), i.write)


def unpack_root(archive, path):
    """An ext4 image of what is in an initramfs, with some room."""
    with tempfile.TemporaryDirectory(dir=cache_dir()) as tree:
        with open(archive, "rb") as f:
            subprocess.run([which("cpio"), "-idm", "--quiet"], stdin=f,
                           cwd=tree, check=True)
        kib = os.path.getsize(archive) * 9 // 8 // 1024 + ROOT_ROOM_KIB
        subprocess.run([which("mke2fs"), "-q", "-t", "ext4", "-b", "4096",
                        "-d", tree, path, f"{kib}k"],
                       check=True, stdout=subprocess.DEVNULL)


def root(name, version):
    """The same as a disk; `name` out of ROOTS."""
    archive = guest(name, version)
    return cached(f"root-{name}", digest(archive),
                  lambda p: unpack_root(archive, p))
