"""Hosts of namespaces are hosts: what one does or loses, no other one sees but over its link."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.tools import cable, hosts
from tests.tools.cable import Cable

pytestmark = pytest.mark.skipif(bool(hosts.missing()), reason=hosts.missing() or "-")
LISTEN = "import socket; s = socket.create_server(('0.0.0.0', 7)); print('up', flush=True)\nwhile True: s.accept()[0].sendall(b'here')"
ASK = "import socket, sys; print(socket.create_connection((sys.argv[1], 7), timeout=float(sys.argv[2])).recv(9).decode())"


@pytest.fixture
def network():
    with hosts.Network() as network:
        yield network


@contextlib.contextmanager
def listening(host):
    """Somebody answers on it."""
    process = host.start(["python3", "-c", LISTEN], stdout=-1, text=True)
    try:
        assert process.stdout.readline() == "up\n"
        yield
    finally:
        process.kill()  # the wrapper; the server ends with its host
        process.wait()
        process.stdout.close()


def answers(host, other, within=20.0):
    return host.run(["python3", "-c", ASK, other.address, str(within)]).stdout == "here\n"


def test_hosts_reach_each_other_and_this_machine_sees_nothing_of_it(network):
    before = set(Path("/sys/class/net").iterdir())
    one, two = network.add("one"), network.add("two")
    assert [host.run(["hostname"]).stdout.strip() for host in (one, two)] == ["one", "two"]
    with listening(two):
        assert answers(one, two)
    assert set(Path("/sys/class/net").iterdir()) == before


@pytest.mark.parametrize(("lost", "back"), [("cut", "mend"), ("freeze", "thaw")])
def test_a_host_that_is_away_for_a_while_answers_later(network, lost, back):
    one, two = network.add("one"), network.add("two")
    with listening(two):
        getattr(two, lost)()
        assert not answers(one, two, within=1.0)
        getattr(two, back)()
        assert answers(one, two)


def test_a_host_stays_while_orphans_end_on_it(network):
    host = network.add("one")
    for _ in range(20):
        assert host.run(["sh", "-c", "(sleep 0.02; true) & (sleep 0.05; true) & exit 0"]).returncode == 0
        time.sleep(0.03)
    time.sleep(0.1)
    left = host.run(["sh", "-c", "cat /proc/[0-9]*/stat | grep -c ' Z '"]).stdout
    assert left == "0\n"


def test_a_host_that_is_killed_takes_its_processes_with_it(network):
    host = network.add("one")
    process = host.start(["sh", "-c", "sleep 600 & sleep 600"])
    time.sleep(0.2)
    host.kill()
    assert process.wait(10) != 0
    assert not [path for path in Path("/proc").glob("[0-9]*/environ") if _has(path, host.folder)]


def _has(path, word):
    try:
        return f"TMPDIR={word}".encode() in path.read_bytes()
    except OSError:
        return False


@pytest.mark.skipif(bool(cable.missing()), reason=cable.missing() or "-")
def test_a_cable_can_be_slow_and_lose_frames(network):
    one = network.add("one")
    slow, dumb = network.add("slow", cable=Cable(delay=0.3, loss=0.0)), network.add("dumb", cable=Cable(delay=0.0, loss=1.0))
    with listening(slow), listening(dumb):
        began = time.monotonic()
        assert answers(one, slow)
        assert time.monotonic() - began >= 0.6  # what it sends first, and what it answers
        assert not answers(one, dumb, within=1.0)


def test_memory_and_disk_are_a_host_s_own(network):
    one, two = network.add("one", hosts.Size(shm=8, disk=8)), network.add("two")
    free = "import os, sys; s = os.statvfs(sys.argv[1]); print(s.f_blocks * s.f_frsize >> 20)"
    assert [one.run(["python3", "-c", free, place]).stdout for place in ("/dev/shm", one.folder)] == ["8\n", "8\n"]
    filler = one.fill_disk()
    assert one.run(["sh", "-c", f"echo more > {one.folder}/more"]).returncode != 0
    assert one.run(["rm", str(filler)]).returncode == 0
    assert one.run(["sh", "-c", f"echo more > {one.folder}/more"]).returncode == 0
    assert not Path(one.folder, "more").exists()
    assert two.run(["cat", f"{one.folder}/more"]).returncode != 0


def test_nothing_is_left(network):
    host = network.add("one")
    first = host.namespace.first
    network.__exit__()
    assert not Path(f"/proc/{first}").exists() and not Path(host.folder).exists()
