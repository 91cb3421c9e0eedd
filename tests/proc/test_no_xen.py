#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What each command says where there is no Xen, or not all of it, and to a user
without rights: one line that names what is missing and, if there is one, the
cure."""
import os
import tempfile

from rig import Machine, Skip, pvb, refused, run

NOBODY = 65534
# Whoever speaks to a host, and what stands before what is missing.
COMMANDS = (
    (["serve"], "serve: "),
    (["attach", 1, "xvda", "mem:1M"], "attach xvda to domain 1: "),
    (["detach", 1, "xvda"], "detach xvda from domain 1: "),
    (["list"], ""), (["stat"], ""), (["resize", 1, "xvda"], ""),
)
ON_STORE = COMMANDS[1:3]
ON_DAEMON = COMMANDS[3:]


def need_no_xen():
    if os.path.exists("/dev/xen/xenbus") or os.path.exists("/proc/xen/xenbus"):
        raise Skip("there is a Xen here")


def need_xen_in_pvb():
    r = pvb("detach", 1, "xvda", status=1, env=with_store("/nowhere"))
    if "without Xen" in r.stderr:
        raise Skip("pvb was built without Xen")


def need_root():
    if os.geteuid() != 0:
        raise Skip("must be root to become somebody without rights")


def with_store(path):
    """The environment of a host whose xenstored listens at `path`."""
    return dict(os.environ, XENSTORED_PATH=path)


def says(line, args, **more):
    said = refused(1, args=args, **more)
    assert said == "pvb: " + line, (args, said)


def test_no_xen_here():
    need_no_xen()
    line = "no Xen on this machine; start 'pvb local --dir DIR' and use " \
        "--host local:DIR"
    for command, _ in COMMANDS:
        says(line, command)
        says(line, [*command, "--host", "xen"])
    says("vbd:xvda?host=xen: " + line, ["bench", "vbd:xvda?host=xen"])


def test_a_disk_of_no_machine():
    need_no_xen()
    for disk in ("vbd:xvda", "vbd:1/xvda"):
        says(f"{disk}: which machine? Say host=local:DIR (there is no Xen "
             "here)", ["bench", disk])


def test_no_store_answers():
    need_no_xen()
    need_xen_in_pvb()
    line = "no Xen store answers: neither xenstored at /nowhere nor " \
        "/dev/xen/xenbus"
    for command, prefix in ON_STORE:
        says(prefix + line, command, env=with_store("/nowhere"))
    says("vbd:xvda: " + line, ["bench", "vbd:xvda"],
         env=with_store("/nowhere"))


def test_no_device_nodes():
    need_no_xen()
    need_xen_in_pvb()
    with Machine(serve=False) as m:
        says("serve: there is no /dev/xen/evtchn (not on Xen, or 'modprobe "
             "xen-evtchn' is missing)", ["serve"],
             env=with_store(m.dir + "/store"))


def test_no_rights_for_xens_store():
    need_root()
    need_no_xen()
    need_xen_in_pvb()
    line = "no permission for the Xen store (only root has it)"
    with Machine(serve=False) as m:
        env = with_store(m.dir + "/store")
        for command, prefix in ON_STORE:
            says(prefix + line, command, env=env, user=NOBODY)
        says("vbd:xvda: " + line, ["bench", "vbd:xvda"], env=env, user=NOBODY)


def test_no_rights_for_a_local_machine():
    need_root()
    with Machine() as m:
        line = f"no permission for the store at {m.dir}/store"
        host = ["--host", m.host]
        for command, prefix in COMMANDS[:1] + ON_STORE:
            says(prefix + line, [*command, *host], user=NOBODY)
        for command, _ in ON_DAEMON:
            says(f"no permission for {m.dir}/control (only who runs 'pvb "
                 "serve' has it)", [*command, *host], user=NOBODY)


def test_no_rights_for_a_local_domain():
    need_root()
    with Machine(serve=False) as m:
        disk = m.vbd(1)
        says(f"{disk}: no permission for the store at {m.dir}/dom1/store",
             ["bench", disk], user=NOBODY)
        # Nor where it can be seen that the domain is not there.
        os.chmod(m.work, 0o755)
        os.chmod(m.dir, 0o755)
        says(f"{disk}: no permission for the store at {m.dir}/store",
             ["bench", disk], user=NOBODY)


def test_no_rights_where_a_machine_is_to_be():
    need_root()
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        for path in (f"{d}/m", f"{d}/new/m"):
            says(f"local: {path}: cannot make the directory: Permission "
                 "denied", ["local", "--dir", path], user=NOBODY)


run(globals())
