"""The OpenAPI document: it is valid, its examples work, and it says what every error looks like."""

import asyncio

import httpx
import jsonschema
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,)), {"colour": ("red", "blue")})
    return make_app(Engine.load(folder, "cpu", threads=1), ServeConfig())


def send(app, method, path, **options):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


def test_every_example_is_answered_as_the_document_says(app):
    document = send(app, "GET", "/openapi.json").json()
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            example = content.get("application/json", {}).get("example")
            reply = send(app, method.upper(), path, **({"json": example} if example else {}))
            assert reply.status_code == 200, (path, reply.text)
            tried += bool(example)
    assert tried == 3


def test_bodies_and_errors_have_schemas_that_hold(app):
    document = send(app, "GET", "/openapi.json").json()
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    error = send(app, "POST", "/v1/generate", json={"sed": 1})
    jsonschema.validate(error.json(), schemas["Error"])
    for operations in document["paths"].values():
        for operation in operations.values():
            errors = [response for status, response in operation["responses"].items() if status >= "400"]
            assert all(each["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"} for each in errors)


def test_forms_are_described(app):
    content = send(app, "GET", "/openapi.json").json()["paths"]["/v1/edit"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    assert content["multipart/form-data"]["schema"]["properties"]["photo"]["format"] == "binary"
