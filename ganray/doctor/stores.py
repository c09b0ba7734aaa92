"""A store, tried with one small object of its own: written, read, listed, and created conditionally; then it is deleted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ganray.doctor.clock import clock_findings, server_clock
from ganray.doctor.finding import Finding, note, ok, problem
from ganray.errors import GanrayError, StorageError
from ganray.storage import Store, open_store
from ganray.storage.conditional import job_store
from ganray.storage.local import LocalStore

NAME = "ganray-doctor-probe"  # so that somebody who finds one that was left behind knows what it is
DATA = b"written and deleted by ganray doctor\n"
REMEDY = "Check the URL, the endpoint (AWS_ENDPOINT_URL), the credentials and the network; then run ganray doctor again"
GOOGLE = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Probe:
    """The object that this machine has written, which other nodes look for: a folder may be one of theirs alone."""

    url: str
    key: str


@contextmanager
def probed(url: str) -> Iterator[tuple[Probe | None, list[Finding]]]:
    """Try a store: the object, which lies there until the context ends (None where it could not be written), and the lines."""
    try:
        store = open_store(url)
    except GanrayError as error:
        yield None, [_failed(error), *_clock(url)]
        return
    key = f"{NAME}-{secrets.token_hex(8)}"
    new = isinstance(store, LocalStore) and not store.root.exists()
    try:
        findings = list(_write(store, key, new))
    except GanrayError as error:
        _delete(store, key)
        yield None, [_failed(error), *_clock(url)]
        return
    try:
        yield Probe(url, key), findings
    finally:
        findings += _delete(store, key)


def _write(store: Store, key: str, new: bool) -> Iterator[Finding]:
    begin = time.monotonic()
    store.create(key, DATA)
    seconds = time.monotonic() - begin
    if store.get(key) != DATA:
        raise StorageError(f"{store.url_of(key)} is not what was written", "Check the proxy or cache before the store")
    next(store.list(), None)
    try:
        job_store(store)
    except StorageError as error:
        yield problem("store", error.message, error.remedy)
    else:
        made = "the folder was made; " if new else ""
        yield ok("store", f"{store.url}: {made}writes ({seconds * 1000:,.0f} ms), reads, lists and honours conditional writes")
    if clock := _clock(store.url):
        yield from clock
    elif not isinstance(store, LocalStore):  # its clock is this machine's
        ahead = (datetime.now(UTC) - store.head(key).modified).total_seconds() - (time.monotonic() - begin)
        yield from clock_findings(ahead, 1 + time.monotonic() - begin, "the store")


def _delete(store: Store, key: str) -> list[Finding]:
    try:
        store.delete(key)
    except GanrayError as error:
        return [note("store", f"the probe could not be deleted: {error}", f"Delete {store.url_of(key)} by hand")]
    return []


def seen_from_here(probe: Probe) -> list[Finding]:
    """The line of a store on another node than the one that wrote the probe."""
    try:
        there = open_store(probe.url).exists(probe.key)
    except GanrayError as error:
        return [_failed(error)]
    if there:
        return [ok("store", f"{probe.url}: reads")]
    text = f"{probe.url} is another folder here: what the command's machine writes is not seen"
    return [problem("store", text, "Use a bucket, or a folder that all nodes mount")]


def _failed(error: GanrayError) -> Finding:
    return problem("store", error.message, error.remedy or REMEDY)


def _clock(url: str) -> list[Finding]:
    """This machine's clock against the store's, for stores with an HTTP endpoint that is known."""
    certificates = None
    try:
        if url.startswith("s3://"):
            from botocore.session import Session

            from ganray.storage import aws

            session = Session()
            endpoint = aws.endpoint(session) or f"https://s3.{aws.region(session)}.amazonaws.com"
            bundle = aws.ca_bundle(session)
            certificates = bundle.decode() if bundle else None
        elif url.startswith("gs://"):
            endpoint = GOOGLE
        else:
            return []
        ahead = server_clock(endpoint, certificates)
    except Exception:  # botocore's, of a profile that the store's own line names already
        return []
    return [] if ahead is None else clock_findings(*ahead, "the store")
