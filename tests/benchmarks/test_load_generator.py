import asyncio
import hashlib
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager

import pytest

from ganray.benchmarks.load_generator import Load, Shot, generate_load, percentile_ms

BODY = b"abcd"


class Server:
    """Answers by `respond(number)`: a status line and headers, or nothing, which closes the connection. Bodies come in parts."""

    def __init__(self, respond):
        self.respond, self.heads, self.bodies, self.open = respond, [], [], 0

    async def handle(self, reader, writer):
        self.open += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = int(head.lower().partition("content-length: ")[2].split("\r\n")[0] or 0)
                self.bodies.append(await reader.readexactly(length))
                status = self.respond(len(self.heads))
                if asyncio.iscoroutine(status):
                    status = await status
                if not status:
                    return
                if status.startswith("304"):
                    writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
                    continue
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\n".encode() + BODY[:2])
                await writer.drain()
                writer.write(BODY[2:])
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]


def loaded(respond, **fields):
    """The server and the report of a load."""
    server = Server(respond)

    async def run():
        async with server.running() as port:
            return await generate_load(Load(port, **fields))

    return server, asyncio.run(run())


def test_every_answer_is_counted_by_its_status_and_refusals_apart():
    statuses = ["200 OK", "304 Not Modified", "503 Busy", "429 Too Many", "504 Late"]
    started = time.perf_counter()
    server, report = loaded(lambda number: statuses[number % 5], seconds=0.3, connections=4)
    assert report["sent"] == len(server.heads) == sum(report["statuses"].values())
    assert report["statuses"].keys() == {status[:3] for status in statuses}
    assert report["answered"] == report["statuses"]["200"] + report["statuses"]["304"]
    assert report["refused"] == report["statuses"]["503"] + report["statuses"]["429"]
    assert report["failures"] == report["sent"] - report["answered"] > 0
    assert 0.299 < report["answered"] / report["rate"] < time.perf_counter() - started  # to the last answer, which a busy machine delays
    assert 0 < report["p50_ms"] <= report["p99_ms"] and 0 < report["refused_p99_ms"] <= report["refused_max_ms"]


def test_a_closed_loop_keeps_its_connections_and_draws_each_seed_once():
    server, report = loaded(lambda _: "200 OK", seconds=0.2, connections=3)
    assert server.open == 3 and report["failures"] == 0
    assert len(set(server.bodies)) == len(server.bodies) > 3


def test_other_seeds_draw_other_requests():
    first, _ = loaded(lambda _: "200 OK", seconds=0.1, connections=1)
    second, _ = loaded(lambda _: "200 OK", seconds=0.1, connections=1, seed=1)
    assert not set(first.bodies) & set(second.bodies)


def test_shots_are_sent_in_turn_with_their_headers_and_without_a_body_by_get():
    shots = (Shot("/a", "", {"X-API-Key": "k"}), Shot("/b", "{}"))
    server, _ = loaded(lambda _: "200 OK", seconds=0.1, connections=1, shots=shots)
    assert server.heads[0].startswith("GET /a HTTP/1.1\r\n") and "X-API-Key: k\r\n" in server.heads[0]
    assert server.heads[1].startswith("POST /b HTTP/1.1\r\n") and server.bodies[:2] == [b"", b"{}"]


def test_an_open_loop_charges_a_server_that_stands_still_for_every_request_of_that_time():
    """A closed loop has one slow answer; most requests of an open one were due while the server slept."""
    _, closed = loaded(stalled, seconds=1.2, connections=1)
    _, report = loaded(stalled, seconds=1.2, connections=1, rate=200.0)
    assert 180 < report["sent"] < 300 and report["failures"] == closed["failures"] == 0
    assert report["p50_ms"] > 100 > closed["p50_ms"] and report["p99_ms"] > 700
    assert report["behind_p99_ms"] > 700  # the one connection was taken


async def stalled(number):
    await asyncio.sleep(0.8 if number == 20 else 0)
    return "200 OK"


def test_arrivals_are_the_same_for_every_side():
    counts = {loaded(lambda _: "200 OK", seconds=0.2, rate=500.0)[1]["sent"] for _ in range(2)}
    assert len(counts) == 1
    assert 60 < counts.pop() < 140


@pytest.mark.parametrize("failure", ["", "500 Broken", "503 Busy\r\nRetry-After: 0"])
def test_a_client_that_retries_once_sees_only_what_fails_twice(failure):
    server, report = loaded(lambda number: failure if number % 2 else "200 OK", seconds=0.3, connections=1, retries=1)
    assert report["failures"] == 0 and report["retried"] == report["sent"] > 0
    assert server.bodies[0] == server.bodies[1] != server.bodies[2]
    _, report = loaded(lambda _: failure, seconds=0.3, connections=1, retries=1)
    assert report["failures"] == report["sent"] == report["retried"] > 0


def test_no_server_is_a_failure():
    async def run():
        async with Server(str).running() as port:
            pass
        return await generate_load(Load(port, 0.1, 1, rate=50.0))

    report = asyncio.run(run())
    assert report["failures"] == report["sent"] == report["statuses"]["0"] > 0


def test_a_body_that_is_none_of_the_known_ones_is_wrong():
    digest = hashlib.sha256(BODY).hexdigest()
    for known, bodies in (((digest,), "all"), (("0" * 64, digest), "second"), (("0" * 64,), "none")):
        _, report = loaded(lambda _: "200 OK", seconds=0.1, connections=1, shots=(Shot(sha256=known),))
        right = 0 if bodies == "none" else report["answered"]
        assert report["wrong"] == report["answered"] - right
        assert report["bodies"][known.index(digest) if digest in known else 0] == right


def test_percentiles():
    assert percentile_ms([], 99) == 0.0
    assert percentile_ms([0.001 * number for number in range(200)], 50) == 100.0
    assert percentile_ms([0.001, 0.002], 100) == 2.0


def test_a_load_is_read_as_it_was_written():
    load = Load(80, 1.5, 3, 2.0, shots=(Shot("/x", "{}", {"A": "b"}, ("0", "1")),))
    assert Load.from_json(load.to_json()) == load


def test_the_command_prints_one_line():
    async def run():
        async with Server(lambda _: "200 OK").running() as port:
            command = [sys.executable, "-m", "ganray.benchmarks.load_generator"]
            process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            out, _ = await process.communicate(Load(port, 0.2, 2).to_json().encode())
            return json.loads(out)

    assert asyncio.run(run())["answered"] > 0
