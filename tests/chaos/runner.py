"""One case of chaos: a job, a fault in its middle, and whether what was promised came of it."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.chaos import jobs
from tests.chaos.faults import FAULTS, IDLE, Fault, Scene
from tests.chaos.jobs import JOBS, Job
from tests.tools.host_cluster import WORKER, Command, HostCluster, wait_for
from tests.tools.hosts import Host

LIMIT = 300.0  # seconds that a command may take
CHATTER = ("Traceback", "(raylet)", "core_worker", "(pid=", "\x1b[")  # what no person should see of Python's or Ray's


@dataclass(frozen=True)
class Case:
    """What is replayed: the moment of the fault follows from the seed."""

    verb: str
    kind: str
    seed: int

    @property
    def label(self) -> str:
        return f"{self.verb} {self.kind} {self.seed}"


@dataclass(frozen=True)
class Outcome:
    """How a case ended. `broken` names each promise that was not kept."""

    case: Case
    broken: list[str]
    seconds: float
    share: float  # of the work that was done when the fault came
    workers_lost: int
    output: str


class Chaos:
    """A cluster on which cases are run one after the other; hosts that are lost are replaced between them."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._numbers = iter(range(1, 10_000))
        self._undisturbed: dict[str, dict[str, str]] = {}
        self._workers: list[Host] = []

    def __enter__(self) -> Chaos:
        self.cluster = self._stack.enter_context(HostCluster())
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        self.cluster.start_head()
        self._workers = [self._join() for _ in range(2)]

    def _join(self, node=WORKER) -> Host:
        return self.cluster.join(f"host{next(self._numbers)}", node)

    def _healthy(self, driver: Host | None) -> bool:
        """Whether Ray knows of just those hosts that there are."""
        hosts = [self.cluster.head, *self._workers, *([driver] if driver else [])]
        return self.cluster.members() == sorted(host.address for host in hosts)

    def undisturbed(self, job: Job) -> dict[str, str]:
        """What the job makes when nothing happens, and on one host where it runs without a cluster."""
        if job.name not in self._undisturbed:
            for name in job.needs:
                self.undisturbed(JOBS[name])
            if job.inputs is not None:
                self.cluster.near_store(job.inputs)
            words = [*job.words, *(["--executor", "local"] if job.alone else job.on_cluster), "--out", job.undisturbed]
            self.cluster.run_command(words, limit=LIMIT, **({"RAY_ADDRESS": ""} if job.alone else {}))
            self._undisturbed[job.name] = self.cluster.near_store(job.made, job.undisturbed)
        return self._undisturbed[job.name]

    def run(self, case: Case) -> Outcome:
        """Run a case. Raises nothing for a promise that is not kept: the outcome says it."""
        fault, job, draws = FAULTS[case.kind], JOBS[case.verb], random.Random(f"{case.verb}/{case.kind}/{case.seed}")
        expected = self.undisturbed(job)
        out = f"{jobs.BUCKET}/{case.kind}-{case.verb}-{case.seed}-{next(self._numbers)}"
        words = [*job.words, *job.on_cluster, "--out", out]
        with self._set(fault) as (chosen, driver):
            wait_for(partial(self._healthy, driver), limit=LIMIT)
            began = time.monotonic()
            command = self.cluster.start_command(words, driver)
            share = self._at_work(job, out, command, draws.uniform(0.05, 0.6))
            victim = chosen or max(self._workers, key=lambda host: len(host.processes(job.worker)))
            fault.inject(Scene(self.cluster, victim, command))
            codes = [self._ended(command)]
            output = command.output()
            if not fault.survives:
                if fault.at == "head":
                    self._restart()
                again = self.cluster.start_command([*job.words, *job.resume, *job.on_cluster, "--out", out])
                codes.append(self._ended(again))
                output += again.output()
        made = self.cluster.near_store(job.made, out) if codes[-1] == 0 else {}
        broken = list(_broken(fault, codes, output, expected, made))
        return Outcome(case, broken, time.monotonic() - began, share, output.count("worker was lost"), output)

    @contextlib.contextmanager
    def _set(self, fault: Fault) -> Iterator[tuple[Host | None, Host | None]]:
        """The host that the fault comes to (None: one that is at work) and that of the command; afterwards whoever is odd is gone."""
        self._workers = [host for host in self._workers if host.processes("raylet")]
        while len(self._workers) < 2:
            self._workers.append(self._join())
        victim = driver = None
        if fault.at == "head":
            victim = self.cluster.head
        elif fault.at == "driver":
            victim = driver = self._join(IDLE)
        elif fault.node is not WORKER:
            self._workers.pop().kill()
            victim = self._join(fault.node)
            self._workers.append(victim)
        yield victim, driver
        if fault.node is not WORKER and fault.at != "head":
            victim.kill()
        for host in self.cluster.network.hosts:
            if "more" in host.name:
                host.kill()

    def _restart(self) -> None:
        """A new cluster, after the head is gone."""
        for host in self._workers:
            host.kill()
        self._start()

    def _at_work(self, job: Job, out: str, command: Command, share: float) -> float:
        """Wait until that share of the work is done; the share that is. A job that ends before is too short for its test."""
        deadline = time.monotonic() + LIMIT
        if job.progress is None:
            wait_for(lambda: ": " in command.output(), limit=LIMIT)
            time.sleep(share * 20)
            return share
        found = 0.0
        while found < share and command.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.3)
            found = self.cluster.near_store(job.progress, out)
        return found

    def _ended(self, command: Command) -> int:
        try:
            return command.wait(LIMIT)
        except subprocess.TimeoutExpired:
            command.kill()
            return -1


def _broken(fault: Fault, codes: list[int], output: str, expected: dict[str, str], made: dict[str, str]) -> Iterator[str]:
    """The promises that were not kept."""
    if codes[-1] != 0:
        yield f"it ended with exit code {codes[-1]}" if codes[-1] != -1 else f"it had not ended after {LIMIT:.0f} s"
    yield from (f"a person saw {word!r}" for word in CHATTER if word in output)
    if codes[-1] == 0:
        if expected.keys() != made.keys():
            yield f"other objects: {sorted(expected.keys() ^ made.keys())[:4]}"
        elif fault.same_bytes and (other := [key for key in made if made[key] != expected[key]]):
            yield f"other bytes: {other[:4]}, {len(other)} of {len(made)}"
