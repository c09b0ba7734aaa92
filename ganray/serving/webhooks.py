"""Tells a caller's server that a job has ended: a POST signed as Standard Webhooks says (standardwebhooks.com), at least once.

The identity of a message (webhook-id) is that of its job in every attempt, so that a receiver can leave out a second one; the time of the
attempt is signed, so that an old message cannot be sent again by somebody else. Attempts are objects in the store: a server that has
started again goes on where the last one was, and of several replicas one makes each attempt.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ganray import __version__
from ganray.errors import ConfigError
from ganray.serving.job_store import Ended, JobRecord, JobStore
from ganray.serving.refusals import Invalid
from ganray.serving.webhook_targets import Target, TargetRules

VARIABLE = "GANRAY_WEBHOOK_SECRET"
PREFIX = "whsec_"
MIN_SECRET = 24  # bytes, as Standard Webhooks has it
TIMEOUT_S = 10.0  # of an attempt, all of it
MAX_ANSWER = 64 * 1024  # bytes that are read of an answer
# Seconds after a job's end, of each attempt: a day in all.
SCHEDULE = (0, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400)
LEASE_S = 60.0  # that an attempt without a result counts as under way
GONE = 410  # the receiver wants no more


def read_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets of a variable: one, or several with spaces between them while they change; `whsec_` and base64, or plain text.

    Raises ConfigError, which does not show them.
    """
    return tuple(_secret(each) for each in text.split())


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else text.encode()
    except (binascii.Error, ValueError):
        raise ConfigError(
            f"${VARIABLE}: after {PREFIX} it is not base64", f"Make one: echo {PREFIX}$(head -c 32 /dev/urandom | base64)"
        ) from None
    if len(secret) < MIN_SECRET:
        raise ConfigError(
            f"${VARIABLE} has {len(secret)} bytes, under {MIN_SECRET}", f"Make one: echo {PREFIX}$(head -c 32 /dev/urandom | base64)"
        )
    return secret


def sign(secrets: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: one of each secret.

    >>> sign([b"k" * 24], "msg_1", 1700000000, b"{}").startswith("v1,")
    True
    """
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(secret, signed, sha256)).decode() for secret in secrets)


def body_of(record: JobRecord, ended: Ended, counts: Mapping[str, Any]) -> bytes:
    """The message: the same bytes in every attempt."""
    message = {"id": record.id, "kind": record.kind, "state": ended.state, "counts": dict(counts), "out": record.out_key}
    if ended.code:
        message["error"] = {"code": ended.code, "message": ended.message}
    return json.dumps(message, sort_keys=True).encode()


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt: the status of the answer (0: there was none), and what was wrong."""

    status: int
    problem: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return 200 <= self.status < 300


class Webhooks:
    """Sends the messages of one server. Without secrets nothing is sent."""

    def __init__(
        self, secrets: Sequence[bytes] | None = None, rules: TargetRules | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self.secrets = read_secrets(os.environ.get(VARIABLE, "")) if secrets is None else tuple(secrets)
        self._rules, self._context = rules or TargetRules(), context or ssl.create_default_context()

    def check(self, url: str) -> None:
        """Raises Invalid for a target that is not allowed, or where this server could not sign."""
        if not self.secrets:
            raise Invalid("webhook: this server has no secret to sign with", f"Leave it out, or have the operator set ${VARIABLE}")
        self._rules.check(url)

    def next_due(self, store: JobStore, record: JobRecord, ended: Ended) -> float | None:
        """When the next attempt is due (seconds since 1970); None where nothing remains to be done."""
        now, names = time.time(), store.notes(record, "webhook")
        if "done" in names:
            return None
        if not self.secrets:  # a server that was started without them: perhaps the next one has some
            return now + LEASE_S if now < ended.at + SCHEDULE[-1] else None
        number = len([name for name in names if name.isdecimal()])
        if number == 0:
            return ended.at
        if f"{number - 1:02d}-result" not in names:  # under way, or cut off
            begun = store.read(record, f"webhook/{number - 1:02d}") or {}
            if (free := begun.get("at", 0.0) + LEASE_S) > now:
                return float(free)
        return ended.at + SCHEDULE[number] if number < len(SCHEDULE) else None

    def attempt(self, store: JobStore, record: JobRecord, ended: Ended, counts: Mapping[str, Any]) -> Outcome | None:
        """Make the next attempt, which is due; None where another replica makes it."""
        number = len([name for name in store.notes(record, "webhook") if name.isdecimal()])
        if not self.secrets or number >= len(SCHEDULE) or not store.note(record, f"webhook/{number:02d}", {"at": time.time()}):
            return None
        outcome = self.send(record.webhook, f"msg_{record.id}", body_of(record, ended, counts))
        result = {"status": outcome.status, "problem": outcome.problem}
        store.note(record, f"webhook/{number:02d}-result", result)
        if outcome.delivered or outcome.status == GONE or number + 1 == len(SCHEDULE):
            store.note(record, "webhook/done", {"delivered": outcome.delivered, "attempts": number + 1})
        return outcome

    def send(self, url: str, id: str, body: bytes) -> Outcome:
        """One POST. Redirects are not followed: they are a refusal."""
        try:
            return self._post(self._rules.check(url), id, body)
        except Invalid as error:
            return Outcome(0, error.message)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(0, f"no answer: {type(error).__name__}")

    def _post(self, target: Target, id: str, body: bytes) -> Outcome:
        now = int(time.time())
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": f"ganray/{__version__}",
            "webhook-id": id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(self.secrets, id, now, body),
            "Connection": "close",
        }
        begun = time.monotonic()
        sock = socket.create_connection((target.address, target.port), TIMEOUT_S)
        if target.tls:  # closes the plain one where it fails
            sock = self._context.wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
        # A time-out of a socket is one of each read: a receiver that sends a byte now and then would hold it up for ever.
        deadline = threading.Timer(max(0.1, TIMEOUT_S + begun - time.monotonic()), _cut_off, [sock])
        deadline.daemon = True
        deadline.start()
        with sock:
            try:
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                return _exchange(sock, target, body, headers)
            finally:
                deadline.cancel()


def _exchange(sock: socket.socket, target: Target, body: bytes, headers: dict[str, str]) -> Outcome:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = sock
    connection.request("POST", target.path, body, headers)
    answer = connection.getresponse()
    answer.read(MAX_ANSWER)
    problem = "" if 200 <= answer.status < 300 else f"answered {answer.status}"
    return Outcome(answer.status, problem)


def _cut_off(sock: socket.socket) -> None:
    """End all reads and writes of another thread. TLS is not asked: it would wait for the other side."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
