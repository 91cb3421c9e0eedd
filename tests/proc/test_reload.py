#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon reads its configuration again while it serves."""
import os
import signal
from contextlib import contextmanager

from front import Front
from load import BLOCK
from restart import kill, next_worker, worker
from rig import Machine, pvb, run, until


def configure(m, *lines):
    with open(m.path("conf"), "w") as f:
        f.write("\n".join(lines) + "\n")


@contextmanager
def machine(*lines, args=()):
    with Machine(serve=False) as m:
        configure(m, *lines)
        m.start_serve("--config", m.path("conf"), *args)
        yield m


def says(m, text, times=1):
    until(lambda: m.serve.output().count(text) == times, text)


def reload(m, *lines, times=1):
    configure(m, *lines)
    os.kill(m.serve.pid, signal.SIGHUP)
    says(m, f"{m.path('conf')}: read again", times)


def test_it_takes_effect_at_once():
    with machine("worker-deaths = 1000", "drain = no") as m:
        m.attach(1, "xvda", m.image())
        m.attach(2, "xvda", m.image("b"))
        with Front(m.vbd(1)) as f, Front(m.vbd(2)) as g:
            assert f.write(b"x" * BLOCK) == 0
            former = worker(m)
            kill(former)
            next_worker(m, former)
            assert f.write(b"x" * BLOCK) == 0
            reload(m, "worker-deaths = 1", "drain = yes")
            kill(worker(m))
            until(lambda: "(worker)" in m.serve.output(), "an end")
            assert g.write(b"x" * BLOCK) == 0
            assert m.serve.stop() == 0
            seen = pvb("explain", "--host", m.host, "--json", 2, "xvda").stdout
            assert '"closed"' in seen, seen
            m.start_serve()


def test_a_log_of_more():
    with machine() as m:
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)):
            pass
        assert "debug: " not in m.serve.output()
        reload(m, "log = debug")
        m.attach(1, "xvdb", m.image("b"))
        says_debug = "debug: domain 1 device 51728"
        until(lambda: says_debug in m.serve.output(), says_debug)


def test_the_command_line_has_the_last_word():
    with machine("log = info", args=("--log", "error")) as m:
        configure(m, "log = debug", "drain = maybe")
        os.kill(m.serve.pid, signal.SIGHUP)
        says(m, "drain maybe: yes or no")
        configure(m, "log = debug")
        os.kill(m.serve.pid, signal.SIGHUP)
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)):
            pass
        assert "debug: " not in m.serve.output()
        assert "read again" not in m.serve.output()     # at info


def test_what_is_wrong_changes_nothing():
    with machine("worker-deaths = 1000") as m:
        path = m.path("conf")
        for i, (line, why) in enumerate((
                ("worker-deaths = many", "conf:1: worker-deaths many: a "
                 "number from 1"),
                ("deaths = 1", "conf:1: deaths: unknown setting"),
                ("worker-deaths", "conf:1: not a line of name = value"))):
            configure(m, line)
            os.kill(m.serve.pid, signal.SIGHUP)
            says(m, f"{path}: all settings are left as they were", i + 1)
            assert why in m.serve.output(), m.serve.output()
        os.unlink(path)
        os.kill(m.serve.pid, signal.SIGHUP)
        says(m, f"{path}: all settings are left as they were", 4)
        m.attach(1, "xvda", m.image())
        with Front(m.vbd(1)) as f:
            assert f.write(b"x" * BLOCK) == 0
            former = worker(m)
            kill(former)
            next_worker(m, former)


def test_what_needs_another_daemon_is_named():
    with machine() as m:
        reload(m, "host = local:/elsewhere", "control = /elsewhere")
        for name in ("host", "control"):
            assert f"{m.path('conf')}: another {name} needs another " \
                "daemon" in m.serve.output(), m.serve.output()
        assert m.list() == []


run(globals())
