"""Divides the requests for one name between several models.

By weighted rendezvous hashing (Thaler and Ravishankar 1998; weights: Schindelhauer and Schomaker 2005): the same request goes to the same
model on every replica, and where shares change no more requests move than must.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Mapping

from ganray.requests import EditRequest, GenerateRequest


def choose(split: str, shares: Mapping[str, float], key: str) -> str:
    """The name among `shares` that a request with this key goes to; a random one for an empty key. `split` is the divided name."""
    key = key or secrets.token_hex(8)
    return min((name for name in shares if shares[name] > 0), key=lambda name: _distance(split, name, key) / shares[name])


def _distance(split: str, name: str, key: str) -> float:
    """A number of the exponential distribution, of which the smallest of several wins as often as its weight says."""
    digest = hashlib.blake2b("\0".join((split, name, key)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -math.log((int.from_bytes(digest) + 0.5) / 2**64)


def key_of(request: GenerateRequest | EditRequest, files: Mapping[str, bytes] | None = None) -> str:
    """What says that two requests are the same: id and seed; without an id the body, and the pictures of its form. Empty for one that is
    drawn anew each time."""
    if request.id:
        return f"{request.id}\0{request.seed}"
    if request.seed is None and isinstance(request, GenerateRequest):
        return ""
    digest = hashlib.blake2b(request.canonical().encode("utf-8", "surrogatepass"), digest_size=16)
    for name, data in sorted((files or {}).items()):
        digest.update(hashlib.blake2b(name.encode("utf-8", "surrogatepass") + b"\0" + data, digest_size=16).digest())
    return digest.hexdigest()
