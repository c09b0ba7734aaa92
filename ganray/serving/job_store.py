"""Bulk jobs of callers, kept as objects under one prefix: no database. Any replica, and a server that has started again, sees the same.

TENANT/ID/OUT/...                   what the job makes: the bulk job's own objects (plan.json, status.json, images, manifest, job.json)
TENANT/tables/...                   tables that a tenant has put there for its jobs
_records/TENANT/ID.json             who asked for what: created once
_state/TENANT/ID/NAME.json          what has happened since, each object created once: started, ended, attempts to tell a webhook
_state/TENANT/ID/config.yaml        what the verb is told, with requests.jsonl beside it
_keys/TENANT/HASH.json              which job an Idempotency-Key means
_open/TENANT/ID.json                jobs that something remains to be done for; deleted at the end

Ids begin with the time counted backwards, so that a listing has the newest job first. Whoever creates `ended` decides how a job ended: a
job that is cancelled while it finishes has one end, whichever came first.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, ClassVar, Literal

from ganray.errors import ObjectExists, ObjectNotFound
from ganray.serving.refusals import Conflict, NotFound
from ganray.storage import Store, open_store

Kind = Literal["generate", "edit"]
End = Literal["succeeded", "failed", "cancelled"]
ID = re.compile(r"[0-9a-f]{11}-[0-9a-f]{12}")
TIME_BITS = 44  # of milliseconds: until the year 2527
CONFIG, REQUESTS = "config.yaml", "requests.jsonl"


@dataclass(frozen=True)
class JobRecord:
    """Who asked for what. `out` is relative to the job's folder; `images` is None where only the table knows."""

    id: str
    tenant: str
    key: str
    kind: Kind
    created: float
    out: str
    model: str = ""
    requests: int | None = None
    images: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    webhook: str = ""

    @property
    def out_key(self) -> str:
        """Where the results lie under the prefix of all jobs."""
        return f"{folder_of(self.tenant)}/{self.id}/{self.out}"


@dataclass(frozen=True)
class Ended:
    """How a job ended, and when (seconds since 1970); `code` and `message` say why one failed."""

    state: End
    at: float
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Claim:
    """Which job an Idempotency-Key means, and the digest of the body that it came with."""

    id: str
    created: float
    digest: str


class JobStore:
    """The jobs under a prefix. Methods block: call them in a thread. They raise what stores raise."""

    started: ClassVar[str] = "started"

    def __init__(self, url: str) -> None:
        self.store = open_store(url)

    @property
    def url(self) -> str:
        """The prefix."""
        return self.store.url

    def claim(self, tenant: str, key: str, digest: str) -> Claim:
        """The job that a new key means, or the one that this key has meant before. Raises Conflict where that had another body."""
        mine = new_claim(digest)
        place = f"_keys/{folder_of(tenant)}/{hashlib.sha256(key.encode()).hexdigest()}.json"
        if self._create(place, asdict(mine)):
            return mine
        claim = Claim(**json.loads(self.store.get(place)))
        if claim.digest != digest:
            raise Conflict(
                f"Idempotency-Key {key[:60]!r} came with another body before: it means job {claim.id}",
                "Send a new key with a new body, or the first body again",
            )
        return claim

    def add(self, record: JobRecord, config: dict[str, Any], requests: bytes | None) -> None:
        """Write a job down. Written in part by somebody who was cut off, it is completed: all of it follows from the same body."""
        state = f"_state/{_place(record)}"
        if requests is not None:
            self._put_once(f"{state}/{REQUESTS}", requests)
        self._put_once(f"{state}/{CONFIG}", json.dumps(config, indent=1).encode())
        self._create(f"_open/{_place(record)}.json", {})
        self._create(f"_records/{_place(record)}.json", asdict(record))

    def has(self, record: JobRecord) -> bool:
        """Whether a job is written down."""
        return self.store.exists(f"_records/{_place(record)}.json")

    def requests_url(self, tenant: str, id: str) -> str:
        """Where the requests of a job lie that came in its body."""
        return self.store.url_of(f"_state/{folder_of(tenant)}/{id}/{REQUESTS}")

    def table(self, tenant: str, key: str) -> tuple[Store, str]:
        """The store of a tenant's tables, and the key of one in it."""
        return self.store.child(f"{folder_of(tenant)}/tables"), key

    def config(self, record: JobRecord) -> bytes:
        """What the verb is told: YAML."""
        return self.store.get(f"_state/{_place(record)}/{CONFIG}")

    def out(self, record: JobRecord) -> Store:
        """Where the job's results lie."""
        return self.store.child(record.out_key)

    def record(self, tenant: str, id: str) -> JobRecord:
        """A tenant's job. Raises NotFound for any other."""
        if ID.fullmatch(id):
            with suppress(ObjectNotFound):
                return JobRecord(**json.loads(self.store.get(f"_records/{folder_of(tenant)}/{id}.json")))
        raise NotFound(f"there is no job {id[:60]!r}", "GET /v1/jobs lists those there are")

    def records(self, tenant: str, after: str, limit: int) -> list[JobRecord]:
        """A tenant's jobs, newest first: at most `limit` that follow the id `after`."""
        folder = f"_records/{folder_of(tenant)}"
        ids = (id_of(info.key) for info in self.store.list(folder, ".json"))
        return [self.record(tenant, id) for id in islice((id for id in ids if id > after), limit)]

    def open_jobs(self, tenant: str | None = None) -> Iterator[tuple[str, str]]:
        """(tenant, id) of jobs that something remains to be done for, oldest first."""
        folder = "_open" if tenant is None else f"_open/{folder_of(tenant)}"
        found = [(info.key.split("/")[1], id_of(info.key)) for info in self.store.list(folder, ".json")]
        yield from ((tenant_of(place), id) for place, id in sorted(found, key=lambda job: job[1], reverse=True))

    def close(self, record: JobRecord) -> None:
        """Nothing remains to be done for a job."""
        self.store.delete(f"_open/{_place(record)}.json")

    def end(self, record: JobRecord, ended: Ended) -> Ended:
        """Write how a job ended, unless that is known; returns how it ended."""
        if self.note(record, "ended", asdict(ended)):
            return ended
        return self.ended(record) or ended

    def ended(self, record: JobRecord) -> Ended | None:
        """How a job ended; None where it has not."""
        found = self.read(record, "ended")
        return None if found is None else Ended(**found)

    def note(self, record: JobRecord, name: str, value: dict[str, Any]) -> bool:
        """Write down something that has happened; whether this was the first to do so."""
        return self._create(f"_state/{_place(record)}/{name}.json", value)

    def read(self, record: JobRecord, name: str) -> dict[str, Any] | None:
        """What was written down; None where nothing was."""
        try:
            found: dict[str, Any] = json.loads(self.store.get(f"_state/{_place(record)}/{name}.json"))
        except ObjectNotFound:
            return None
        return found

    def notes(self, record: JobRecord, folder: str) -> set[str]:
        """The names of what was written down in a folder."""
        return {id_of(info.key) for info in self.store.list(f"_state/{_place(record)}/{folder}", ".json")}

    def _create(self, key: str, value: dict[str, Any]) -> bool:
        return self._put_once(key, json.dumps(value).encode())

    def _put_once(self, key: str, data: bytes) -> bool:
        try:
            self.store.create(key, data)
        except ObjectExists:
            return False
        return True


def new_claim(digest: str) -> Claim:
    """A job that begins now."""
    now = time.time()
    return Claim(f"{2**TIME_BITS - 1 - int(now * 1000):011x}-{secrets.token_hex(6)}", now, digest)


def folder_of(tenant: str) -> str:
    """A tenant's name as a segment of a key: never a name of another purpose, `.` or `..`, and another one for each tenant.

    >>> folder_of("shop-a"), folder_of(""), folder_of(".."), folder_of("_open")
    ('shop-a', '_', '_2e.', '_5fopen')
    """
    safe = re.sub(r"[^A-Za-z0-9.-]", _hex, tenant)
    return re.sub(r"^\.", _hex, safe) or "_"


def tenant_of(folder: str) -> str:
    """The tenant whose folder this is: undoes `folder_of`."""
    if folder == "_":
        return ""
    return re.sub(r"((?:_[0-9a-f]{2})+)", lambda found: bytes.fromhex(found[0].replace("_", "")).decode(), folder)


def id_of(key: str) -> str:
    """The last name of a key, without its suffix."""
    return key.rpartition("/")[2].rpartition(".")[0]


def _hex(found: re.Match[str]) -> str:
    return "".join(f"_{byte:02x}" for byte in found[0].encode())


def _place(record: JobRecord) -> str:
    return f"{folder_of(record.tenant)}/{record.id}"
