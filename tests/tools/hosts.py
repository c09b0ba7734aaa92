"""Several hosts on one machine, made of namespaces: each has its own address, hostname, processes, /dev/shm, temporary folder and link.

    with Network() as network:
        one, two = network.add("one"), network.add("two")
        one.run(["ping", "-c", "1", two.address])
        two.cut()

All hosts hang on a switch, which is a namespace too; of this machine's own network nothing is changed. A host is a tree of processes that
the kernel ends with its first one, and the first ones end with the process that made them: nothing is left, whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.tools.cable import Cable
from tests.tools.namespaces import enter_network

ROOT = Path(__file__).parents[2]
PROGRAMS = ("ip", "nsenter", "setpriv", "unshare")
SUBNET = "198.18.0"  # RFC 2544: for tests of networks, routed nowhere
# The first process of a host says that it is ready and stays. As process 1 it also has to reap what loses its parent; a shell's `read` may
# end when a child does, Python's does not.
FIRST = """
hostname "$1"
mount -t tmpfs -o "size=$2m" tmpfs /dev/shm
mount -t tmpfs -o "size=$3m" tmpfs "$4"
ip link set lo up
exec "$5" -S -c "$6"
"""
REAPER = """
import os, signal
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
print("ready", flush=True)
os.read(0, 1)
"""


@cache
def missing() -> str:
    """Why there can be no hosts here; empty where there can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"no {', '.join(absent)} here: apt-get install iproute2 util-linux"
    tried = ["unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "switch", "type", "bridge"]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"no network namespaces here: {done.stderr.strip()}" if done.returncode else ""


@dataclass(frozen=True)
class Size:
    """What a host has: MiB of /dev/shm and of its temporary folder."""

    shm: int = 512
    disk: int = 2048


SIZE = Size()


class Network:
    """A switch that hosts are plugged into. Ends every host at the end."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.hosts: list[Host] = []

    def __enter__(self) -> Network:
        self._switch = _Namespace(["--net"], ["sh", "-c", "ip link add switch type bridge && ip link set switch up; echo ready; read -r _"])
        self._stack.callback(self._switch.end)
        self.folder = tempfile.mkdtemp(prefix="h-", dir="/tmp")  # short: the path of a socket holds 107 bytes
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, name: str, size: Size = SIZE, cable: Cable | None = None) -> Host:
        """A new host, which is up; its cable is a perfect one unless told.

        Its files are in `folder`: the same path on all hosts, a file system of its own on each.
        """
        number = len(self.hosts) + 1
        folder = self.folder
        own = ["--net", "--mount", "--uts", "--ipc", "--pid", "--mount-proc"]
        namespace = _Namespace(own, ["sh", "-c", FIRST, "sh", name, str(size.shm), str(size.disk), folder, sys.executable, REAPER])
        self._stack.callback(namespace.end)
        host = Host(name, f"{SUBNET}.{number}", folder, namespace, Link(f"port{number}", self._switch))
        if cable is None:
            self._switch.run(["ip", "link", "add", host.link.port, "type", "veth", "peer", "name", "eth0", "netns", str(namespace.first)])
        else:
            self._lay(cable, host)
        self._plug(host)
        self.hosts.append(host)
        return host

    def _lay(self, cable: Cable, host: Host) -> None:
        """Make the two ends of a cable that is a process."""
        ends = [str(host.namespace.first), str(self._switch.first), host.link.port]
        command = [sys.executable, "-m", "tests.tools.cable", *ends, str(cable.delay), str(cable.loss), str(cable.seed)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.communicate)  # its end
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the cable is not ready")

    def _plug(self, host: Host) -> None:
        port = host.link.port
        self._switch.run(["ip", "link", "set", port, "master", "switch", "up"])
        host.namespace.run(["ip", "address", "add", f"{host.address}/24", "dev", "eth0"])
        host.namespace.run(["ip", "link", "set", "eth0", "up"])
        host.namespace.run(["ip", "route", "add", "default", "dev", "eth0"])  # by which programs find out what their own address is


@dataclass(frozen=True)
class Link:
    """The port of the switch that a host's cable is in."""

    port: str
    switch: _Namespace

    def set(self, state: str) -> None:
        self.switch.run(["ip", "link", "set", self.port, state])


@dataclass(frozen=True)
class Host:
    """A host that runs. What runs on it sees `folder` as its TMPDIR."""

    name: str
    address: str
    folder: str
    namespace: _Namespace
    link: Link

    def start(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None, **options) -> subprocess.Popen:
        """Start a process on it; it ends with the host. `options` are those of subprocess.Popen."""
        words = ["nsenter", "--target", str(self.namespace.first), "--all", *map(str, command)]
        return subprocess.Popen(words, env={**(os.environ if env is None else env), "TMPDIR": self.folder}, **options)

    def run(
        self, command: Sequence[str | Path], env: Mapping[str, str] | None = None, timeout: float = 300.0
    ) -> subprocess.CompletedProcess:
        """Run a command on it to its end; its exit code, stdout and stderr as text."""
        with self.start(command, env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                out, error = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def thread(self) -> ThreadPoolExecutor:
        """A thread of this process that sees this host's network: what it connects to, the host could. Shut it down."""
        return ThreadPoolExecutor(1, initializer=enter_network, initargs=(self.namespace.first,))

    def kill(self) -> None:
        """SIGKILL to everything on it, at once: its power is gone."""
        self.namespace.end()

    def freeze(self) -> None:
        """Stop every process on it, which keeps its connections."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process go on."""
        self._signal_all(signal.SIGCONT)

    def cut(self) -> None:
        """Pull its cable."""
        self.link.set("down")

    def mend(self) -> None:
        """Put its cable back."""
        self.link.set("up")

    def fill_disk(self) -> Path:
        """Fill its temporary folder up. Gives the file that takes the room, as its own processes see it: remove it by `run`."""
        filler = Path(self.folder) / "filler"
        self.run(["sh", "-c", f"cat /dev/zero > {filler} 2> /dev/null"])
        return filler

    def signal_processes(self, word: str, number: int) -> int:
        """Send a signal to each of its processes that has this in its command line; how many there were."""
        found = self.processes(word)
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        return len(found)

    def _signal_all(self, number: int) -> None:
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def processes(self, word: str = "") -> list[int]:
        """Every process on it that has this in its command line, by its number in this process's own namespace."""
        try:
            namespace, found = Path(f"/proc/{self.namespace.first}/ns/pid").readlink(), []
        except FileNotFoundError:  # it has been killed
            return []
        for path in Path("/proc").glob("[0-9]*/ns/pid"):
            with contextlib.suppress(OSError):
                if path.readlink() == namespace and word.encode() in path.parents[1].joinpath("cmdline").read_bytes():
                    found.append(int(path.parts[2]))
        return found


class _Namespace:
    """Namespaces with a first process, which says "ready" and stays until its standard input ends."""

    def __init__(self, kinds: list[str], command: list[str]) -> None:
        keeper = ["setpriv", "--pdeathsig", "KILL", "unshare", *kinds, "--fork", "--kill-child", *command]
        self._keeper = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._keeper.stdout and self._keeper.stderr
        if self._keeper.stdout.readline() != "ready\n":
            raise RuntimeError(self._keeper.stderr.read())
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children").read_text().split()
        self.first = int(children[0])

    def run(self, command: list[str]) -> None:
        """Run a short command in them; raises CalledProcessError."""
        subprocess.run(["nsenter", "--target", str(self.first), "--net", *command], check=True, capture_output=True, timeout=30)

    def end(self) -> None:
        """Kill the first process, and the kernel kills all others. Returns when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.first, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while self._keeper.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self._keeper.kill()
        self._keeper.communicate()
