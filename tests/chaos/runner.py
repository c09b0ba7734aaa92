"""One case of chaos: a job, a fault in its middle, and whether what was promised came of it."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from tests.chaos import endpoint, jobs
from tests.chaos.faults import FAULTS, IDLE, Fault, Scene
from tests.chaos.jobs import JOBS, Job
from tests.tools.host_cluster import HEAD, WORKER, Command, HostCluster, wait_for
from tests.tools.hosts import Host

CALM, AWAY = 10.0, 60.0  # seconds without a failure, and the most that a request may wait in all
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
        self._images: list[str] = []
        self._workers: list[Host] = []

    def __enter__(self) -> Chaos:
        self.cluster = self._stack.enter_context(HostCluster())
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self, durable: bool = False) -> None:
        self._durable = durable
        self.cluster.start_head(self.cluster.durable() if durable else HEAD)
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
            if not job.alone:
                self._replace()
                wait_for(partial(self._healthy, None), limit=LIMIT)
            words = [*job.words, *(["--executor", "local"] if job.alone else job.on_cluster), "--out", job.undisturbed]
            self.cluster.run_command(words, limit=LIMIT, **({"RAY_ADDRESS": ""} if job.alone else {}))
            self._undisturbed[job.name] = self.cluster.near_store(job.made, job.undisturbed)
        return self._undisturbed[job.name]

    def run(self, case: Case) -> Outcome:
        """Run a case. Raises nothing for a promise that is not kept: the outcome says it."""
        return self._run_endpoint(case) if case.verb == "serve" else self._run_job(case)

    @contextlib.contextmanager
    def started(self, verb: str, out: str, share: float) -> Iterator[tuple[Command, Host]]:
        """A job that is at work on two hosts, and the busier one of them."""
        job = JOBS[verb]
        for name in (*job.needs, verb):
            self.undisturbed(JOBS[name])
        with self._set(FAULTS["host-killed"]):
            command = self.cluster.start_command([*job.words, *job.on_cluster, "--out", out])
            self._at_work(job, out, command, share)
            yield command, self._busiest(job.worker)

    def _run_job(self, case: Case) -> Outcome:
        """A command that makes something: with the fault in its middle it makes the same."""
        fault, job, draws = FAULTS[case.kind], JOBS[case.verb], random.Random(case.label)
        expected = self.undisturbed(job)
        out = f"{jobs.BUCKET}/{case.kind}-{case.verb}-{case.seed}-{next(self._numbers)}"
        words = [*job.words, *job.on_cluster, "--out", out]
        with self._set(fault) as (chosen, driver):
            began = time.monotonic()
            command = self.cluster.start_command(words, driver)
            share = self._at_work(job, out, command, draws.uniform(0.05, 0.6))
            fault.inject(Scene(self.cluster, chosen or self._busiest(job.worker), command))
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

    def _run_endpoint(self, case: Case) -> Outcome:
        """Requests that come all the while are answered, and by the same images."""
        fault, draws = FAULTS[case.kind], random.Random(case.label)
        if not self._images:
            self.cluster.near_store(jobs.put_model)
            self._images = self.cluster.near_store(endpoint.expected)
        with self._set(fault) as (chosen, driver):
            command = self.cluster.start_command(endpoint.SERVE, driver)
            self._wait_until_served(command)
            with endpoint.traffic(self.cluster.store, self._url, self._images) as clients:
                time.sleep(draws.uniform(1.0, 5.0))
                began = time.monotonic()
                fault.inject(Scene(self.cluster, chosen or self._busiest("ray::ServeReplica"), command))
                if fault.at == "head":
                    command.kill()
                    self._restart()
                    command = self.cluster.start_command(endpoint.SERVE)
                    self._wait_until_served(command)
                    clients.url = self._url
                calm = endpoint.wait_until_answered(clients, CALM, LIMIT)
                seconds = time.monotonic() - began
            output = command.output()
            self._stop_serving(command)
        broken = list(_broken_answers(fault, clients.answers, calm, output))
        return Outcome(case, broken, seconds, 0.0, len(clients.answers.failures), output + f"\n{clients.answers}")

    @property
    def _url(self) -> str:
        return f"http://{self.cluster.head.address}:{endpoint.PORT}"

    def _wait_until_served(self, command: Command) -> None:
        wait_for(lambda: "Ctrl-C stops" in command.output() or command.process.poll() is not None, command.log, LIMIT)

    def _stop_serving(self, command: Command) -> None:
        """As the end of a pod does; where the command is lost, what it had started is stopped as its message says."""
        if command.process.poll() is None:
            command.host.signal_processes("--replicas", signal.SIGTERM)
            self._ended(command)
        else:
            self.cluster.run_python("from ray import serve; serve.shutdown()")

    def _busiest(self, worker: str) -> Host:
        """The host that most processes with this title are on."""
        return max(self._workers, key=lambda host: len(host.processes(worker)))

    @contextlib.contextmanager
    def _set(self, fault: Fault) -> Iterator[tuple[Host | None, Host | None]]:
        """The host that the fault comes to (None: one that is at work) and that of the command; afterwards whoever is odd is gone."""
        if (fault.at == "control") != self._durable:
            self._restart(durable=not self._durable)
        self._replace()
        victim = driver = None
        if fault.at == "head":
            victim = self.cluster.head
        elif fault.at in ("driver", "control"):
            driver = self._join(IDLE)
            victim = driver if fault.at == "driver" else self.cluster.head
        elif fault.node is not WORKER:
            self.cluster.leave(self._workers.pop())
            victim = self._join(fault.node)
            self._workers.append(victim)
        wait_for(partial(self._healthy, driver), limit=LIMIT)
        try:
            yield victim, driver
        finally:
            odd = [victim, driver] if fault.node is not WORKER and fault.at != "head" else []
            for host in (*odd, *(host for host in self.cluster.network.hosts if "more" in host.name)):
                if host and host is not self.cluster.head:
                    self.cluster.leave(host)

    def _replace(self) -> None:
        """Hosts in place of those that are lost."""
        self._workers = [host for host in self._workers if host.processes("raylet")]
        while len(self._workers) < 2:
            self._workers.append(self._join())

    def _restart(self, durable: bool = False) -> None:
        """A new cluster, where the head is gone or another kind of head is wanted."""
        for host in [*self._workers, self.cluster.head]:
            host.kill()
        self._start(durable)

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


def _broken_answers(fault: Fault, answers: endpoint.Answers, calm: bool, output: str) -> Iterator[str]:
    """The promises of an endpoint that were not kept."""
    if not calm:
        yield f"requests still fail {LIMIT:.0f} s after the fault"
    if answers.wrong and fault.same_bytes:
        yield f"{answers.wrong} wrong images"
    if fault.unshaken and answers.failures:
        yield f"{len(answers.failures)} requests were dropped: {sorted(set(answers.failures))}"
    if answers.longest > AWAY and fault.at != "head":
        yield f"a request waited {answers.longest:.0f} s"
    yield from (f"a person saw {word!r}" for word in CHATTER if word in output)
