#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pvb loop: its environment, its exit status, what it leaves behind; and NBD
tools on its export."""
import glob
import json
import os
import signal
import subprocess

from rig import Machine, PVB, Skip, need, pvb, run, until


def loop(m, disks, command, status=0, args=()):
    env = dict(os.environ, TMPDIR=m.work, PATH=os.path.dirname(PVB) + ":" +
               os.environ["PATH"])
    r = pvb("loop", *disks, *args, "--run", command, status=status, env=env,
            cwd=m.work, timeout=120)
    left = glob.glob(os.path.join(m.work, "pvb-loop.*"))
    assert not left, f"left behind: {left}"
    return r


def machine():
    return Machine(serve=False)


def test_environment():
    with machine() as m:
        r = loop(m, [m.image("a.img"), m.image("b.img")],
                 "printf '%s\\n' \"$uri\" \"$uri1\" \"$vbd\" \"$vbd1\" "
                 "\"$host\"")
        uri, uri1, vbd, vbd1, host = r.stdout.splitlines()
        assert uri.startswith("nbd+unix:///?socket=") and uri != uri1
        assert vbd.startswith("vbd:") and "host=" in vbd and vbd != vbd1
        assert host.startswith("local:/")


def test_exit_status_is_the_commands():
    with machine() as m:
        loop(m, [m.image()], "exit 7", status=7)
        loop(m, [m.image()], "kill -9 $$", status=128 + 9)


def test_relative_path_and_odd_names():
    with machine() as m:
        m.image("a b?c%41.img", 1 << 20)
        r = loop(m, ["a b?c%41.img"], "pvb copy $vbd out && cmp out "
                 "'a b?c%41.img' && echo same")
        assert r.stdout == "same\n", r.stderr


def test_nbd_socket_where_it_was_asked_for():
    need("nbdinfo")
    with machine() as m:
        path = m.path("here.sock")
        r = loop(m, [m.image(size=3 << 20)], "nbdinfo --size "
                 f"'nbd+unix:///?socket={path}'", args=["--nbd", path])
        assert r.stdout.strip() == str(3 << 20)
        assert not os.path.exists(path)


def test_copy_through_nbd_is_the_image():
    need("nbdcopy")
    with machine() as m:
        loop(m, [m.image(size=64 << 20)], "nbdcopy $uri out && cmp out "
             "disk.img")


def test_write_through_nbd_reaches_the_image():
    need("nbdcopy")
    with machine() as m:
        m.image("new.img", 16 << 20)
        loop(m, [m.image(size=16 << 20)],
             "nbdcopy --flush new.img $uri && cmp new.img disk.img")


def test_what_nbd_clients_are_told():
    need("nbdinfo")
    with machine() as m:
        r = loop(m, [m.image()], "nbdinfo --json $uri")
        for word in ('"can_multi_conn": true', '"can_flush": true',
                     '"can_fua": true', '"can_trim": true',
                     '"is_read_only": false'):
            assert word in r.stdout, f"{word}: {r.stdout}"


def test_read_only():
    need("qemu-io")
    with machine() as m:
        m.image("new.img")
        r = loop(m, [m.image()], "nbdinfo --is readonly $uri && "
                 "! pvb copy new.img $vbd", args=["--readonly"])
        assert "read-only" in r.stderr, r.stderr


def test_qemu_writes_zeroes_discards_and_reads_back():
    need("qemu-io")
    with machine() as m:
        r = loop(m, [m.image()], "qemu-io -f raw -c 'write -P 7 64k 64k' "
                 "-c 'write -z 0 1M' -c 'discard 1M 1M' -c 'read -P 0 0 1M' "
                 "-c 'write -f -P 9 3M 4k' -c 'flush' -c 'read -P 9 3M 4k' "
                 "$uri")
        assert "failed" not in r.stdout + r.stderr, r.stdout + r.stderr


def test_fio_verifies_through_nbd():
    need("fio")
    with machine() as m:
        r = loop(m, [m.image(size=32 << 20)],
                 "fio --name=v --ioengine=nbd --uri=$uri --rw=randwrite "
                 "--bsrange=4k-256k --iodepth=32 --size=32M --verify=crc32c "
                 "--verify_fatal=1")
        assert "err= 0" in r.stdout, r.stdout


LIST = "pvb list --json --host $host && pvb stat --json --host $host"


def agreed(r):
    """What `pvb list` and `pvb stat` said, at the end of a loop's output."""
    text, both = r.stdout[r.stdout.index("[\n"):], []
    while text.strip():
        value, end = json.JSONDecoder().raw_decode(text.lstrip())
        both.append(value[0])
        text = text.lstrip()[end:]
    return both


def test_segment_blocks_carry_verified_data():
    need("fio")
    with machine() as m:
        r = loop(m, [m.image(size=32 << 20)],
                 "fio --name=v --ioengine=nbd --uri=$uri --rw=randwrite "
                 "--bsrange=4k-1M --iodepth=8 --size=32M --verify=crc32c "
                 "--verify_fatal=1 && " + LIST, args=["--segment-blocks"])
        assert "err= 0" in r.stdout, r.stdout
        listed, stat = agreed(r)
        assert listed["block_segments"] == 255, listed
        assert listed["indirect_segments"] == 0, listed
        # More than eleven pages in a request, or they were of no use.
        for way in ("read", "write"):
            mean = stat[way]["bytes"] / stat[way]["requests"]
            assert mean > 11 * 4096, f"{way}: {mean} bytes in a request"
        assert stat["refused"] == {}, stat


def test_segment_blocks_of_a_32_bit_frontend():
    with machine() as m:
        image = m.image(size=16 << 20)
        m.image("new.img", 16 << 20)
        r = loop(m, [image], "v=$vbd'&protocol=x86_32-abi&ring-order=0'; "
                 "pvb copy new.img $v && "
                 "pvb copy --log info $v back.img && "
                 "cmp new.img back.img && cmp new.img disk.img && " + LIST,
                 args=["--segment-blocks"])
        listed, stat = agreed(r)
        assert listed["abi"] == "x86_32-abi", listed
        assert "1 ring pages, 255 block segments" in r.stderr, r.stderr
        assert listed["block_segments"] == 255, listed
        assert stat["refused"] == {}, stat


def test_segment_blocks_are_for_who_asks():
    with machine() as m:
        for args, front, blocks in (
                (["--segment-blocks"], "${vbd%%&*}", 0),
                (["--segment-blocks", "--indirect", "0"],
                 "${vbd%%&*}&segment-blocks=on", 255),
                (["--indirect", "0"], "$vbd&segment-blocks=on", 0)):
            r = loop(m, [m.image(size=1 << 20)], f'pvb copy "{front}" out && '
                     "cmp out disk.img && rm out && " + LIST, args=args)
            listed, _ = agreed(r)
            assert listed["block_segments"] == blocks, (args, listed)


def test_vbd_is_free_while_no_client_is_connected():
    need("nbdinfo")
    with machine() as m:
        loop(m, [m.image(size=1 << 20)],
             "nbdinfo --size $uri >/dev/null && pvb copy $vbd out && "
             "nbdinfo --size $uri >/dev/null && cmp out disk.img")


def test_an_interrupt_tidies_up():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work)
        p = m.spawn(PVB, "loop", m.image(), env=env, stdout=subprocess.PIPE,
                    text=True)
        assert "nbd+unix" in p.stdout.readline()
        p.send_signal(signal.SIGINT)
        assert p.wait(30) == 0
        assert not glob.glob(os.path.join(m.work, "pvb-loop.*"))


def left_behind(m):
    return glob.glob(os.path.join(m.work, "pvb-loop.*"))


# Of CMD's parent, which is the loop.
NBDKIT = "$(pgrep -P $PPID -x nbdkit)"
DAEMON = "$(pgrep -P $PPID -f '[p]vb %s --')"


# And wait until it has ended, which is when its parent can see it.
KILL = "p=%s; kill -9 $p; until grep -q '^State:.Z' /proc/$p/status; " \
       "do :; done; "


def test_a_dead_nbdkit_ends_it():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work)
        p = m.spawn(PVB, "loop", m.image(), env=env, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
        assert "nbd+unix" in p.stdout.readline()
        nbdkit = subprocess.run(["pgrep", "-P", str(p.pid), "-x", "nbdkit"],
                                text=True, capture_output=True).stdout
        os.kill(int(nbdkit), signal.SIGKILL)
        _, err = p.communicate(timeout=30)
        assert p.returncode == 1, p.returncode
        assert err.startswith("pvb: loop: nbdkit ended (signal 9)"), err
        assert not left_behind(m)


def test_clients_of_a_dead_nbdkit_do_not_hang():
    need("nbdinfo")
    with machine() as m:
        kill = KILL % NBDKIT + "timeout 20 nbdinfo --size $uri; r=$?; " \
               "[ $r != 124 ] && echo done; exit "
        for own, status in ((0, 1), (3, 3)):
            r = loop(m, [m.image()], kill + str(own), status=status)
            assert r.stdout == "done\n", r
            assert r.stderr.count("pvb: loop: nbdkit ended") == 1, r.stderr


def test_killed_daemons_leave_nothing():
    need("pgrep")
    with machine() as m:
        for name in ("serve", "local"):
            r = loop(m, [m.image()], KILL % (DAEMON % name) + "exit 4",
                     status=4)
            assert f"pvb {name} ended" in r.stderr, r.stderr


def test_a_hangup_is_passed_on_and_tidied_up():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work)
        for number in (signal.SIGHUP, signal.SIGTERM):
            p = m.spawn(PVB, "loop", m.image(), "--run",
                        "echo up; exec sleep 60", env=env, text=True,
                        stdout=subprocess.PIPE)
            assert p.stdout.readline() == "up\n"
            p.send_signal(number)
            assert p.wait(30) == 128 + number, p.returncode
            assert not left_behind(m)


def test_an_end_while_it_starts_leaves_nothing():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work)
        paths = ("", "/store", "/control", "/dom1")
        for path in paths:
            p = m.spawn(PVB, "loop", m.image(), "--run", "sleep 60", env=env)
            until(lambda: glob.glob(m.work + "/pvb-loop.*" + path),
                  f"{path} of a loop", process=p)
            p.send_signal(signal.SIGTERM)
            assert p.wait(30) == 128 + signal.SIGTERM, p.returncode
            assert not left_behind(m), path


def test_children_do_not_outlive_it():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work)
        p = m.spawn(PVB, "loop", m.image(), env=env, stdout=subprocess.PIPE,
                    text=True)
        assert "nbd+unix" in p.stdout.readline()
        children = subprocess.run(["pgrep", "-P", str(p.pid)], text=True,
                                  capture_output=True).stdout.split()
        assert len(children) == 3, children
        p.kill()
        p.wait()
        for c in children:
            until(lambda c=c: not os.path.exists(f"/proc/{c}"),
                  f"end of child {c}")


def test_no_nbdkit_is_said():
    with machine() as m:
        env = dict(os.environ, TMPDIR=m.work, PATH="/nowhere")
        r = pvb("loop", m.image(), "--run", "true", status=1, env=env)
        assert "nbdkit" in r.stderr, r.stderr


run(globals())
