"""The OpenAPI document: bodies that the routes read themselves (bodies.py), with examples that work, and the form of every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

REF = "#/components/schemas/"
COMMON = {  # what stands around every route of the API answers
    "401": "No key, or one that is not known",
    "403": "The key may not do this",
    "408": "The body did not arrive in time",
    "413": "The body is larger than any valid request",
    "429": "The key has used up its rate or its quota; see Retry-After",
    "500": "The server failed",
    "503": "The queue has no room; see Retry-After",
    "504": "The answer was not ready at the deadline",
}
ERROR = {
    "title": "Error",
    "type": "object",
    "required": ["error", "message", "remedy"],
    "properties": {
        "error": {"type": "string", "description": "a code for programs"},
        "message": {"type": "string", "description": "one line: the field, the value, what is wrong"},
        "remedy": {"type": "string", "description": "what to do"},
        "reason": {"type": "string", "description": "of photos that cannot be read or edited: the word of a quarantine"},
    },
}


def body_of(kind: type[BaseModel], example: dict[str, Any], form: bool = False) -> dict[str, Any]:
    """`openapi_extra` of a route that reads a body of `kind`, as JSON or, with `form`, also as a form with the file `photo`."""
    schema = {"$ref": REF + kind.__name__}
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if form:
        parts = {"photo": {"type": "string", "format": "binary"}, "request": schema}
        content["multipart/form-data"] = {
            "schema": {"type": "object", "required": ["photo"], "properties": parts},
            "encoding": {"request": {"contentType": "application/json"}},
        }
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI, bodies: tuple[type[BaseModel], ...]) -> None:
    """Have the app's document name the schemas of its bodies, and of errors, which all have one form."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        """The document; made once."""
        if app.openapi_schema is not None:
            return app.openapi_schema
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for kind in bodies:
            schema = kind.model_json_schema(ref_template=REF + "{model}")
            schemas |= schema.pop("$defs", {})
            schemas[kind.__name__] = schema
        schemas["Error"] = ERROR
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _complete(operation, COMMON if path.startswith("/v1/") else {})
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(operation: dict[str, Any], common: dict[str, str]) -> None:
    """Add what middleware answers. Every error has the one form; FastAPI describes its own validation, which no route answers with."""
    for status, description in common.items():
        operation["responses"].setdefault(status, {"description": description})
    for status, response in operation["responses"].items():
        if status.isdigit() and int(status) >= 400:
            response["content"] = {"application/json": {"schema": {"$ref": REF + "Error"}}}
