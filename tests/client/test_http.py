import httpx
import pytest

from ganray import __version__
from ganray.client.calls import Call
from ganray.client.exchange import Send
from ganray.client.http import answer_of, client_options, fault_of, request_options

REQUEST = httpx.Request("GET", "http://a/")


@pytest.mark.parametrize(
    ("error", "retryable", "late"),
    [
        (httpx.ConnectError("refused"), True, False),
        (httpx.ConnectTimeout("slow"), True, False),
        (httpx.RemoteProtocolError("cut"), True, False),
        (httpx.WriteError("broken pipe"), True, False),
        (httpx.ReadTimeout("slow"), True, True),
        (httpx.PoolTimeout("full"), True, True),
        (TimeoutError(), True, True),
        (httpx.LocalProtocolError("a header"), False, False),
        (httpx.UnsupportedProtocol("ftp"), False, False),
        (httpx.DecodingError("no gzip", request=REQUEST), False, False),
    ],
)
def test_what_is_worth_another_try(error, retryable, late):
    fault = fault_of(error)
    assert (fault.retryable, fault.late) == (retryable, late) and fault.message


def test_a_host_that_does_not_answer_leaves_time_for_another_try():
    step = Send(Call("POST", "v1/edit", {"model": "shop-a/latest"}, content=b"x"), {"A": "b"}, 30.0)
    with httpx.Client(**client_options("http://h:1/shop")) as client:
        request = client.build_request(**request_options(step))
    assert str(request.url) == "http://h:1/shop/v1/edit?model=shop-a%2Flatest"
    assert request.extensions["timeout"] == {"connect": 5.0, "read": 30.0, "write": 30.0, "pool": 30.0}
    assert (request.headers["a"], request.headers["user-agent"], request.content) == ("b", f"ganray/{__version__}", b"x")


def test_headers_of_the_transfer_are_not_those_of_the_body():
    answer = answer_of(httpx.Response(200, headers={"Content-Encoding": "gzip", "ETag": '"a"'}), b"plain")
    assert dict(answer.headers) == {"etag": '"a"'} and answer.content == b"plain"
