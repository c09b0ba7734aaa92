"""An endpoint that hosts are taken from: requests come all the while, and what is not answered is sent again."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from ganray.engine import Engine
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from tests.chaos.jobs import MODEL
from tests.tools.hosts import Host

PORT = 8000
SERVE = ["serve", "--model", MODEL, "--replicas", "2", "--threads", "1", "--host", "0.0.0.0", "--port", str(PORT), "--anonymous", "true"]
CLIENTS, KINDS = 2, 60  # threads, and requests that differ
TRY_S = 5.0  # that a try may take


def body(number: int) -> dict[str, object]:
    """A request."""
    return {"id": f"sku-{number % KINDS}", "seed": 3}


def expected() -> list[str]:
    """The sha256 of the image of each request, as one engine in this process makes it."""
    engine = Engine.load(MODEL)
    requests = [GenerateRequest.model_validate(body(number)) for number in range(KINDS)]
    files = [SampleFile.of(request, 0, engine.info.digest) for request in requests]
    samples = engine.generate(requests)
    return [hashlib.sha256(encode_sample(sample.pixels, file)).hexdigest() for sample, file in zip(samples, files, strict=True)]


@dataclass
class Answers:
    """What came of the requests of all clients."""

    right: int = 0
    wrong: int = 0
    failures: list[str] = field(default_factory=list)  # tries that were not answered by 200, and why
    last_failure: float = 0.0  # on the monotonic clock
    longest: float = 0.0  # seconds that a request waited with all its tries


class Traffic:
    """Clients that send one request after the other from a host that is no member of the cluster."""

    def __init__(self, host: Host, url: str, images: list[str]) -> None:
        self.url, self.answers = url, Answers()
        self._images, self._ended, self._lock = images, threading.Event(), threading.Lock()
        self._numbers = itertools.count()
        self._threads = [host.thread() for _ in range(CLIENTS)]
        self._clients = [thread.submit(self._send) for thread in self._threads]

    def stop(self) -> Answers:
        """End the clients, each with the request that it has begun or after TRY_S; raises what they raised."""
        self._ended.set()
        try:
            for client in self._clients:
                client.result()
        finally:
            for thread in self._threads:
                thread.shutdown()
        return self.answers

    def _send(self) -> None:
        with httpx.Client(timeout=TRY_S) as client:
            while not self._ended.is_set():
                with self._lock:
                    number = next(self._numbers)
                self._send_until_answered(client, number)

    def _send_until_answered(self, client: httpx.Client, number: int) -> None:
        began = time.monotonic()
        while not self._ended.is_set():
            try:
                reply = client.post(f"{self.url}/v1/generate", json=body(number))
                failure = "" if reply.status_code == 200 else str(reply.status_code)
            except httpx.HTTPError as error:
                failure = type(error).__name__
            now = time.monotonic()
            with self._lock:
                self.answers.longest = max(self.answers.longest, now - began)
                if not failure:
                    right = hashlib.sha256(reply.content).hexdigest() == self._images[number % KINDS]
                    self.answers.right += right
                    self.answers.wrong += not right
                    return
                self.answers.failures.append(failure)
                self.answers.last_failure = now
            time.sleep(0.2)


@contextlib.contextmanager
def traffic(host: Host, url: str, images: list[str]) -> Iterator[Traffic]:
    """Clients that end with the block."""
    clients = Traffic(host, url, images)
    try:
        yield clients
    finally:
        clients.stop()


def wait_until_answered(clients: Traffic, seconds: float, limit: float) -> bool:
    """Wait until requests have been answered for so long, each at its first try; whether that came within the limit."""
    begun = time.monotonic()
    while time.monotonic() < begun + limit:
        since, right = max(begun, clients.answers.last_failure), clients.answers.right
        time.sleep(0.5)
        if time.monotonic() - since > seconds and clients.answers.right > right:
            return True
    return False
