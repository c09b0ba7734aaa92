"""A load generator for the benchmarks of serving: raw keep-alive connections, little CPU of its own, one process.

`python -m ganray.benchmarks.load_generator` reads a `Load` as JSON from its input, and prints one JSON line.

Closed loop (`rate` 0): each connection sends its next request as soon as the last one is answered. Open loop: requests are due at moments
drawn beforehand (Poisson), whether or not earlier ones are answered. A latency counts from the moment a request was due, not from when a
connection was free to send it: a server that stands still for a second is charged for each request of that second (coordinated omission).
`behind_p99_ms` says how much of that was the generator's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from typing import Any

SEED = "SEED"  # in a body: replaced by a new number each time
ANSWERED = (200, 304)
REFUSED = (429, 503)
FAILED = 0  # instead of a status: no answer, or half of one
GRACE = 30.0  # seconds after the end within which a request may be answered
RETRY_SECONDS = 0.1  # before a failed request is sent again, where the answer names no other time


@dataclass(frozen=True)
class Shot:
    """A request: without a body it is a GET. Where `sha256` names bodies, an answer 200 with another one is wrong."""

    path: str = "/v1/generate"
    body: str = f'{{"seed":{SEED}}}'
    headers: dict[str, str] = field(default_factory=dict)
    sha256: tuple[str, ...] = ()

    def payload(self, host: str, seed: int) -> bytes:
        """The bytes on the wire."""
        body = self.body.replace(SEED, str(seed)) if len(self.body) < 1000 else self.body
        headers = {"Host": host, **self.headers}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{'POST' if body else 'GET'} {self.path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


@dataclass(frozen=True)
class Load:
    """What to send where. `shots` are sent in turn; a client that failed (no answer, or 5xx) tries `retries` times more."""

    port: int
    seconds: float
    connections: int = 32  # at most, where the loop is open
    rate: float = 0.0  # requests/s; 0: closed loop
    seed: int = 0
    retries: int = 0
    host: str = "127.0.0.1"
    shots: tuple[Shot, ...] = (Shot(),)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Load:
        """What `to_json` wrote."""
        fields = json.loads(text)
        shots = (Shot(**{**shot, "sha256": tuple(shot["sha256"])}) for shot in fields["shots"])
        return cls(**{**fields, "shots": tuple(shots)})


@dataclass(frozen=True)
class Answer:
    """An answer, or none (FAILED)."""

    status: int = FAILED
    body: bytes = b""
    retry_after: float | None = None


class Connection(asyncio.Protocol):
    """A keep-alive connection with at most one request under way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._needed = 0  # bytes of the whole answer, once its head is there
        self._answer: asyncio.Future[Answer] | None = None
        self._close = False
        self.usable = False

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        self._transport, self.usable = transport, True

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.usable = False
        self._settle(Answer())

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + self._body_length(end)
        if len(self._received) >= self._needed:
            self._settle(self._parse())

    def send(self, payload: bytes) -> asyncio.Future[Answer]:
        """Send a request; what comes back is its answer."""
        assert self._transport is not None
        self._received, self._needed, self._close = bytearray(), 0, False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(payload)
        return self._answer

    def close(self) -> None:
        """Close it."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _body_length(self, end: int) -> int:
        head = bytes(self._received[:end]).lower()
        self._close = b"\r\nconnection: close" in head
        name = b"\r\ncontent-length:"
        at = head.find(name)
        return int(head[at + len(name) :].split(b"\r\n", 1)[0]) if at >= 0 else 0

    def _parse(self) -> Answer:
        head, _, body = bytes(self._received[: self._needed]).partition(b"\r\n\r\n")
        _, named, after = head.lower().partition(b"\r\nretry-after:")
        answer = Answer(int(head[9:12]), body, float(after.split(b"\r\n", 1)[0]) if named else None)
        if self._close:
            self.close()
        return answer

    def _settle(self, answer: Answer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        self._answer = None


class Generator:
    """One run of a load. Times are of `time.perf_counter`."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._slots = asyncio.Semaphore(load.connections)
        self._idle: list[Connection] = []
        self._begun = self._stop = self._last = 0.0
        self._latencies: dict[int, list[float]] = {}
        self._behind: list[float] = []
        self._bodies: Counter[int] = Counter()  # of those that `sha256` names, by their place in it
        self._in_time = self._wrong = self._retried = self._number = 0
        self._pending: set[asyncio.Task[None]] = set()

    async def run(self) -> dict[str, Any]:
        """Send everything, and report."""
        self._begun = time.perf_counter()
        self._stop = self._begun + self._load.seconds
        if self._load.rate:
            await self._send_when_due()
        else:
            for _ in range(self._load.connections):
                self._start(self._client())
        hung = await self._wait()
        for connection in self._idle:
            connection.close()
        return self._report(hung)

    async def _wait(self) -> int:
        """Wait for what is under way; the number of requests that are never answered."""
        if not self._pending:
            return 0
        done, hung = await asyncio.wait(self._pending, timeout=max(0.0, self._stop - time.perf_counter()) + GRACE)
        for task in hung:
            task.cancel()
        for task in done:
            task.result()
        return len(hung)

    async def _client(self) -> None:
        while (now := time.perf_counter()) < self._stop:
            await self._request(self._next(), now)

    async def _send_when_due(self) -> None:
        rng = random.Random(self._load.seed)
        due = self._begun
        while (due := due + rng.expovariate(self._load.rate)) < self._stop:
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            elif self._number % 64 == 0:
                await asyncio.sleep(0)  # far behind: answers are read all the same
            self._start(self._request(self._next(), due))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        if self._load.rate and not task.cancelled() and task.exception() is None:  # there may be a million of them
            self._pending.discard(task)

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    async def _request(self, number: int, due: float) -> None:
        shot = self._load.shots[number % len(self._load.shots)]
        payload = shot.payload(self._load.host, self._load.seed * 10**9 + number)
        for left in range(self._load.retries, -1, -1):
            answer = await self._exchange(payload, due)
            if not left or (answer.status != FAILED and answer.status < 500):
                break
            self._retried += 1
            await asyncio.sleep(RETRY_SECONDS if answer.retry_after is None else answer.retry_after)
        now = time.perf_counter()
        self._latencies.setdefault(answer.status, []).append(now - due)
        if answer.status in ANSWERED:
            self._in_time += now <= self._stop
            self._last = now
        if answer.status == 200 and shot.sha256:
            self._check(hashlib.sha256(answer.body).hexdigest(), shot.sha256)

    def _check(self, digest: str, known: tuple[str, ...]) -> None:
        if digest in known:
            self._bodies[known.index(digest)] += 1
        else:
            self._wrong += 1

    async def _exchange(self, payload: bytes, due: float) -> Answer:
        """One try on a connection that is free, or on a new one."""
        async with self._slots:
            connection = await self._connect()
            if connection is None:
                return Answer()
            self._behind.append(time.perf_counter() - due)
            answer = await connection.send(payload)
            if connection.usable:
                self._idle.append(connection)
            return answer

    async def _connect(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        try:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, self._load.host, self._load.port)
        except OSError:
            return None
        return connection

    def _rate(self, answered: int) -> float:
        """Answers a second. In an open loop those of its time; in a closed one all of them, until the last."""
        if self._load.rate:
            return self._in_time / self._load.seconds
        return answered / max(self._load.seconds, self._last - self._begun)

    def _report(self, hung: int) -> dict[str, Any]:
        answered = sorted(seconds for status in ANSWERED for seconds in self._latencies.get(status, []))
        refused = sorted(seconds for status in REFUSED for seconds in self._latencies.get(status, []))
        statuses = Counter({str(status): len(seconds) for status, seconds in self._latencies.items()})
        return {
            "rate": self._rate(len(answered)),
            "p50_ms": percentile_ms(answered, 50),
            "p99_ms": percentile_ms(answered, 99),
            "refused_p99_ms": percentile_ms(refused, 99),
            "refused_max_ms": percentile_ms(refused, 100),
            "behind_p99_ms": percentile_ms(sorted(self._behind), 99),
            "sent": self._number,
            "answered": len(answered),
            "refused": len(refused),
            "failures": self._number - len(answered),
            "hung": hung,
            "wrong": self._wrong,
            "bodies": [self._bodies[place] for place in range(max((len(shot.sha256) for shot in self._load.shots), default=0))],
            "retried": self._retried,
            "statuses": dict(sorted(statuses.items())),
        }


def percentile_ms(ordered: list[float], percent: int) -> float:
    """Of seconds in ascending order, in milliseconds; 0 where there are none."""
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


async def generate_load(load: Load) -> dict[str, Any]:
    """The report of a run: requests/s answered 200 or 304, latencies in ms, and counts; `failures` are all other answers."""
    return await Generator(load).run()


def _runner() -> Callable[[Coroutine[Any, Any, dict[str, Any]]], dict[str, Any]]:
    """uvloop's where it is installed: half the CPU of asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _allow_connections() -> None:
    """As many open files as this process may have: an open loop has a connection for each request that waits."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    _allow_connections()
    print(json.dumps(_runner()(generate_load(Load.from_json(sys.stdin.read())))))
