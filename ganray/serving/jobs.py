"""Bulk jobs over HTTP: POST /v1/jobs and what follows from it. A caller sees the jobs of its own tenant alone.

Who runs them is a JobRunner; all that is known of them lies in the store (job_store.py), so that any replica answers for any job.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from ganray.config import ServeConfig
from ganray.errors import ObjectNotFound, RequestError
from ganray.images.codec import MEDIA_TYPES
from ganray.serving.access import charge_job
from ganray.serving.bodies import read_json
from ganray.serving.caching import cache_headers, matches, not_modified, tag_of
from ganray.serving.context import Caller, context_of
from ganray.serving.job_body import MAX_JOB_BODY, JobRequest, Places, check_job, verb_config
from ganray.serving.job_keeper import JobKeeper, JobRunner, counts_of
from ganray.serving.job_results import LEFT_OUT, MAX_PAGE, read_page, read_result
from ganray.serving.job_store import Claim, Ended, JobRecord, JobStore, new_claim
from ganray.serving.openapi import body_of
from ganray.serving.refusals import Invalid, NotFound, RateLimited
from ganray.serving.webhooks import Webhooks
from ganray.storage import absolute_url

MAX_OPEN = 100  # jobs of a tenant that have not ended
KEY = re.compile(r"[\x21-\x7e]{1,255}")  # an Idempotency-Key
FolderOf = Callable[[str, Caller], str]  # name of a model -> URL of its folder; raises NotFound
_INVALID: dict[int | str, dict[str, Any]] = {422: {"description": "A parameter is not valid"}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such job or result, or another tenant's"}, **_INVALID}
EXAMPLE = {
    "kind": "generate",
    "requests": [{"id": "SKU-1", "seed": 7}, {"id": "SKU-2", "count": 2}],
    "options": {"format": "jpeg"},
}


class Submission(NamedTuple):
    """A job that is checked; `known` says that its Idempotency-Key has begun it before."""

    record: JobRecord
    config: dict[str, Any]
    lines: bytes | None
    known: bool


class Jobs:
    """The jobs of a server. Methods that begin with `do_` block."""

    def __init__(self, config: ServeConfig, runner: JobRunner, folder_of: FolderOf | None = None, webhooks: Webhooks | None = None) -> None:
        self._config, self._runner = config, runner
        self._folder_of = folder_of or partial(only_model, absolute_url(config.model))
        self.store, self.webhooks = JobStore(config.jobs), webhooks or Webhooks()
        self.keeper = JobKeeper(self.store, runner, self.webhooks)

    def start(self) -> None:
        """Begin to run what is written down, also by a server before this one."""
        self.keeper.start()

    def stop(self) -> None:
        """The server ends; jobs that live in it go on when it is started again."""
        self.keeper.stop()
        self._runner.close()

    def do_prepare(self, body: JobRequest, caller: Caller, key: str) -> Submission:
        """Check a job and give it its place. Raises Conflict, Invalid, RateLimited, RequestError, NotFound."""
        if key and not KEY.fullmatch(key):
            raise Invalid("Idempotency-Key is not 1 to 255 printable characters of ASCII without spaces", "Send a UUID, for example")
        model = self._folder_of(body.model, caller)
        checked = check_job(body, bool(self._config.source))
        if body.requests_key:
            self._require_table(caller.tenant, body.requests_key)
        if body.webhook:
            self.webhooks.check(body.webhook)
        if sum(1 for _ in self.store.open_jobs(caller.tenant)) >= MAX_OPEN:
            raise RateLimited(f"{MAX_OPEN} jobs have not ended", "Wait for some of them, or cancel some", 60.0)
        digest = hashlib.sha256(body.canonical().encode()).hexdigest()
        claim = self.store.claim(caller.tenant, key, digest) if key else new_claim(digest)
        record = _record(body, caller, claim, (checked.requests, checked.images))
        config = verb_config(body, self._places(body, record, model), self._runner.executor)
        return Submission(record, config, checked.lines, bool(key) and self.store.has(record))

    def do_begin(self, submission: Submission) -> JobRecord:
        """Write a job down and have it run."""
        record = submission.record
        self.store.add(record, submission.config, submission.lines)
        self.keeper.wake()
        return self.store.record(record.tenant, record.id)

    def do_cancel(self, tenant: str, id: str, now: float) -> dict[str, Any]:
        """End a job, unless it has ended; its description."""
        record = self.store.record(tenant, id)
        if self.store.end(record, Ended("cancelled", now)).state == "cancelled":
            self._runner.cancel(record)
            self.keeper.wake()
        return self.do_describe(record)

    def do_describe(self, record: JobRecord) -> dict[str, Any]:
        """What GET /v1/jobs/ID tells."""
        ended = self.store.ended(record)
        state = ended.state if ended else "running" if self.store.read(record, JobStore.started) else "queued"
        described: dict[str, Any] = {"id": record.id, "kind": record.kind, "state": state, "created": record.created}
        described |= {"model": record.model, "key": record.key, "requests": record.requests, "out": record.out_key}
        described |= self._progress(record, state)
        if ended:
            described["ended"] = ended.at
        if ended and ended.state == "failed":
            described["error"] = {"code": ended.code, "message": ended.message}
        if record.webhook:
            told = self.store.read(record, "webhook/done")
            described["webhook"] = "waiting" if told is None else "delivered" if told["delivered"] else "failed"
        return described

    def _progress(self, record: JobRecord, state: str) -> dict[str, Any]:
        """`done` of `total` images, and seconds that remain, from the bulk job's own objects."""
        progress: dict[str, Any] = {"done": 0, "total": record.images, "eta_s": None}
        if state == "queued":
            return progress
        if counts := counts_of(self.store, record):
            total = counts["images"] + counts["quarantined"] + sum(counts.get(name, 0) for name in LEFT_OUT)
            return {"done": total, "total": total, "eta_s": 0.0, "counts": counts}
        try:
            status = json.loads(self.store.out(record).get("status.json"))
            done = sum(status[name] for name in ("before", "written", "existing", "quarantined"))
            done += sum(status.get(name, 0) for name in LEFT_OUT)
            progress = {"done": done, "total": status["images"], "eta_s": status["eta_s"]}
        except (ObjectNotFound, ValueError, KeyError):  # not begun; of another version
            pass
        return progress if state == "running" else {**progress, "eta_s": None}

    def _places(self, body: JobRequest, record: JobRecord, model: str) -> Places:
        store, config = self.store, self._config
        if body.requests_key:
            tables, key = store.table(record.tenant, body.requests_key)
            table = tables.url_of(key)
        else:
            table = store.requests_url(record.tenant, record.id)
        source, networks = absolute_url(config.source), absolute_url(config.networks)
        return Places(model, table, store.out(record).url, source, networks, config.max_pixels)

    def _require_table(self, tenant: str, key: str) -> None:
        tables, _ = self.store.table(tenant, key)
        if not tables.exists(key):
            raise RequestError(f"requests_key {key[:60]!r} is not among the tables of this tenant", "Put it there first, or check the key")


def only_model(url: str, name: str, caller: Caller) -> str:
    """The folder of a server of one model. Raises NotFound for a name."""
    if name:
        raise NotFound(f"model {name[:100]!r} is not served here", "Leave it out, or name one of GET /v1/models")
    return url


def _record(body: JobRequest, caller: Caller, claim: Claim, size: tuple[int | None, int | None]) -> JobRecord:
    options = body.options.model_dump(exclude_defaults=True)
    return JobRecord(
        claim.id, caller.tenant, caller.key, body.kind, claim.created, body.out, body.model, size[0], size[1], options, body.webhook
    )


def add_jobs(app: FastAPI, jobs: Jobs) -> None:
    """Add the paths to the app."""

    @app.post("/v1/jobs", status_code=202, responses=_submit_responses(), openapi_extra=body_of(JobRequest, EXAMPLE))
    async def submit_job(http: Request, idempotency_key: Annotated[str, Header()] = "") -> JSONResponse:
        """Begin a bulk job of requests as /v1/generate or /v1/edit have them. The same Idempotency-Key gives the same job."""
        body = await read_json(http, JobRequest)
        submission = await asyncio.to_thread(jobs.do_prepare, body, context_of(http.scope).caller, idempotency_key)
        if not submission.known:
            await charge_job(http.scope, submission.record.images)
        record = await asyncio.to_thread(jobs.do_begin, submission)
        location = f"{http.scope.get('root_path', '')}/v1/jobs/{record.id}"
        described = await asyncio.to_thread(partial(jobs.do_describe, record))
        return JSONResponse(described, 202, {"Location": location, "Cache-Control": "no-store"})

    @app.get("/v1/jobs", responses=_INVALID)
    async def list_jobs(
        http: Request, after: Annotated[str, Query(max_length=40)] = "", limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> dict[str, Any]:
        """The tenant's jobs, newest first. `next` is the `after` of the next page; null at the end."""
        tenant = context_of(http.scope).caller.tenant

        def read() -> dict[str, Any]:
            records = jobs.store.records(tenant, after, limit + 1)
            return {
                "jobs": [jobs.do_describe(record) for record in records[:limit]],
                "next": records[limit - 1].id if records[limit:] else None,
            }

        return await asyncio.to_thread(read)

    @app.get("/v1/jobs/{id}", responses=_UNKNOWN)
    async def get_job(http: Request, id: str) -> dict[str, Any]:
        """A job: its state, `done` of `total` images, where its results lie, and why it failed, if it did."""
        tenant = context_of(http.scope).caller.tenant
        return await asyncio.to_thread(lambda: jobs.do_describe(jobs.store.record(tenant, id)))

    _add_cancel(app, jobs)
    _add_results(app, jobs)


def _add_cancel(app: FastAPI, jobs: Jobs) -> None:
    @app.post("/v1/jobs/{id}/cancel", responses=_UNKNOWN)
    async def cancel_job(http: Request, id: str) -> dict[str, Any]:
        """Cancel a job; what it has made stays. One that has ended is left as it is."""
        tenant = context_of(http.scope).caller.tenant
        return await asyncio.to_thread(jobs.do_cancel, tenant, id, time.time())


def _add_results(app: FastAPI, jobs: Jobs) -> None:
    @app.get("/v1/jobs/{id}/results", responses=_UNKNOWN)
    async def list_results(
        http: Request,
        id: str,
        offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
        quarantined: bool = False,
    ) -> dict[str, Any]:
        """Rows of the job's manifest, or of what could not be made and why. `next` is the `offset` of the next page, null at the end.

        While the job runs, the rows are those of what is finished, `complete` is false, and pages may change.
        """
        tenant, root = context_of(http.scope).caller.tenant, http.scope.get("root_path", "")
        record = await asyncio.to_thread(jobs.store.record, tenant, id)
        page = await asyncio.to_thread(read_page, jobs.store.out(record), quarantined, offset, limit)
        for row in page.rows:
            if "name" in row:
                row["href"] = f"{root}/v1/jobs/{id}/results/{row['name']}"
        return {"results": page.rows, "next": page.next, "complete": page.complete}

    @app.get("/v1/jobs/{id}/results/{name:path}", responses=_file_responses(), response_class=Response)
    async def get_result(http: Request, id: str, name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """One file of a job, with its labels. It never changes: the answer has an ETag."""
        record = await asyncio.to_thread(jobs.store.record, context_of(http.scope).caller.tenant, id)
        tag = tag_of("result", record.id, name)
        data, media_type = await asyncio.to_thread(read_result, jobs.store.out(record), name)
        if matches(if_none_match, tag):
            return not_modified(tag, {})
        return Response(data, media_type=media_type, headers={**cache_headers(tag), "X-Content-Type-Options": "nosniff"})


def _submit_responses() -> dict[int | str, dict[str, Any]]:
    return {
        202: {"description": "The job is written down; Location is its path"},
        400: {"description": "A request that could never be made: an unknown edit, profile or photo"},
        404: {"description": "No such model"},
        409: {"description": "The Idempotency-Key came with another body before"},
        413: {"description": f"The body is larger than {MAX_JOB_BODY:,} bytes"},
        415: {"description": "The Content-Type is not application/json"},
        422: {"description": "The body is not a valid job, or its webhook is not allowed"},
        403: {"description": "A key with a daily number of images sent a table, whose images are not counted"},
        429: {"description": f"{MAX_OPEN} jobs have not ended, or the key has used up its day"},
    }


def _file_responses() -> dict[int | str, dict[str, Any]]:
    image: dict[str, Any] = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()}
    return {
        200: {"description": "The file", "content": image},
        304: {"description": "The client has the file: If-None-Match names its ETag"},
        **_UNKNOWN,
    }
