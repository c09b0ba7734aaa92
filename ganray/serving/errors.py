"""Every HTTP error is JSON of one form: error (a code), message, remedy; for photos that cannot be edited also reason."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ganray.errors import GanrayError, ImageError, RequestError
from ganray.requests import explain
from ganray.serving.refusals import Invalid, Refusal


def add_errors(app: FastAPI) -> None:
    """Register a handler for every exception."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """Reply 422."""
        return error_reply(_explain_query(request, error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        """Reply to errors that FastAPI raises: a body that cannot be decoded, an unknown path, a wrong method."""
        if error.status_code == 400:
            return error_reply(Invalid(f"the body is not JSON: {error.__cause__ or error.detail}", "Send one JSON object, in UTF-8"))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        text = {"error": code, "message": f"{request.method} {request.url.path}: {error.detail}", "remedy": f"See {docs_of(request)}"}
        return JSONResponse(text, error.status_code, error.headers)

    @app.exception_handler(GanrayError)
    async def known(_: Request, error: GanrayError) -> JSONResponse:
        """Reply with the status of the error; errors that the client did not cause are also logged."""
        reply = error_reply(error)
        if reply.status_code == 500:
            logging.getLogger(__name__).error("%s", error)
        return reply

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        """Reply 500; Starlette raises the error again, so that the server logs it."""
        return error_reply(GanrayError(f"the server failed: {type(error).__name__}", "See the server's log"))


def error_reply(error: GanrayError) -> JSONResponse:
    """The reply for an error."""
    text = {"error": error.code, "message": error.message, "remedy": error.remedy}
    if isinstance(error, Refusal):
        return JSONResponse(text, error.status, error.headers)
    if isinstance(error, ImageError):
        text["reason"] = error.reason
        return JSONResponse(text, 500 if error.reason == "label_unverified" else 422)
    return JSONResponse(text, 400 if isinstance(error, RequestError) else 500)


def _explain_query(request: Request, error: RequestValidationError) -> Invalid:
    """What is wrong with a parameter of the URL or a header; bodies are read in bodies.py."""
    errors = [{**detail, "loc": tuple(detail["loc"])[1:]} for detail in error.errors()]
    return Invalid(explain(errors), f"See {docs_of(request)}")


def docs_of(request: Request) -> str:
    """Where the API is described, under the server's prefix."""
    return f"{request.scope.get('root_path', '')}/docs"
