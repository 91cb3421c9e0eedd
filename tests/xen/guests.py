# SPDX-License-Identifier: MIT
"""PV and PVH guests: stock kernel, our initramfs, and a shell on their
console for dom0 to type into (guest-init has the other end)."""
import os
import re
import subprocess
import time

from store import Store

OUT = os.environ.get("RIG_OUT", "/out")
KERNEL = os.environ.get("RIG_KERNEL")
# Nobody spies on an emulated machine: a fifth of its time is better spent.
CMDLINE = "console=hvc0 quiet printk.devkmsg=on mitigations=off rdinit=/init"
UP_S = 120
RUN_S = 120
GONE_S = 60
LOOK_S = 0.05

# Called when a test has failed and its guests are still as they were.
witnesses = []

LINE = re.compile(r"@(up|out|end|no-root|no-console)\b ?(?:(\S+)(?: (.*))?)?$")


class GuestError(AssertionError):
    pass


def xl(*arguments, status=0, timeout_s=120):
    """Run xl; what it printed.  Its exit status must be `status`; None: any.
    """
    r = subprocess.run(["xl", *map(str, arguments)], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                       timeout=timeout_s)
    text = r.stdout.decode(errors="replace")
    if status not in (r.returncode, None):
        raise GuestError(f"xl {' '.join(map(str, arguments))}: status "
                         f"{r.returncode}, not {status}\n{text}")
    return text


class Job:
    """A command that a guest runs."""

    def __init__(self, guest, command):
        self.guest, self.command = guest, command
        self.lines, self.status = [], None

    def wait(self, timeout_s=RUN_S, status=0):
        """Its output once it has ended; None: any status will do."""
        self.guest.follow(lambda: self.status is not None,
                          f"end of `{self.command}`", timeout_s)
        if status not in (self.status, None):
            raise GuestError(f"{self.guest.name}: `{self.command}`: status "
                             f"{self.status}, not {status}\n{self.output}")
        return self.output

    @property
    def output(self):
        return "\n".join(self.lines)


class Guest:
    """`disks` are lines of xl.cfg's disk list; `image` one of the rig's;
    `extra` more of xl.cfg."""

    def __init__(self, name, disks=(), memory_mib=256, vcpus=1, kind="pv",
                 image="plain", cmdline="", extra="", initrd=None):
        self.name, self.kind, self.disks = name, kind, list(disks)
        self.memory_mib, self.vcpus = memory_mib, vcpus
        self.initrd = initrd or os.environ[f"RIG_GUEST_{image}"]
        self.cmdline, self.extra = cmdline, extra
        self.log_path = os.path.join(OUT, "guests", f"guest-{name}.log")
        # Another guest of this name may have been here before.
        self.log_from = (os.path.getsize(self.log_path)
                         if os.path.exists(self.log_path) else 0)
        self.log, self.part = None, b""
        self.up, self.jobs, self.id = 0, {}, None
        self.wrong = None
        self.store = Store()

    # ---- life ------------------------------------------------------------

    def config(self):
        """The name of its xl.cfg."""
        path = f"/tmp/{self.name}.cfg"
        with open(path, "w") as f:
            f.write(f"""\
name = "{self.name}"
type = "{self.kind}"
kernel = "{KERNEL}"
ramdisk = "{self.initrd}"
extra = "{CMDLINE} {self.cmdline}"
memory = {self.memory_mib}
vcpus = {self.vcpus}
disk = [{", ".join(f"'{d}'" for d in self.disks)}]
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
{self.extra}
""")
        return path

    def create(self, timeout_s=120):
        """xl create, no more; what it printed."""
        text = xl("create", self.config(), timeout_s=timeout_s)
        self.id = int(xl("domid", self.name))
        return text

    def start(self):
        """Create it and wait until it runs commands."""
        self.create()
        self.await_up()
        return self

    def await_up(self, times=1, timeout_s=UP_S):
        self.follow(lambda: self.up >= times, "shell", timeout_s)

    def alive(self):
        return self.store.read(f"/local/domain/{self.id}/name") is not None

    def await_gone(self, timeout_s=GONE_S):
        """Wait until neither store nor hypervisor know it."""
        self.store.await_value(f"/local/domain/{self.id}/name", None,
                               timeout_s)
        end = time.monotonic() + timeout_s
        while str(self.id) in known_domains():
            if time.monotonic() > end:
                raise GuestError(f"{self.name} is a zombie: somebody keeps "
                                 f"its pages")
            time.sleep(LOOK_S)

    def power_off(self, timeout_s=GONE_S):
        """The guest's own orderly end."""
        self.spawn("sync; poweroff -f")
        self.await_gone(timeout_s)

    def destroy(self, timeout_s=GONE_S):
        text = xl("destroy", self.id)
        self.await_gone(timeout_s)
        return text

    def save(self, path):
        """xl save: the guest is gone, its memory in `path`."""
        text = xl("save", self.name, path)
        self.await_gone()
        return text

    def restore(self, path):
        """xl restore, under a new domain id; jobs go on."""
        text = xl("restore", path)
        self.id = int(xl("domid", self.name))
        return text

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            print(f"# {self.name}'s last words:")
            print("# " + self.tail().replace("\n", "\n# "), flush=True)
            for witness in witnesses:
                witness()
        if self.id is not None and self.alive():
            xl("destroy", self.id, status=None)
        self.store.socket.close()

    # ---- console ---------------------------------------------------------

    def tail(self, lines=12):
        try:
            with open(self.log_path, errors="replace") as f:
                return "".join(f.readlines()[-lines:]).rstrip()
        except FileNotFoundError:
            return "(none)"

    def look(self):
        """Take in what the console has said since."""
        if self.log is None:
            if not os.path.exists(self.log_path):
                return
            self.log = open(self.log_path, "rb")
            self.log.seek(self.log_from)
        *lines, self.part = (self.part + self.log.read()).split(b"\n")
        for line in lines:
            m = LINE.search(line.decode(errors="replace").strip("\r"))
            if m:
                self.take(*m.groups())

    def take(self, what, number, text):
        job = self.jobs.get(number)
        if what == "up":
            self.up += 1
        elif what.startswith("no-"):
            self.wrong = f"{what} {number or ''}"
        elif job and what == "out":
            job.lines.append(text or "")
        elif job and what == "end":
            job.status = int(text)

    def follow(self, condition, what, timeout_s):
        """Follow the console until condition() is true."""
        end = time.monotonic() + timeout_s
        while True:
            gone = not self.alive()
            self.look()
            if condition():
                return
            if self.wrong or gone:
                raise GuestError(f"{self.name}: {self.wrong or 'gone'} while "
                                 f"waiting for {what}")
            if time.monotonic() > end:
                raise GuestError(f"{self.name}: no {what} after {timeout_s} s")
            time.sleep(LOOK_S)

    def spawn(self, command):
        """Start a shell command in the guest."""
        number = str(len(self.jobs) + 1)
        self.jobs[number] = job = Job(self, command)
        tty = self.store.read(f"/local/domain/{self.id}/console/tty")
        with open(tty, "wb", buffering=0) as f:
            f.write(f"{number} {command}\n".encode())
        return job

    def run(self, command, timeout_s=RUN_S, status=0):
        return self.spawn(command).wait(timeout_s, status)


def known_domains():
    """The ids of all domains, dying ones too."""
    return {line.split()[-5] for line in xl("list").splitlines()[1:]}
