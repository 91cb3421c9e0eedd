#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Xen's own tools on the local machine's store."""
import os
import subprocess

from rig import Machine, need, pvb, run, until


def xs(m, tool, *args, socket="store", **more):
    need(tool)
    env = dict(os.environ, XENSTORED_PATH=os.path.join(m.dir, socket))
    return subprocess.run([tool, *args], env=env, capture_output=True,
                          text=True, timeout=30, **more)


def test_write_read_ls_rm():
    with Machine(serve=False) as m:
        assert xs(m, "xenstore-write", "/a/b", "c").returncode == 0
        assert xs(m, "xenstore-read", "/a/b").stdout == "c\n"
        assert 'b = "c"' in xs(m, "xenstore-ls", "-f", "/a").stdout
        assert xs(m, "xenstore-rm", "/a").returncode == 0
        assert xs(m, "xenstore-exists", "/a/b").returncode == 1


def test_watch():
    need("xenstore-watch")
    with Machine(serve=False) as m:
        env = dict(os.environ, XENSTORED_PATH=m.dir + "/store")
        p = m.spawn("stdbuf", "-oL", "xenstore-watch", "-n", "2", "/w",
                    env=env, stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline().strip() == "/w"
        xs(m, "xenstore-write", "/w/x", "1")
        assert p.stdout.readline().strip() == "/w/x"
        assert p.wait(30) == 0


def test_nodes_of_a_device():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        ls = xs(m, "xenstore-ls", "-f", "-p", "/local/domain").stdout
        for node in ("/local/domain/0/backend/pvb/1/51712/frontend-id",
                     "/local/domain/1/device/vbd/51712/backend-id",
                     "/local/domain/0/backend/pvb/1/51712/online"):
            assert node in ls, ls
        back = next(l for l in ls.splitlines()
                    if l.startswith("/local/domain/0/backend/pvb/1/51712 "))
        front = next(l for l in ls.splitlines()
                     if l.startswith("/local/domain/1/device/vbd/51712 "))
        assert back.endswith("(n0,r1)"), back
        assert front.endswith("(n1,r0)"), front


def test_a_domain_has_its_own_rights():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        m.attach(2, "xvda", m.image("other.img"))
        dom1 = "dom1/store"
        assert xs(m, "xenstore-read", "device/vbd/51712/backend-id",
                  socket=dom1).stdout == "0\n"
        r = xs(m, "xenstore-write", "/local/domain/0/backend/pvb/1/51712/"
               "params", "/etc/passwd", socket=dom1)
        assert r.returncode != 0
        r = xs(m, "xenstore-read", "/local/domain/2/device/vbd/51712/state",
               socket=dom1)
        assert r.returncode != 0


run(globals())
