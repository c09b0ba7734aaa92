"""The sides of the benchmarks of serving: servers that run beside each other on one machine, and are loaded in turn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from ganray.benchmarks.load_generator import Load, Shot
from ganray.config import BenchmarkConfig, ServeConfig
from ganray.execution.resources import cores

Executor = Literal["ray", "local"]
Report = dict[str, Any]
CONNECTIONS = 32
WARM_UP = 1.0  # seconds
START_SECONDS, END_SECONDS = 120.0, 5.0
MINUTE = 12  # times `seconds`: a minute, with its default
SERVE = """
import sys
from ganray.config import ServeConfig
from ganray.verbs.serve import serve
serve(ServeConfig.model_validate_json(sys.argv[1]))
"""


class Loadable(Protocol):
    """A side of a benchmark."""

    @property
    def name(self) -> str:
        """In rows."""
        ...

    def load(self, load: Load) -> Report:
        """Load it; its `rate` and more."""
        ...


@dataclass(frozen=True)
class Side:
    """A server that listens. `pids` are the processes that its answers come from."""

    name: str
    port: int
    pids: Callable[[], list[int]]

    def load(self, load: Load) -> Report:
        """Load it from a process of its own; what that reports. The load's port does not matter."""
        fields = json.dumps(json.loads(load.to_json()) | {"port": self.port})
        command = [sys.executable, "-m", "ganray.benchmarks.load_generator"]
        report: Report = json.loads(subprocess.run(command, input=fields, check=True, capture_output=True, text=True).stdout)
        return report

    def resident(self) -> int:
        """Bytes of memory that its processes have."""
        return sum(map(resident_bytes, self.pids()))


def in_turn(
    sides: Sequence[Loadable], load: Load, repeats: int, shots: Mapping[str, tuple[Shot, ...]] | None = None
) -> list[dict[str, Report]]:
    """So many rounds, each of which loads every side once; the order turns round from one to the next. Each side is warm before.

    `shots` are for sides that want the request in another form.
    """
    own = shots or {}
    loads = {side.name: replace(load, shots=own[side.name]) if side.name in own else load for side in sides}
    for side in sides:
        side.load(Load(0, WARM_UP, CONNECTIONS, shots=loads[side.name].shots))
    rounds = []
    for repeat in range(repeats):
        order = sides if repeat % 2 == 0 else sides[::-1]
        reports = {side.name: side.load(loads[side.name]) for side in order}
        rounds.append({side.name: reports[side.name] for side in sides})
    return rounds


def median(rounds: list[dict[str, Report]], side: str, figure: str) -> float:
    """Of a side's figure over the rounds."""
    return float(statistics.median(reports[side][figure] for reports in rounds))


def median_ratio(rounds: list[dict[str, Report]], side: str, over: str, figure: str) -> float:
    """Of a side's figure over another one's in the same round; infinite where the other one's is 0."""
    return statistics.median(reports[side][figure] / reports[over][figure] if reports[over][figure] else float("inf") for reports in rounds)


def row(name: str, value: float, baseline: float, unit: str, **facts: Any) -> dict[str, Any]:
    """A row of a benchmark. `facts` may hold a `ratio` that is a median of ratios, in place of the ratio of medians."""
    ratio = facts.pop("ratio", value / baseline if baseline else float("inf"))
    return {"name": name, "value": round(value, 2), "baseline": round(baseline, 2), "ratio": round(ratio, 4), "unit": unit, **facts}


@contextmanager
def product_sides(config: BenchmarkConfig, served: ServeConfig, executors: Sequence[Executor]) -> Iterator[list[Side]]:
    """`ganray serve`, once for each executor; all with as many threads."""
    with ExitStack() as stack:
        yield [stack.enter_context(product_side(config, served, executor)) for executor in executors]


@contextmanager
def product_side(config: BenchmarkConfig, served: ServeConfig, executor: Executor) -> Iterator[Side]:
    """`ganray serve`: in Ray Serve of this process's cluster, or in a process of its own."""
    own = served.model_copy(update={"port": free_port(), "executor": executor, "ray": config.ray})
    if executor == "local":
        own = own.model_copy(update={"threads": served.threads or cores(), "gpu": False})
        with process_side("local", [sys.executable, "-c", SERVE, own.model_dump_json()], own.port) as side:
            yield side
        return
    from ganray.on_ray.cluster import connect
    from ganray.on_ray.serve import serve_on_ray

    connect(config.ray)
    serving = serve_on_ray(own)
    try:
        yield Side("ray", own.port, lambda: replica_pids(serving.application))
    finally:
        serving.stop()


def replica_pids(application: str) -> list[int]:
    """The processes of an application's replicas that answer, the eldest first."""
    import ray

    from ganray.on_ray.ray_internals import serve_controller

    details: Any = ray.get(serve_controller().get_serve_instance_details.remote())
    deployments = details["applications"][application]["deployments"].values()
    replicas = [replica for deployment in deployments for replica in deployment["replicas"] if str(replica["state"]).endswith("RUNNING")]
    return [replica["pid"] for replica in sorted(replicas, key=lambda replica: replica["start_time_s"]) if replica["pid"]]


@contextmanager
def plain_side(folder: str, threads: int = 0) -> Iterator[Side]:
    """The plain server (plain_server.py)."""
    port = free_port()
    command = [sys.executable, "-m", "ganray.benchmarks.plain_server", folder, str(port), str(threads or cores())]
    with process_side("plain", command, port) as side:
        yield side


@contextmanager
def process_side(name: str, command: list[str], port: int, environment: Mapping[str, str] = os.environ) -> Iterator[Side]:
    """A server in a process that `command` starts; it is ended with its children."""
    environment = {**environment, "OMP_WAIT_POLICY": "PASSIVE", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(process, port, name)
        yield Side(name, port, lambda: [process.pid, *children(process.pid)])
    finally:
        left = children(process.pid)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end(left)


def _end(pids: list[int]) -> None:
    """Wait for processes that have lost their parent, and end those that do not end by themselves."""
    _await_end(pids)
    for pid in filter(resident_bytes, pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _await_end(pids)


def _await_end(pids: list[int]) -> None:
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until and any(map(resident_bytes, pids)):
        time.sleep(0.05)


def _wait_for(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{name}: the server ended, or did not listen within {START_SECONDS:.0f} s")


def children(pid: int) -> list[int]:
    """The processes below a process."""
    try:
        tasks = [task.joinpath("children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    direct = [int(child) for task in tasks for child in task]
    return [*direct, *(below for child in direct for below in children(child))]


def resident_bytes(pid: int) -> int:
    """Memory of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def all_failures(rounds: list[dict[str, Report]]) -> int:
    """Requests of all sides that were not answered 200 or 304."""
    return sum(report["failures"] for reports in rounds for report in reports.values())


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
