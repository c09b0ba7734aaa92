"""Addresses that are no cluster, and tokens of none: one line, at once. With real hosts: tests/cluster/test_bad_clusters.py."""

import contextlib
import http.server
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import ray

from ganray.errors import ClusterError
from ganray.execution import address as module
from ganray.execution.address import METHOD, check_address, token

TOKEN = "f" * 64


class Control(grpc.GenericRpcHandler):
    """What a head answers to the first question, with authentication on."""

    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(self.answer) if call.method == METHOD else None

    def answer(self, request, context):
        if ("authorization", f"Bearer {TOKEN}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        return b""


@pytest.fixture
def head():
    server = grpc.server(ThreadPoolExecutor(1), [Control()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture(autouse=True)
def no_token(monkeypatch, tmp_path):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "RAY_USE_TLS", "RAY_ENABLE_K8S_TOKEN_AUTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_token_of_the_cluster_is_let_in(head, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    check_address(head)
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(f"{TOKEN}\n")
    check_address(head)


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("token", "0" * 64, "the token of this command is not the cluster's"),
        ("token", "", "there is no token"),
        ("", "", "the cluster wants a token, this command has none"),
        ("disabled", TOKEN, "the cluster wants a token, this command has none"),
    ],
)
def test_another_token_is_one_line_at_once(head, monkeypatch, mode, given, said):
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN", given)
    with pytest.raises(ClusterError, match=said) as caught:
        check_address(head)
    assert "RAY_AUTH_TOKEN" in caught.value.remedy
    assert TOKEN not in str(caught.value) and "0" * 64 not in str(caught.value)


def test_a_token_may_be_in_a_file_of_another_name(monkeypatch, tmp_path):
    (tmp_path / "mine").write_text(f" {TOKEN}\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "mine"))
    assert token() == TOKEN


@contextlib.contextmanager
def web_server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_web_server_is_not_a_cluster(monkeypatch, capfd):
    monkeypatch.setattr(module, "ANSWER_S", 2.0)
    began = time.monotonic()
    with web_server() as url, pytest.raises(ClusterError, match="something answers there, but not Ray"):
        check_address(url)
    assert time.monotonic() - began < 10


def test_a_server_of_other_methods_is_not_a_cluster():
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(ClusterError, match="something answers there, but not Ray"):
        check_address(f"127.0.0.1:{port}")
    server.stop(None).wait()


def test_nobody_there():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(ClusterError, match=r"cannot be reached: Connection refused\. Check ray\.address"):
        check_address(f"127.0.0.1:{port}")
    with pytest.raises(ClusterError, match="host not found"):
        check_address("no-such-host.invalid:6379")
    with pytest.raises(ClusterError, match="cannot be reached"):
        check_address("127.0.0.1:99999")


def test_a_host_that_is_silent_is_given_up(monkeypatch):
    """A listener whose queue is full: a further connection is neither taken nor refused."""
    monkeypatch.setattr(module, "CONNECT_S", 0.5)
    with socket.socket() as server, contextlib.ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        with pytest.raises(ClusterError, match=r"no answer in 0\.5 s"):
            check_address(f"127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("address", ["http://head:8265", "https://head", "ray://head:10001"])
def test_another_kind_of_address_says_which_one_is_meant(address):
    with pytest.raises(ClusterError, match="is not the address of a cluster's control service"):
        check_address(address)


@pytest.mark.ray
def test_a_cluster_is_a_cluster(cluster):
    check_address(ray.get_runtime_context().gcs_address)
    check_address("auto")
