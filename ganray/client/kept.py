"""Answers that a caller keeps, in any mapping of text to bytes: a dict, a folder, a Redis.

There is one entry a request, under a digest of it: the answer with its ETag. What was kept is asked for with If-None-Match, so a model that
has changed is noticed, and an answer that has not is not drawn again.
"""

from __future__ import annotations

import json
from collections.abc import MutableMapping

from ganray.client.answers import Answer
from ganray.client.calls import Call

Cache = MutableMapping[str, bytes]


def find(cache: Cache | None, call: Call) -> Answer | None:
    """The kept answer of a call. An entry that cannot be read counts as none."""
    if cache is None or not call.repeatable:
        return None
    try:
        head, _, content = cache[call.fingerprint()].partition(b"\n")
        headers = json.loads(head)
        return Answer(200, headers, content) if headers["etag"] else None
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def keep(cache: Cache | None, call: Call, answer: Answer) -> None:
    """Keep an answer that has an ETag, and that the server allows to keep."""
    if cache is None or not call.repeatable or not answer.headers.get("etag") or "no-store" in answer.headers.get("cache-control", ""):
        return
    cache[call.fingerprint()] = json.dumps(dict(answer.headers)).encode() + b"\n" + answer.content


def renewed(found: Answer, answer: Answer) -> Answer:
    """A kept answer after 304: what the server says now stands over what it said then (RFC 9111, 4.3.4)."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-type", "content-length")}
    return Answer(200, {**found.headers, **headers}, found.content)
