"""A load generator for the serve benchmark: closed loop, raw keep-alive connections, little CPU of its own.

`python -m ganray.benchmarks.load_generator HOST PORT SECONDS CONNECTIONS` posts requests, each with a new seed, and prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

BODY = '{"seed":%d}'
HEAD = "POST /v1/generate HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


async def load(host: str, port: int, seconds: float, connections: int) -> dict[str, float]:
    """Requests per second answered 200, median and 99th percentile latency in ms, and the number of other answers."""
    latencies: list[float] = []
    failures = 0
    stop = time.perf_counter() + seconds

    async def client(number: int) -> None:
        """One connection, which sends the next request as soon as the last one is answered."""
        nonlocal failures
        reader, writer = await asyncio.open_connection(host, port)
        seed = number * 10**9
        while (sent := time.perf_counter()) < stop:
            seed += 1
            body = BODY % seed
            writer.write((HEAD % (host, len(body), body)).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_content_length(head))
            if b" 200 " in head[:16]:
                latencies.append(time.perf_counter() - sent)
            else:
                failures += 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    latencies.sort()
    return {
        "rate": len(latencies) / seconds,
        "p50_ms": 1000 * latencies[len(latencies) // 2] if latencies else 0.0,
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100] if latencies else 0.0,
        "failures": failures,
    }


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[at : lower.index(b"\r\n", at)])


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))))
