import asyncio

from ganray.benchmarks.load_generator import load


def test_every_answer_is_counted_and_only_200_as_a_success():
    """A server that answers one request in three with 503, in parts."""
    seen: list[bytes] = []

    async def answer(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                seen.append(await reader.readexactly(length))
                status = b"503 Busy" if len(seen) % 3 == 0 else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nab")
                await writer.drain()
                writer.write(b"cd")
        except asyncio.IncompleteReadError:
            writer.close()

    async def run():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            return await load("127.0.0.1", server.sockets[0].getsockname()[1], 0.3, 4)

    report = asyncio.run(run())
    assert round(report["rate"] * 0.3) + report["failures"] == len(seen)
    assert report["failures"] == len(seen) // 3 > 0
    assert 0 < report["p50_ms"] <= report["p99_ms"]
    assert len(set(seen)) == len(seen)
