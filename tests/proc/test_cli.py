#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands as a person or a script uses them."""
import json
import os
import signal
import subprocess

from rig import (Daemon, Machine, PVB, Skip, need, pvb, pvb_json, run,
                 switches, until)


def same(a, b):
    with open(a, "rb") as x, open(b, "rb") as y:
        assert x.read() == y.read(), f"{a} and {b} differ"


def allocated(path):
    return os.stat(path).st_blocks * 512


def test_every_command_has_help():
    names = [l.split()[0] for l in pvb("--help").stdout.splitlines()
             if l.startswith("  ")]
    assert len(names) >= 11, names
    for n in names:
        assert pvb(n, "--help").stdout.startswith("usage: pvb " + n)


def test_version():
    assert pvb("--version").stdout.startswith("pvb ")


def test_vdev():
    o = pvb_json("vdev", "xvda1", "51728", "hdc", "d16p0")
    assert [d["number"] for d in o] == [51713, 51728, 5632, 268439552]
    assert o[1]["name"] == "xvdb" and o[2]["linux"] == "xvdc"


def test_copy_keeps_holes():
    with Machine(serve=False) as m:
        src, dst = m.image("src", 64 << 20, fill=False), m.path("dst")
        with open(src, "r+b") as f:
            for at in (0, 1 << 20, 40 << 20):
                f.seek(at)
                f.write(os.urandom(100000))
        pvb("copy", src, dst)
        same(src, dst)
        assert allocated(dst) <= allocated(src) + (1 << 20)


def test_copy_overwrites_what_was_there():
    with Machine(serve=False) as m:
        src = m.image("src", 8 << 20, fill=False)
        dst = m.image("dst", 8 << 20)
        with open(src, "r+b") as f:
            f.seek(3 << 20)
            f.write(os.urandom(4096))
        pvb("copy", src, dst)
        same(src, dst)


def test_copy_through_the_ring_both_ways():
    with Machine() as m:
        src, back = m.image("src", 24 << 20), m.image("back", 24 << 20, False)
        m.attach(1, "xvda", back)
        pvb("copy", src, m.vbd(1))
        same(src, back)
        pvb("copy", m.vbd(1), m.path("out"))
        same(src, m.path("out"))


def test_copy_says_what_a_frontend_agreed_on():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=1 << 20), "--indirect", "16")
        out = m.path("out")
        said = pvb("copy", "--log", "info", m.vbd(1, more="&ring-order=1"),
                   out).stderr
        assert "domain 0 serves it: 1 queue, 2 ring pages, " \
            "16 indirect segments, 2048 sectors" in said, said
        assert pvb("copy", m.vbd(1), out).stderr == ""


def test_copy_of_a_memory_disk_to_a_new_file():
    with Machine(serve=False) as m:
        pvb("copy", "mem:3M", m.path("out"))
        assert os.path.getsize(m.path("out")) == 3 << 20
        assert allocated(m.path("out")) == 0


def test_a_copy_that_fails_leaves_no_file():
    with Machine(serve=False) as m:
        src = m.image(size=8 << 20)
        pvb("copy", f"fault:{src}?fail=EIO,op:read,after:3", m.path("out"),
            status=1)
        assert not os.path.exists(m.path("out"))
        # What was there before is not ours to remove.
        there = m.image("there", 8 << 20)
        pvb("copy", f"fault:{src}?fail=EIO,op:read,after:3", there, status=1)
        assert os.path.getsize(there) == 8 << 20


def test_an_interrupted_copy_leaves_no_file():
    with Machine(serve=False) as m:
        src, out = m.image(size=8 << 20), m.path("out")
        for number in (signal.SIGTERM, signal.SIGHUP):
            p = m.spawn(PVB, "copy", f"fault:{src}?delay=20000", out)
            until(lambda: os.path.exists(out), "destination", process=p)
            p.send_signal(number)
            assert p.wait(30) == -number, p.returncode
            assert not os.path.exists(out)
        pvb("copy", src, out)
        same(src, out)


def test_list_has_what_was_negotiated():
    with Machine() as m:
        m.attach(3, "xvdb", m.image(size=8 << 20), "--ring-order", "2")
        p = m.spawn(PVB, "bench", "--time", "30", m.vbd(3, "xvdb"))
        until(lambda: m.states(3, "xvdb") == ("connected", "connected"),
              "connection", process=p)
        d = m.device(3, "xvdb")
        assert d["protocol"] == "blkif" and d["number"] == 51728
        assert d["abi"] in ("x86_64-abi", "arm-abi")
        assert d["ring_pages"] == 4 and d["queues"] == 1
        assert d["sectors"] == (8 << 20) // 512 and d["sector_size"] == 512
        assert d["readonly"] is False and d["worker_pid"] > 0
        assert d["disk"] == m.path("disk.img")
        for key in ("indirect_segments", "persistent"):
            assert key in d
        text = pvb("list", "--host", m.host).stdout
        assert "xvdb" in text and "connected" in text
        p.kill()


def test_list_shows_rings_segments_and_grants():
    for offered, asked, shown in (
            (["--queues", "2"], "&queues=2&ring-order=1",
             "2x2 pages   256 indirect persistent"),
            (["--indirect", "11", "--no-persistent"], "&ring-order=0",
             "1 page       11          -"),
            (["--segment-blocks"], "&segment-blocks=on&indirect=0",
             "4 pages     255 blocks   persistent")):
        with Machine() as m:
            m.attach(1, "xvda", "mem:1M", *offered)
            p = m.spawn(PVB, "bench", "--time", "30", m.vbd(1, more=asked))
            until(lambda: m.states(1) == ("connected", "connected"),
                  "connection", process=p)
            text = pvb("list", "--host", m.host).stdout
            assert f" {shown} " in text, text
            p.kill()


def test_a_name_that_is_no_utf_8_hides_no_device():
    with Machine() as m:
        disk = os.fsencode(m.path("")) + b"\xfc\n\xc3\xa4.img"
        with open(disk, "wb") as f:
            f.truncate(1 << 20)
        r = subprocess.run(
            [PVB, "attach", "--host", m.host, "1", "xvda", disk], timeout=60)
        assert r.returncode == 0
        assert m.device(1)["disk"] == m.path("??\u00e4.img")
        assert m.stat()[0]["disk"] == m.path("??\u00e4.img")
        assert "??\u00e4.img" in pvb("list", "--host", m.host).stdout


def test_list_is_in_order():
    with Machine() as m:
        for domain, vdev in ((2, "xvda"), (1, "xvdc"), (10, "xvda"),
                             (1, "xvdb")):
            m.attach(domain, vdev, "mem:1M")
        assert [(d["domain"], d["vdev"]) for d in m.list()] == [
            (1, "xvdb"), (1, "xvdc"), (2, "xvda"), (10, "xvda")]
        text = pvb("list", "--host", m.host).stdout.splitlines()
        assert text[1].split()[-2:] == ["-", "mem:1M"], text


def test_a_cdrom_is_read_only():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M", "--cdrom")
        r = pvb("bench", "--rw", "write", m.vbd(1), status=1)
        assert "read-only" in r.stderr, r.stderr
        need("xenstore-read")
        r = subprocess.run(["xenstore-read",
                            "/local/domain/0/backend/pvb/1/51712/mode"],
                           env=dict(os.environ,
                                    XENSTORED_PATH=m.dir + "/store"),
                           capture_output=True, text=True)
        assert r.stdout == "r\n", r


def test_a_machine_below_a_directory_that_is_missing():
    with Machine(serve=False) as m:
        above = m.path("run")
        d = Daemon("local", "--dir", above + "/m")
        assert os.stat(above).st_mode & 0o777 == 0o755
        assert os.stat(above + "/m").st_mode & 0o777 == 0o700
        assert d.stop() == 0
        assert not os.path.exists(above)
        r = pvb("local", "--dir", above + "/not/m", status=1)
        assert above in r.stderr and "o such file" in r.stderr, r.stderr


def test_a_disk_that_is_gone_is_said_so():
    with Machine(serve=False) as m:
        r = pvb("copy", m.image(size=8 << 20), "fault:mem:8M?die-after=3",
                status=1)
        assert "the disk is gone" in r.stderr, r.stderr


def test_stat_counts_what_was_moved():
    with Machine() as m:
        m.attach(1, "xvda", m.image(size=8 << 20))
        pvb("copy", m.vbd(1), m.path("out"))
        s = m.stat()[0]
        assert s["read"]["bytes"] == 8 << 20, s["read"]
        assert s["read"]["errors"] == 0 and s["write"]["requests"] == 0
        assert 0 < s["read"]["p50"] <= s["read"]["p99"] <= s["read"]["p999"]
        assert s["refused"] == {}


def test_resize_of_a_live_disk_is_seen():
    with Machine() as m:
        disk = m.image(size=8 << 20)
        m.attach(1, "xvda", disk)
        p = m.spawn(PVB, "bench", "--time", "30", m.vbd(1))
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        os.truncate(disk, 16 << 20)
        pvb("resize", "--host", m.host, 1, "xvda")
        assert m.device(1)["sectors"] == (16 << 20) // 512
        assert p.poll() is None
        p.kill()
        p.wait()
        until(lambda: m.states(1)[0] == "closed", "closed backend")
        pvb("copy", m.vbd(1), m.path("out"))
        assert os.path.getsize(m.path("out")) == 16 << 20


def test_detach_in_use_is_left_then_forced():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        p = m.spawn(PVB, "bench", "--time", "60", m.vbd(1))
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        # Our own frontend lets go when it is asked.
        m.detach(1, "xvda")
        assert m.list() == []
        p.wait(30)


def test_detach_says_that_no_backend_is_there():
    with Machine(serve=False) as m:
        m.attach(1, "xvda", m.image(), "--no-wait")
        r = m.detach(1, "xvda", "--timeout", "0.2", status=1)
        assert r.stderr == \
            "pvb: detach xvda from domain 1: no backend closed it (is 'pvb " \
            "serve' running? --force takes it away)\n", r.stderr
        m.detach(1, "xvda", "--timeout", "0.2", "--force")
        assert m.counts()["store_nodes"] < 20


def test_bench_json():
    o = pvb_json("bench", "--time", "0.2", "null:1G")
    assert o["iops"] > 1000 and o["bytes_per_s"] > o["iops"]
    assert set(o["latency_us"]) == {"p50", "p99", "p999"}
    assert o["cpu_us_per_request"] > 0


def test_bench_leaves_the_uris_own_poll():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        pvb("bench", "--time", "0.1", m.vbd(1, more="&poll=never"))


def test_bench_shows_time_not_bytes():
    master, terminal = os.openpty()
    p = subprocess.Popen([PVB, "bench", "--time", "0.5", "null:1G"],
                         stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(master, 4096):
            shown += part
    except OSError:             # the other end is closed
        pass
    os.close(master)
    assert p.wait(30) == 0
    assert b" s done, " in shown and b"B/s" not in shown, shown


def test_read_only_disk_refuses_writes():
    with Machine() as m:
        src, disk = m.image("src"), m.image()
        with open(disk, "rb") as f:
            before = f.read()
        m.attach(1, "xvda", disk, "--readonly")
        r = pvb("copy", src, m.vbd(1), status=1)
        assert "read-only" in r.stderr, r.stderr
        with open(disk, "rb") as f:
            assert f.read() == before


def test_an_image_in_use_by_another_is_refused():
    with Machine() as m:
        disk = m.image()
        m.attach(1, "xvda", disk)
        m.attach(2, "xvda", disk)
        p = m.spawn(PVB, "bench", "--rw", "randwrite", "--time", "30",
                    m.vbd(1))
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        r = pvb("copy", m.vbd(2), m.path("out"), status=1)
        assert "vbd:2/xvda" in r.stderr, r.stderr
        assert f"the backend closed it: {disk}: another process has it " \
            "open for writing" in r.stderr, r.stderr
        d = m.device(2)
        assert d["reason"] == "disk" and "open for writing" in d["error"], d
        p.kill()


def test_one_daemon_serves_a_host():
    with Machine() as m:
        r = pvb("serve", "--host", m.host, "--control", m.path("other"),
                status=1)
        assert f"another pvb serve (process {m.serve.pid}) serves this " \
            "host" in r.stderr, r.stderr
        assert not os.path.exists(m.path("other"))
        # Neither an end in order nor a death keeps the next one out.
        m.serve.stop()
        assert not os.path.exists(m.dir + "/serve.lock")
        m.start_serve().kill()
        m.start_serve()
        pvb("bench", "--time", "0.05", m.attach(1, "xvda", "mem:1M"))


def xenstore(m, tool, *args):
    need(f"xenstore-{tool}")
    return subprocess.run([f"xenstore-{tool}", *args], text=True,
                          env=dict(os.environ, XENSTORED_PATH=m.dir + "/store"),
                          capture_output=True)


def test_half_a_device_can_be_detached():
    back, front = "backend/pvb/1/51712", "device/vbd/51712"
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        xenstore(m, "rm", f"/local/domain/0/{back}")
        until(lambda: m.list() == [], "forgotten device")
        r = pvb("attach", "--host", m.host, 1, "xvda", "mem:1M", status=1)
        assert "half of a device" in r.stderr, r.stderr
        m.detach(1, "xvda")
        r = xenstore(m, "exists", f"/local/domain/1/{front}")
        assert r.returncode != 0, "its front's directory was left"
        m.detach(1, "xvda", status=1)
        m.attach(1, "xvda", "mem:1M")


def test_an_interrupted_attach_is_undone():
    with Machine(serve=False) as m:
        m.attach(1, "xvdb", "mem:1M", "--no-wait")
        before = m.counts()["store_nodes"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            p = m.spawn(PVB, "attach", "--host", m.host, 1, "xvda", "mem:1M",
                        stderr=subprocess.PIPE, text=True)
            until(lambda: m.counts()["store_nodes"] > before, "nodes",
                  process=p)
            p.send_signal(number)
            _, err = p.communicate(timeout=30)
            assert p.returncode == 128 + number, (p.returncode, err)
            assert "interrupted" in err, err
            assert m.counts()["store_nodes"] == before


def test_attach_says_what_the_backend_cannot_open():
    if os.geteuid() != 0:
        raise Skip("must be root to show a process other files")
    with Machine(serve=False) as m:
        os.mkdir(m.path("images"))
        # What we see in this directory, the daemon does not.
        m.serve = Daemon("serve", "--host", m.host, "--log", "error", prefix=[
            "unshare", "-m", "sh", "-c", "mount -t tmpfs none \"$0\" && "
            "exec \"$@\"", m.path("images")])
        path = m.image("images/disk.img")
        r = pvb("attach", "--host", m.host, 1, "xvda", path, status=1)
        assert "attach xvda" in r.stderr and "o such file" in r.stderr, \
            r.stderr
        assert m.list() == []


def test_parts_may_start_in_any_order():
    with Machine(serve=False) as m:
        m.local.stop()
        attach = m.spawn(PVB, "attach", "--host", m.host, 1, "xvda", "mem:1M")
        serve = m.spawn(PVB, "serve", "--host", m.host,
                        stdout=subprocess.DEVNULL)
        # They find no machine, and wait.
        until(lambda: switches(attach.pid) + switches(serve.pid) > 20,
              "waiting", process=attach)
        m.local = Daemon("local", "--dir", m.dir)
        assert attach.wait(30) == 0
        assert m.states(1)[0] == "init-wait"
        serve.terminate()
        assert serve.wait(30) == 0


def test_serve_reads_a_configuration_file():
    with Machine(serve=False) as m:
        conf = m.path("pvb.conf")
        with open(conf, "w") as f:
            f.write(f"# where\nhost = {m.host}\nlog = debug\n")
        d = Daemon("serve", "--config", conf)
        m.serve = d
        assert m.list() == []
        with open(conf, "a") as f:
            f.write("colour = red\n")
        r = pvb("serve", "--config", conf, status=2)
        assert "colour" in r.stderr


def test_serve_takes_devices_that_were_there_before():
    with Machine(serve=False) as m:
        disk = m.image()
        pvb("attach", "--host", m.host, "--no-wait", 1, "xvda", disk)
        m.start_serve()
        until(lambda: m.states(1) and m.states(1)[0] == "init-wait",
              "device taken")
        pvb("copy", m.vbd(1), m.path("out"))
        same(disk, m.path("out"))


def test_drain_closes_devices():
    with Machine(serve=False) as m:
        m.start_serve("--drain")
        m.attach(1, "xvda", m.image())
        p = m.spawn(PVB, "bench", "--time", "60", m.vbd(1, more="&reconnect=0"))
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        assert m.serve.stop() == 0
        assert m.node("/local/domain/0/backend/pvb/1/51712/state") == "6"
        p.wait(30)


def test_drain_ends_whatever_the_devices_are():
    """Those that nobody uses close at once, and are not begun anew while the
    others take their time."""
    with Machine(serve=False) as m:
        m.start_serve("--drain")
        m.attach(1, "xvda", "fault:mem:1M?delay=300")
        for vdev in ("xvda", "xvdb"):
            m.attach(2, vdev, "mem:1M")
        p = m.spawn(PVB, "bench", "--time", "60", m.vbd(1, more="&reconnect=0"))
        until(lambda: m.states(1) == ("connected", "connected"), "connection",
              process=p)
        assert m.serve.stop() == 0
        for device in ("1/51712", "2/51712", "2/51728"):
            path = f"/local/domain/0/backend/pvb/{device}/state"
            assert m.node(path) == "6", device
        p.wait(30)


run(globals())
