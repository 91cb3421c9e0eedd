#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad input: each has a message of its own that names the thing, status 1
(it failed) or 2 (wrong usage), one line, and leaves nothing behind."""
import os
import socket
import stat
import subprocess
import tempfile

from rig import Machine, PVB, Skip, pvb, refused, run


def attach_refused(m, disk, *needles, status=1, vdev="xvda", more=()):
    before = m.counts()["store_nodes"]
    line = refused(status, *needles,
                   args=["attach", "--host", m.host, *more, 1, vdev, disk])
    assert m.counts()["store_nodes"] <= before + 2, "nodes were left behind"
    assert m.list() == [], "a device was left behind"
    return line


def test_missing_image():
    with Machine() as m:
        attach_refused(m, m.path("nowhere.img"), "nowhere.img",
                       "no such file")


def test_empty_image():
    with Machine() as m:
        attach_refused(m, m.image(size=0), "disk.img", "empty")


def test_image_that_is_no_multiple_of_512():
    with Machine() as m:
        attach_refused(m, m.image(size=1000), "disk.img", "512")


def test_directory():
    with Machine() as m:
        attach_refused(m, m.work, m.work, "directory")


def test_no_permission():
    if os.geteuid() != 0:
        raise Skip("must be root to become somebody without rights")
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        path = os.path.join(d, "secret.img")
        with open(path, "wb") as f:
            f.truncate(1 << 20)
        os.chmod(path, 0)
        refused(1, "secret.img", "ermission",
                args=["copy", path, os.path.join(d, "out")], user=65534)


def test_unknown_scheme():
    with Machine() as m:
        attach_refused(m, "floppynet:17", "floppynet")


def test_unknown_disk_option():
    with Machine() as m:
        attach_refused(m, f"file:{m.image()}?colour=red", "colour")


def test_unknown_option():
    refused(2, "--colour", args=["attach", "--colour", "red"])


def test_unknown_command():
    refused(2, "atach", args=["atach"])


def test_option_without_its_value():
    refused(2, "--host", args=["list", "--host"])


def test_vdev_that_is_none():
    for name in ("xvd", "xvda0", "sdz9999", "hde", "d-1p0", "", "536870912"):
        with_name = ["attach", "--host", "local:/nowhere", 1, name, "x"]
        refused(2, name, args=with_name)


def test_domain_that_is_none():
    for name in ("-1", "one", "99999", "1.5"):
        refused(2, name, args=["attach", "--host", "local:/nowhere", "--",
                               name, "xvda", "x"])


def test_vdev_in_use():
    with Machine() as m:
        disk = m.image()
        m.attach(1, "xvda", disk)
        refused(1, "xvda", "already", args=["attach", "--host", m.host, 1,
                                            "xvda", disk])
        assert len(m.list()) == 1


def test_detach_of_what_is_not_there():
    with Machine() as m:
        refused(1, "xvdb", args=["detach", "--host", m.host, 1, "xvdb"])


def test_domain_that_is_not_there():
    with Machine() as m:
        refused(1, "domain 7", args=["copy", m.vbd(7), m.path("out")])


def test_device_that_is_not_attached():
    with Machine() as m:
        m.attach(1, "xvda", m.image())
        refused(1, "xvdb", args=["copy", m.vbd(1, "xvdb"), m.path("out")])


def test_machine_that_is_not_there():
    refused(1, "/nowhere", args=["attach", "--host", "local:/nowhere", 1,
                                 "xvda", "mem:1M"])


def test_daemon_that_is_not_there():
    with Machine(serve=False) as m:
        line = f"pvb: no daemon listens on {m.dir}/control (is 'pvb serve' " \
            "running?)"
        for command in (["list"], ["stat"], ["resize", 1, "xvda"]):
            assert refused(1, args=[*command, "--host", m.host]) == line


def test_host_that_is_none():
    refused(1, "host kvm", args=["list", "--host", "kvm"])


def test_attach_that_nobody_serves():
    with Machine(serve=False) as m:
        refused(1, "xvda", "pvb serve",
                args=["attach", "--host", m.host, "--timeout", "0.3", 1,
                      "xvda", m.image()])
        assert m.counts()["store_nodes"] < 20


def test_socket_in_use():
    with Machine() as m:
        path = m.path("nbd.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
            refused(1, "nbd.sock", "exists",
                    args=["loop", m.image(), "--nbd", path, "--run", "true"])
            assert stat.S_ISSOCK(os.stat(path).st_mode), "it was removed"


def test_socket_path_too_long():
    with Machine() as m:
        refused(1, "longer than a socket",
                args=["loop", m.image(), "--nbd", m.path("n" * 100), "--run",
                      "true"])


def test_machine_directory_too_long():
    refused(1, "long", args=["local", "--dir", "/tmp/" + "d" * 120])


def test_two_machines_in_one_directory():
    with Machine() as m:
        refused(1, m.dir, args=["local", "--dir", m.dir])


def test_two_daemons_on_one_machine():
    with Machine() as m:
        refused(1, "another pvb serve", str(m.serve.pid),
                args=["serve", "--host", m.host])


def test_copy_to_a_smaller_disk():
    with Machine() as m:
        src = m.image("src", 2 << 20)
        dst = m.image("dst", 1 << 20)
        refused(1, "dst", "smaller", args=["copy", src, dst])


def test_bench_blocks_that_do_not_fit():
    refused(1, "mem:64M", "--bs", "larger", "bytes",
            args=["bench", "--time", "0.1", "--bs", "32M", "mem:64M"])


def test_bench_says_the_uri_as_it_was_typed():
    with Machine() as m:
        m.attach(1, "xvda", "mem:1M")
        uri = m.vbd(1, more="&poll=never")
        line = refused(1, "poll", "twice", args=["bench", "--time", "0.1",
                                                 "--poll", "always", uri])
        assert line.startswith(f"pvb: {uri}: "), line


def test_domain_0_of_a_local_machine():
    with Machine() as m:
        refused(2, "domain 0", args=["attach", "--host", m.host, 0, "xvda",
                                     "mem:1M"])


def test_a_cdrom_that_is_a_floppy():
    refused(2, "--cdrom", "--floppy",
            args=["attach", "--host", "local:/nowhere", "--floppy", "--cdrom",
                  1, "xvda", "mem:1M"])


def test_json_of_a_running_machine():
    refused(2, "--json", "--counts", args=["local", "--json"])


def test_one_file_twice():
    with Machine(serve=False) as m:
        disk = m.image("a b.img")
        os.link(disk, m.path("other.img"))
        for twin in (disk, f"file:{disk.replace(' ', '%20')}",
                     m.path("other.img")):
            refused(1, "other.img" if "other" in twin else "a", "same file",
                    "--shared", args=["loop", disk, "mem:1M", twin, "--run",
                                      "echo it ran"])
        for more in ("--shared", "--readonly"):
            r = pvb("loop", disk, disk, more, "--run", "echo it ran")
            assert r.stdout == "it ran\n", r


def test_settings_that_are_none_are_found_again():
    with Machine(serve=False) as m:
        conf = m.path("pvb.conf")
        for setting, word in (("drain = maybe", "drain maybe"),
                              ("log = loud", "log loud"),
                              ("poll = often", "poll often"),
                              ("colour = red", "colour")):
            with open(conf, "w") as f:
                f.write(f"# where\nhost = {m.host}\n{setting}\n")
            refused(2, f"{conf}:3: {word}", args=["serve", "--config", conf])
        refused(2, "--log loud", args=["serve", "--log", "loud"])


def test_resize_names_the_device():
    with Machine() as m:
        refused(1, "domain 1 device xvdb", args=["resize", "--host", m.host,
                                                 1, "xvdb"])
        m.attach(1, "xvda", "mem:1M")
        refused(1, "domain 1 device xvda", args=["resize", "--host", m.host,
                                                 1, "xvda"])


def test_copy_to_itself():
    with Machine(serve=False) as m:
        disk = m.image()
        with open(disk, "rb") as f:
            before = f.read()
        os.symlink(disk, m.path("link"))
        for other in (disk, m.path("link"), f"file:{disk}?direct=off"):
            refused(1, "same file", args=["copy", disk, other])
        with open(disk, "rb") as f:
            assert f.read() == before


def test_standard_output_that_is_full():
    with open("/dev/full", "w") as full:
        r = subprocess.run([PVB, "vdev", "xvda"], stdout=full,
                           stderr=subprocess.PIPE, text=True)
    assert r.returncode == 1 and "standard output" in r.stderr, r


run(globals())
