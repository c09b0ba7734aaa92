"""A server's jobs without a socket: an app with the job routes alone, whose callers are who a header says."""

import asyncio
import time

import httpx
from fastapi import FastAPI

from ganray.serving.context import Caller, context_of
from ganray.serving.errors import add_errors
from ganray.serving.jobs import add_jobs


class HeldRunner:
    """Takes jobs and runs none: what a queue looks like that is full."""

    executor = "local"

    def __init__(self):
        self.submitted, self.cancelled, self.states = [], [], {}

    def submit(self, record):
        self.submitted.append(record.id)
        self.states[record.id] = "queued"

    def state(self, record):
        return self.states.get(record.id, "absent")

    def cancel(self, record):
        self.cancelled.append(record.id)
        self.states[record.id] = "gone"

    def close(self):
        pass


class AsTenant:
    """Middleware: the tenant of a header, in place of keys."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        tenant = dict(scope["headers"]).get(b"x-tenant", b"").decode()
        context_of(scope).caller = Caller(f"key of {tenant}", tenant)
        await self._app(scope, receive, send)


def app_with(jobs):
    app = FastAPI()
    app.add_middleware(AsTenant)
    add_jobs(app, jobs)
    add_errors(app)
    return app


def ask(jobs, method, path, tenant="shop-a", headers=None, around=None, **options):
    """One request; its answer. `around` is a middleware."""

    async def run():
        app = app_with(jobs)
        transport = httpx.ASGITransport(around(app) if around else app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, headers={"x-tenant": tenant, **(headers or {})}, **options)

    return asyncio.run(run())


def until(jobs, id, states=("succeeded", "failed", "cancelled"), tenant="shop-a", seconds=120):
    """The description of a job once it is in one of these states."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        described = ask(jobs, "GET", f"/v1/jobs/{id}", tenant).json()
        if described["state"] in states:
            return described
        time.sleep(0.1)
    raise AssertionError(described)
