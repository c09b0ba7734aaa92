"""Whatever goes wrong over HTTP as JSON of one form: error (a code), message, remedy; and why a photo cannot have its edit: reason."""

from __future__ import annotations

import json
import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from ganray.errors import GanrayError, ImageError, RequestError
from ganray.requests import EditRequest, GenerateRequest, explain
from ganray.serving.batcher import Busy

KINDS: dict[str, type[BaseModel]] = {"/v1/generate": GenerateRequest, "/v1/edit": EditRequest}  # the end of a path: what its body is


class Invalid(GanrayError):
    """A body is no request."""

    code = "invalid"


class TooLarge(GanrayError):
    """A body has more bytes than any request needs."""

    code = "too_large"


def add_errors(app: FastAPI) -> None:
    """Answer for everything that is raised."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """Answer 422."""
        return failure(_explained(request, error))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        """Answer for FastAPI: a body that is no JSON (other than by its syntax), no such path, or another method."""
        if error.status_code == 400:
            return failure(Invalid(f"the body is not JSON: {error.__cause__ or error.detail}", "Send one JSON object, in UTF-8"))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
        text = {"error": code, "message": f"{request.method} {request.url.path}: {error.detail}", "remedy": f"See {_docs(request)}"}
        return JSONResponse(text, error.status_code, error.headers)

    @app.exception_handler(GanrayError)
    async def failed(_: Request, error: GanrayError) -> JSONResponse:
        """Answer what the error's kind asks for; what is no fault of the request's goes into the log, too."""
        reply = failure(error)
        if reply.status_code == 500:
            logging.getLogger(__name__).error("%s", error)
        return reply

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        """Answer 500; the error goes on, into the log."""
        return failure(GanrayError(f"the server failed: {type(error).__name__}", "Its log says why"))


def failure(error: GanrayError) -> JSONResponse:
    """The answer for an error."""
    status = {RequestError: 400, TooLarge: 413, Invalid: 422, Busy: 503}.get(type(error), 500)
    text = {"error": error.code, "message": error.message, "remedy": error.remedy}
    if isinstance(error, ImageError):
        status, text["reason"] = 500 if error.reason == "label_unverified" else 422, error.reason
    return JSONResponse(text, status, {"Retry-After": "1"} if status == 503 else {})


def _explained(request: Request, error: RequestValidationError) -> Invalid:
    """What is wrong with a body: it is no JSON, does not say that it is, or has a wrong field."""
    errors = [{**found, "loc": tuple(found["loc"])[1:] or ("the body",)} for found in error.errors()]
    if errors[0]["type"] == "json_invalid":
        syntax = json.JSONDecodeError(errors[0]["ctx"]["error"], error.body, errors[0]["loc"][0])
        return Invalid(f"the body is not JSON: {syntax}", 'Send one JSON object, like {"count": 1}')
    if isinstance(errors[0]["input"], bytes):
        said = request.headers.get("content-type", "of no type")
        return Invalid(f"the body is {said[:100]}, not application/json", "Send Content-Type: application/json")
    kind = next((kind for end, kind in KINDS.items() if request.url.path.endswith(end)), GenerateRequest)
    return Invalid(explain(errors, kind), f"See {_docs(request)}")


def _docs(request: Request) -> str:
    return f"{request.scope.get('root_path', '')}/docs"
