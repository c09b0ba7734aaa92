"""A store over an unreliable connection: a proxy in front of the real server injects faults."""

import http.client
import socketserver
import struct
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from socket import SO_LINGER, SOL_SOCKET

import pytest
from botocore.session import Session

from ganray.errors import AccessDenied, ObjectExists, ObjectNotFound, StorageError
from ganray.storage import buckets, open_store
from ganray.storage.conditional import job_store

pytestmark = pytest.mark.s3
DATA = bytes(range(256)) * 40


class Proxy(socketserver.ThreadingTCPServer):
    """Forwards requests to `upstream`; each request of `method` takes the next of `faults`.

    busy: 503, not forwarded. lost: forwarded, the response replaced by 503. dropped: forwarded, the response replaced by a reset.
    cut: the response ends after 60 % of its body. reset: not forwarded. overwritten: the response to a refused conditional write says that
    it was done, as gateways answer that ignore the condition.
    """

    daemon_threads = allow_reuse_address = True

    def __init__(self, upstream):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.faults, self.method, self.requests = upstream, [], "", 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        self.raw_requestline = self.rfile.readline(65537)
        if self.raw_requestline and self.parse_request():
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            faulty = self.server.faults and self.command == self.server.method
            self.server.requests += 1
            self.answer(self.server.faults.pop(0) if faulty else "", body)

    def answer(self, fault, body):
        status, headers, answer = (503, [], b"") if fault in ("busy", "reset") else self.forward(body)
        if fault in ("reset", "dropped"):
            self.reset()
            return
        if fault == "lost":
            status, headers, answer = 503, [], b""
        if fault == "overwritten" and status == 412:
            status, headers, answer = 200, [("ETag", '"0"')], b""
        length = next((value for name, value in headers if name.lower() == "content-length"), len(answer))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer[: len(answer) * 6 // 10] if fault == "cut" else answer)

    def forward(self, body):
        connection = http.client.HTTPConnection(self.server.upstream.removeprefix("http://"))
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def reset(self):
        self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        for file in (self.rfile, self.wfile, self.connection):  # the socket closes with the last one
            file.close()


@pytest.fixture
def proxy(s3_environment, monkeypatch):
    with Proxy(s3_environment["AWS_ENDPOINT_URL"]) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setitem(buckets.RETRY, "max_retries", 3)
        monkeypatch.setitem(buckets.RETRY, "backoff", buckets.RETRY["backoff"] | {"init_backoff": timedelta(milliseconds=20)})
        yield proxy
        proxy.shutdown()
        thread.join()


@pytest.fixture
def store(s3_url, proxy, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)  # s3_url has set the server's own URL
    return open_store(s3_url)


@pytest.fixture
def break_(proxy):
    def break_(method, *faults):
        proxy.method, proxy.faults, proxy.requests = method, list(faults), 0

    return break_


@pytest.mark.parametrize("faults", [["busy", "busy"], ["reset"], ["dropped"], ["cut"], ["cut", "reset", "cut"]])
def test_get_survives(store, break_, faults):
    store.put("k", DATA)
    break_("GET", *faults)
    assert store.get("k") == DATA


@pytest.mark.parametrize("faults", [["busy", "lost"], ["reset"], ["dropped"]])
def test_put_survives(store, break_, faults):
    break_("PUT", *faults)
    store.put("k", DATA)
    assert store.get("k") == DATA


@pytest.mark.parametrize("fault", ["lost", "dropped", "reset", "busy"])
def test_a_create_whose_response_is_lost_succeeds(store, break_, fault):
    break_("PUT", fault)
    etag = store.create("k", DATA)
    assert store.head("k").etag == etag
    break_("PUT", fault)
    with pytest.raises(ObjectExists):
        store.create("k", DATA)


def test_a_bucket_that_ignores_conditions_is_found_out_before_a_job(store, break_):
    assert job_store(store) is store
    break_("PUT", "overwritten", "overwritten")
    with pytest.raises(StorageError, match=f"{store.url}: the store overwrites objects.*--allow-unsafe-store"):
        job_store(store)
    assert list(store.list()) == []


def test_a_broken_listing_is_continued(s3_pages, store, break_, proxy):
    url, keys = s3_pages
    break_("GET", "", "cut", "cut")
    assert [info.key for info in open_store(url).list()] == keys
    assert not proxy.faults  # those of the second page


@pytest.mark.parametrize(("fault", "message"), [("busy", "the store answers 503"), ("reset", "cannot be reached"), ("cut", "")])
def test_a_permanent_fault_is_one_error_that_names_the_object(store, break_, proxy, fault, message):
    store.put("k", bytes(1_000_000))
    for method, verb in (("GET", lambda: store.get("k")), ("GET", lambda: list(store.list())), ("PUT", lambda: store.create("k2", DATA))):
        if fault == "cut" and method == "PUT":
            continue
        break_(method, *[fault] * 100)
        with pytest.raises(StorageError, match=f"{store.url}.*{message}") as caught:
            verb()
        assert "\n" not in str(caught.value)
        assert proxy.requests < 20


@pytest.fixture
def client(s3_environment):
    key, secret = s3_environment["AWS_ACCESS_KEY_ID"], s3_environment["AWS_SECRET_ACCESS_KEY"]
    endpoint = s3_environment["AWS_ENDPOINT_URL"]
    client = Session().create_client("s3", "eu", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret)
    yield client
    client.close()


def test_folder_markers_are_not_listed(s3_url, client):
    prefix = s3_url.removeprefix("s3://ganray/")
    for key in ("", "a/", "a/1.png", "a/deep/", "a/deep/2.png"):
        client.put_object(Bucket="ganray", Key=f"{prefix}/{key}", Body=b"")
    store = open_store(s3_url)
    assert [info.key for info in store.list()] == ["a/1.png", "a/deep/2.png"]
    assert [info.key for info in store.list("a/deep")] == ["a/deep/2.png"]


def test_unreadable_keys_are_listed_and_reported(s3_url, client):
    prefix, keys = s3_url.removeprefix("s3://ganray/"), ["0.png", "a//b.png", "a/../c.png", "a/1.png", "new\nline.png", "z.png"]
    for key in keys:
        client.put_object(Bucket="ganray", Key=f"{prefix}/{key}", Body=b"1")
    store = open_store(s3_url)
    assert sorted(info.key for info in store.list()) == sorted(keys)
    results = dict(store.get_many(info.key for info in store.list()))
    assert {key for key, data in results.items() if isinstance(data, StorageError)} == {"a//b.png", "a/../c.png", "new\nline.png"}


def test_a_bucket_that_does_not_exist(s3_url):
    store = open_store("s3://no-such-bucket/prefix")
    for verb in (lambda: store.get("k"), lambda: store.put("k", b""), lambda: store.create("k", b""), lambda: list(store.list())):
        with pytest.raises(ObjectNotFound, match=r"s3://no-such-bucket/prefix.*there is no such bucket\. Check its name"):
            verb()


def test_wrong_credentials(s3_url, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = open_store(s3_url)
    for verb in (lambda: store.get("k"), lambda: store.put("k", b""), lambda: store.head("k"), lambda: list(store.list())):
        with pytest.raises(AccessDenied, match=r"access is denied.*check the credentials"):
            verb()


def test_no_server(s3_url, monkeypatch):
    monkeypatch.setitem(buckets.RETRY, "max_retries", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"/k: http://127.0.0.1:9 cannot be reached: connection refused\. Check the endpoint"):
        open_store(s3_url).get("k")
