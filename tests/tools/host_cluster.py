"""A Ray cluster on several hosts, with an S3 store on one more: what a team has, on one machine.

    with HostCluster() as cluster:
        cluster.start_head()
        cluster.join("worker")
        with cluster.start_command(["generate", ...]) as command: ...

Hosts share no disk that anything of ganray is written to, and authentication by token is on.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from ganray.on_ray.cluster import ENVIRONMENT
from tests.tools import hosts, s3_server
from tests.tools.cable import Cable
from tests.tools.hosts import SIZE, Host, Network, Size

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
START_LIMIT = 120.0  # seconds until a host has joined, on a busy machine
START_TRIES, BUSY = 3, "timed out during startup"  # what Ray says where its own 30 s were too short for its processes


@dataclass(frozen=True)
class Node:
    """A host of the cluster: its CPUs for work, bytes of Ray's object store, what else it has, and variables of its own.

    `core` is the one core of this machine that it may use; None: all.
    """

    cpus: int = 2
    core: int | None = None
    object_store: int = 100 << 20
    size: Size = SIZE
    cable: Cable | None = None
    env: Mapping[str, str] = field(default_factory=dict)


HEAD, WORKER = Node(cpus=0), Node()


def missing() -> str:
    """Why there can be no cluster of hosts here; empty where there can."""
    return hosts.missing() or s3_server.missing()


class HostCluster:
    """The hosts of a cluster, by what they are for. Everything ends with it."""

    def __init__(self, environment: Mapping[str, str] = {}) -> None:
        self._stack = contextlib.ExitStack()
        self._processes: list[subprocess.Popen] = []
        self._own = {**ENVIRONMENT, **environment}
        self._logs = 0

    def __enter__(self) -> HostCluster:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ganray-hosts-")))
        self._stack.callback(self._reap)
        self.network = self._stack.enter_context(Network())  # ends before what waits for its processes
        self.store = self.network.add("store")
        names = [name for name in os.environ if name.startswith(("RAY_", "GANRAY_", "AWS_", "PYTHONDONT"))]
        self.environment = {name: value for name, value in os.environ.items() if name not in names}
        self.environment |= {**self._own, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        self.environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        access = self._start_store()
        self.environment |= access
        self._stack.enter_context(mock.patch.dict(os.environ, access))
        self._near_store = self._stack.enter_context(self.store.thread())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _reap(self) -> None:
        """Hosts have ended: what is left are the wrappers of their processes in this machine's own namespaces."""
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()

    def _start_store(self) -> dict[str, str]:
        """Start the S3 server on its host; the variables that lead a client to it."""
        log = self.log("store")
        with log.open("w") as output:
            command = [sys.executable, "-m", "tests.tools.s3_server", self.store.address]
            self.start(self.store, command, stdout=output, stderr=output)
        wait_for(lambda: "is served" in log.read_text(), log)
        exports = [line.removeprefix("export ").split("=", 1) for line in log.read_text().splitlines() if line.startswith("export ")]
        return {name: value for name, value in exports if name.startswith("AWS_")}

    def near_store(self, function: Callable[..., T], *args: Any) -> T:
        """What a function of this process gives that reads or writes the store: only hosts reach it."""
        return self._near_store.submit(function, *args).result()

    def log(self, name: str) -> Path:
        """The file that the output of a process goes to."""
        self._logs += 1
        return self.folder / f"{self._logs:03d}-{name}.log"

    def start(self, host: Host, command: Sequence[str | Path], **options) -> subprocess.Popen:
        """Start a process on a host, in the cluster's environment."""
        environment = self.environment | {"HOME": host.folder} | options.pop("env", {})
        process = host.start(command, environment, cwd=ROOT, stdin=subprocess.DEVNULL, **options)
        self._processes.append(process)
        return process

    def start_head(self, node: Node = HEAD) -> Host:
        """Start the host that Ray's own bookkeeping is on; by default no work is done there."""
        self.head = self.network.add("head", node.size, node.cable)
        self.start_control(node)
        return self.head

    def durable(self) -> Node:
        """A head whose bookkeeping outlives Ray's processes: on its disk."""
        return Node(cpus=0, env={"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": f"{self.network.folder}/control"})

    def start_control(self, node: Node = HEAD) -> None:
        """Start Ray on the head, again where it has ended."""
        self._start_ray(self.head, node, ["--head", "--port", "6379", "--dashboard-host", self.head.address])

    def stop_control(self) -> None:
        """Kill every process of Ray on the head, but nothing else that runs there."""
        _stop_ray(self.head)

    def join(self, name: str, node: Node = WORKER) -> Host:
        """A new host of the cluster, which has joined it."""
        host = self.network.add(name, node.size, node.cable)
        self._start_ray(host, node, ["--address", f"{self.head.address}:6379"])
        return host

    def leave(self, host: Host) -> None:
        """End a host in a way that the cluster knows of at once: Ray's processes close their connections before it goes."""
        _stop_ray(host)
        host.kill()

    def _start_ray(self, host: Host, node: Node, role: list[str]) -> None:
        own = ["--node-ip-address", host.address, "--num-cpus", str(node.cpus), "--object-store-memory", str(node.object_store), "--block"]
        place = ["--temp-dir", f"{host.folder}/r"] if "--head" in role else []
        pinned = [] if node.core is None else ["taskset", "--cpu-list", str(node.core)]
        command = [*pinned, sys.executable, "-m", "ray.scripts.scripts", "start", *role, *own, *place]
        for _ in range(START_TRIES):
            failure = self._start_once(host, command, node.env)
            if BUSY not in failure:
                break
        if failure:
            raise RuntimeError(f"{host.name} did not start: {failure}")

    def _start_once(self, host: Host, command: list[str], env: Mapping[str, str]) -> str:
        """Empty once Ray has started, or its log."""
        log = self.log(f"ray-{host.name}")
        with log.open("w") as output:
            process = self.start(host, command, stdout=output, stderr=output, env=dict(env))
        wait_for(lambda: "--block" in log.read_text() or process.poll() is not None, log)
        if process.poll() is None:
            return ""
        _stop_ray(host)
        return log.read_text()

    def members(self) -> list[str]:
        """The addresses of the hosts that Ray takes for alive."""
        url = f"http://{self.head.address}:8265/api/v0/nodes?limit=1000"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.environment['RAY_AUTH_TOKEN']}"})

        def ask() -> list[dict[str, Any]]:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)["data"]["result"]["result"]

        return sorted(node["node_ip"] for node in self.near_store(ask) if node["state"] == "ALIVE")

    def start_command(self, words: Sequence[str | Path], host: Host | None = None, **env: str) -> Command:
        """Start `ganray WORDS` on a host of the cluster (the head, unless told), as a driver that joins it."""
        host = host or self.head
        log = self.log(str(words[0]))
        joined = {"RAY_ADDRESS": f"{self.head.address}:6379"} | env
        with log.open("w") as output:
            process = self.start(host, [BIN / "ganray", *words], stdout=output, stderr=output, env=joined)
        return Command(process, log, host, str(words[-1]))

    def run_python(self, code: str, limit: float = 120.0) -> None:
        """Run a line of Python on the head, as a driver may."""
        with self.log("python").open("w") as output:
            env = {"RAY_ADDRESS": f"{self.head.address}:6379"}
            process = self.start(self.head, [sys.executable, "-c", code], stdout=output, stderr=output, env=env)
        assert process.wait(limit) == 0, Path(output.name).read_text()

    def run_command(self, words: Sequence[str | Path], host: Host | None = None, limit: float = 300.0, **env: str) -> str:
        """Run `ganray WORDS` to its end; its output. Raises AssertionError where it fails."""
        command = self.start_command(words, host, **env)
        code = command.wait(limit)
        assert code == 0, f"exit code {code}: {command.output()}"
        return command.output()


@dataclass(frozen=True)
class Command:
    """A command of ganray that runs on a host, and the last of its words, which no other command has."""

    process: subprocess.Popen
    log: Path
    host: Host
    mark: str

    def wait(self, limit: float) -> int:
        """Its exit code; raises subprocess.TimeoutExpired."""
        return self.process.wait(limit)

    def kill(self) -> None:
        """End it, and not only what started it on its host."""
        self.host.signal_processes(self.mark, signal.SIGKILL)
        self.process.wait()

    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")


def wait_for(ready: Callable[[], bool], log: Path | None = None, limit: float = START_LIMIT) -> None:
    """Wait until something is so; raises TimeoutError, with what the log says."""
    deadline = time.monotonic() + limit
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(log.read_text() if log else "it is not ready")
        time.sleep(0.1)


def _stop_ray(host: Host) -> None:
    for word in ("ray.scripts.scripts", "gcs_server", "raylet", "/ray/", "ray::"):
        host.signal_processes(word, signal.SIGKILL)
