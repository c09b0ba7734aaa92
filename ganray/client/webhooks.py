"""Webhooks of jobs, verified: HMAC-SHA256 over id, timestamp and body, as the Standard Webhooks specification has it.

A signature says who sent a webhook, its timestamp that it was sent now. Within these five minutes the same one may still come twice (the
sender retries): its `id` says so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 300.0  # seconds between the clocks, or since it was sent
PREFIX = "whsec_"


class WebhookError(Exception):
    """A webhook that is not to be believed. `code`: header, secret, time, signature or body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Webhook:
    """A verified one. `id` is the same whenever it is sent again; `sent` are Unix seconds."""

    id: str
    sent: int
    payload: Any


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, now: float | None = None) -> Webhook:
    """The webhook of a request, whose body is as it came, before any parsing. Raises WebhookError.

    >>> verify_webhook("whsec_c2VjcmV0", {}, b"{}")
    Traceback (most recent call last):
    ganray.client.webhooks.WebhookError: the header webhook-id is missing
    """
    known = {name.lower(): value for name, value in headers.items()}
    id, timestamp, signatures = (_header(known, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise WebhookError("time", "the header webhook-timestamp does not have Unix seconds")
    age = (time.time() if now is None else now) - int(timestamp)
    if abs(age) > TOLERANCE:
        raise WebhookError("time", f"the webhook was sent {age:.0f} s ago: a replay, or a clock that is off")
    expected = hmac.new(_key(secret), f"{id}.{timestamp}.".encode("utf-8", "surrogateescape") + body, hashlib.sha256).digest()
    if not any(_equal(signature, expected) for signature in signatures.split()):
        raise WebhookError("signature", "no signature of the webhook is of this secret")
    try:
        return Webhook(id, int(timestamp), json.loads(body))
    except (ValueError, RecursionError) as error:
        raise WebhookError("body", f"the webhook's body is not JSON: {error}") from None


def _header(headers: Mapping[str, str], name: str) -> str:
    if not headers.get(name):
        raise WebhookError("header", f"the header {name} is missing")
    return headers[name]


def _key(secret: str) -> bytes:
    """The bytes of a secret: base64 behind the prefix, else the text itself, as the server reads it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else secret.encode()
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise WebhookError("secret", f"the secret is empty, or not base64 behind {PREFIX}")
    return key


def _equal(signature: str, expected: bytes) -> bool:
    """Whether `v1,BASE64` has these bytes. Other versions are passed over."""
    version, _, text = signature.partition(",")
    try:
        return version == "v1" and hmac.compare_digest(base64.b64decode(text, validate=True), expected)
    except (binascii.Error, ValueError):
        return False
