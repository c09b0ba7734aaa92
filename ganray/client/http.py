"""What both clients need of httpx: options of the HTTP client, a request of a step, an answer of a response, a fault of an error."""

from __future__ import annotations

from typing import Any

import httpx

from ganray import __version__
from ganray.client.answers import Answer
from ganray.client.exchange import Fault, Send

CONNECT_SECONDS = 5.0  # of one try: a host that does not answer leaves time for the next one
HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.DecodingError, httpx.TooManyRedirects)


def client_options(url: str) -> dict[str, Any]:
    """Options of httpx.Client. Redirects are not followed: a key goes to the server that it was given for. Raises ValueError."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"url {url[:100]!r}: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ValueError(f"url {url[:100]!r}: give one like https://images.shop.example, or with a path before /v1")
    return {"base_url": parsed, "headers": {"User-Agent": f"ganray/{__version__}"}, "follow_redirects": False}


def request_options(step: Send) -> dict[str, Any]:
    """Arguments of `build_request`."""
    call, timeout = step.call, httpx.Timeout(step.seconds, connect=min(step.seconds, CONNECT_SECONDS))
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query) or None,
        "headers": step.headers,
        "content": call.content or None,
        "timeout": timeout,
    }


def answer_of(response: httpx.Response, content: bytes) -> Answer:
    """A response whose body has been read. Headers that describe the transfer do not describe the body any more."""
    headers = {
        name.lower(): value for name, value in response.headers.items() if name.lower() not in ("content-encoding", "content-length")
    }
    return Answer(response.status_code, headers, content)


def fault_of(error: Exception) -> Fault:
    """What a failure of the transport says; a host that cannot be reached in time is worth another try."""
    late = isinstance(error, TimeoutError | httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
    message = "the server did not answer in time" if late else f"no answer: {type(error).__name__} {error}".strip()
    return Fault(message, not isinstance(error, HOPELESS), late)
