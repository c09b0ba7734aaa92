"""A bucket of many keys that only lists itself: answers of ListObjectsV2, made when they are asked for. On loopback, without signatures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000  # keys, as S3
FOLDERS = 100
PREFIX = "photos/"
ITEM = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    '<ETag>"{place:032x}"</ETag><Size>120000</Size><StorageClass>STANDARD</StorageClass></Contents>'
)
SERVE = "import sys; from ganray.benchmarks.listing_server import serve; serve(int(sys.argv[1]))"


def key_of(place: int, num: int) -> str:
    """The key at a place of the listing: places and keys have the same order."""
    return f"{PREFIX}{place * FOLDERS // num:03d}/SKU-{place:010d}.jpg"


def page(num: int, start: int) -> bytes:
    """The answer with the keys from `start` on."""
    stop = min(start + PAGE, num)
    items = "".join(ITEM.format(key=key_of(place, num), place=place) for place in range(start, stop))
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{stop}</NextContinuationToken>" if stop < num else ""
    head = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
    return f"{head}<KeyCount>{stop - start}</KeyCount>{more or '<IsTruncated>false</IsTruncated>'}{items}</ListBucketResult>".encode()


def serve(num: int) -> None:
    """Serve until the process is ended; the port is printed first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            body = page(num, int(query.get("continuation-token", ["0"])[0]))
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: ten thousand lines would not be read."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def listing_server(num: int) -> Iterator[dict[str, str]]:
    """A server of `num` keys in a process of its own; yields the environment that leads `s3://bucket/photos` to it."""
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(num)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_SKIP_SIGNATURE": "true", "AWS_REGION": "us-east-1"}
    finally:
        process.kill()
        process.communicate()
