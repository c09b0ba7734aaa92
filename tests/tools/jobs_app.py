"""The paths of jobs as the server has them, without work behind: a job goes one request on whenever it is looked at."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class JobsApp:
    """`ends` is how jobs end; `jobs` has them by their ids."""

    def __init__(self) -> None:
        self.jobs, self.ends, self._keys = {}, "succeeded", {}
        paths = [("/v1/jobs", self.submit, "POST"), ("/v1/jobs/{id}", self.get, "GET"), ("/v1/jobs/{id}/cancel", self.cancel, "POST")]
        self._app = Starlette(routes=[Route(path, route, methods=[method]) for path, route, method in paths])

    async def __call__(self, scope, receive, send) -> None:
        await self._app(scope, receive, send)

    async def submit(self, http: Request) -> JSONResponse:
        body, key = await http.json(), http.headers["idempotency-key"]
        id, earlier = self._keys.setdefault(key, (f"job-{len(self._keys)}", body))
        if earlier != body:
            return JSONResponse({"error": "conflict", "message": "another job has this key", "remedy": "Use another key"}, 409)
        job = {
            "id": id,
            "kind": body["kind"],
            "state": "queued",
            "done": 0,
            "total": len(body["requests"]),
            "out": body.get("out", "result"),
            "eta_s": None,
        }
        self.jobs.setdefault(id, job)
        return JSONResponse(self.jobs[id], 202, {"Location": f"/v1/jobs/{id}"})

    async def get(self, http: Request) -> JSONResponse:
        job = self.jobs.get(http.path_params["id"])
        if job is None:
            return JSONResponse({"error": "not_found", "message": "there is no such job", "remedy": ""}, 404)
        if job["state"] in ("queued", "running"):
            job |= {"state": "running", "done": job["done"] + 1}
            if job["done"] == job["total"]:
                job |= {"state": self.ends, "counts": {"images": job["done"]}}
                job |= {"error": {"code": "storage", "message": "the disk is full"}} if self.ends == "failed" else {}
        return JSONResponse(job)

    async def cancel(self, http: Request) -> JSONResponse:
        job = self.jobs[http.path_params["id"]]
        job["state"] = "cancelled"
        return JSONResponse(job)
