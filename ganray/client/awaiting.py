"""The client for event loops: of asyncio and of trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack

import anyio
import httpx

from ganray.client.answers import Answer, EditCard, Images, Job, ModelCard, ProfileCard, Report, read_cards, read_job, read_report
from ganray.client.api import ask, ask_file, ask_images, ask_page, health_steps, wait_steps
from ganray.client.bodies import EditFields, EditRow, Edits, GenerateFields, JobFields, Photo, Priority
from ganray.client.calls import (
    Call,
    Options,
    cancel_call,
    check_call,
    edit_call,
    generate_call,
    get_call,
    job_call,
    jobs_call,
    results_call,
    submit_call,
)
from ganray.client.exchange import Event, Send, Session, Sleep, Steps
from ganray.client.http import answer_of, client_options, fault_of, request_options
from ganray.client.kept import Cache
from ganray.client.results import Page, Result, ResultFile, read_jobs, read_results

T = TypeVar("T")


class AsyncClient:
    """A server's API. Tasks of one event loop may share one; close it, or use it in an `async with`.

    `timeout` is of a whole call, its `retries` included. `cache` keeps answers that do not change. `transport` is httpx's, e.g. for TLS.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Opens no connection yet. Raises ValueError for a URL that is not http(s)://HOST[/PATH]."""
        self._session = Session(key, timeout, retries, cache)
        self._http = httpx.AsyncClient(**client_options(url), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def generate(
        self,
        *,
        model: str = "",
        priority: Priority = "interactive",
        timeout: float | None = None,
        request_id: str = "",
        **fields: Unpack[GenerateFields],
    ) -> Images:
        """Make pictures. Without a seed and an id the client draws a seed, so that a retry gives the same picture. Raises ClientError."""
        options = Options(model, priority, timeout, request_id)
        return await self._run(ask_images(self._session, generate_call(fields, options), options))

    async def edit(
        self,
        photo: Photo,
        edits: Edits,
        *,
        model: str = "",
        priority: Priority = "interactive",
        timeout: float | None = None,
        request_id: str = "",
        **fields: Unpack[EditFields],
    ) -> Images:
        """Edit a photo: bytes and paths are uploaded, text is a key in the server's store or a data: URL. Raises ClientError, OSError."""
        options = Options(model, priority, timeout, request_id)
        if pictures := fields.get("pictures"):
            fields = {**fields, "pictures": {name: await _load(picture) for name, picture in pictures.items()}}
        return await self._run(ask_images(self._session, edit_call(await _load(photo), edits, fields, options), options))

    async def check(
        self,
        photo: Photo,
        profile: str = "amazon-main",
        kind: str = "",
        day: str = "",
        *,
        timeout: float | None = None,
        request_id: str = "",
    ) -> Report:
        """Check a picture against a marketplace's rules, of `day` (YYYY-MM-DD) or today. Raises ClientError, OSError."""
        options = Options(timeout=timeout, request_id=request_id)
        return await self._run(ask(self._session, check_call(await _load(photo), profile, kind, day), read_report, options))

    async def models(self) -> list[ModelCard]:
        """The models that the key sees. Raises ClientError."""
        return await self._run(ask(self._session, get_call("v1/models"), read_cards("models")))

    async def edits(self) -> list[EditCard]:
        """The edits, in the order of a chain. Raises ClientError."""
        return await self._run(ask(self._session, get_call("v1/edits"), read_cards("edits")))

    async def profiles(self) -> list[ProfileCard]:
        """The marketplaces' rules. Raises ClientError."""
        return await self._run(ask(self._session, get_call("v1/profiles"), read_cards("profiles")))

    async def submit_job(
        self,
        kind: Literal["generate", "edit"],
        requests: Sequence[GenerateFields | EditRow] = (),
        *,
        idempotency_key: str = "",
        **fields: Unpack[JobFields],
    ) -> Job:
        """Begin a bulk job. With a key of yours, the same job again is that job; without one each call is a new one. Raises ClientError."""
        return await self._run(ask(self._session, submit_call(kind, requests, fields, idempotency_key), read_job))

    async def job(self, id: str) -> Job:
        """How a job stands. Raises ClientError."""
        return await self._run(ask(self._session, job_call(id), read_job))

    def jobs(self, *, after: str = "", page_size: int = 20) -> AsyncIterator[Job]:
        """The jobs of the key's tenant, newest first; those older than the job `after`, where it is given.

        Each page, of at most 100 jobs, is asked for when it is needed. Iterating raises ClientError.
        """
        return self._each(jobs_call(after, page_size), read_jobs)

    def results(self, id: str, *, quarantined: bool = False, offset: int = 0, page_size: int = 100) -> AsyncIterator[Result]:
        """What a job has made, in order, from the row `offset` on; with `quarantined`, what it could not make.

        Each page, of at most 500 rows, is asked for when it is needed. While the job runs, pages have what is finished, and change: `wait`
        for it to have every row once. Iterating raises ClientError.
        """
        return self._each(results_call(id, quarantined, offset, page_size), read_results)

    async def result(self, id: str, name: str) -> ResultFile:
        """The file of a result, by its name. Raises ClientError."""
        return await self._run(ask_file(self._session, id, name))

    async def wait(self, id: str, timeout: float | None = None, poll: float = 1.0) -> Job:
        """The job when it has succeeded. Raises JobFailed where it has not, TimedOut after `timeout` seconds."""
        return await self._run(wait_steps(self._session, id, timeout, poll))

    async def cancel(self, id: str) -> Job:
        """Have a job end where it is. Raises ClientError."""
        return await self._run(ask(self._session, cancel_call(id), read_job))

    async def healthy(self) -> bool:
        """Whether the server answers and renders; asked once."""
        return await self._run(health_steps(self._session))

    async def _each(self, call: Call | None, reader: Callable[[Answer], Page[T]]) -> AsyncIterator[T]:
        """The rows of a listing, page after page."""
        while call:
            rows, call = await self._run(ask_page(self._session, call, reader))
            for row in rows:
                yield row

    async def _run(self, steps: Steps[T]) -> T:
        event: Event = None
        while True:
            try:
                step = steps.send(event)
            except StopIteration as stop:
                result: T = stop.value
                return result
            if isinstance(step, Sleep):
                await anyio.sleep(step.seconds)
                event = None
            else:
                event = await self._send(step)

    async def _send(self, step: Send) -> Event:
        """One try. httpx limits each read, so the end of the whole answer is watched here."""
        try:
            with anyio.fail_after(step.seconds):
                response = await self._http.send(self._http.build_request(**request_options(step)))
            return answer_of(response, response.content)
        except (httpx.HTTPError, TimeoutError) as error:
            return fault_of(error)


async def _load(photo: Photo) -> bytes | str:
    return photo if isinstance(photo, bytes | str) else await anyio.Path(photo).read_bytes()
