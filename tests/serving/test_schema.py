"""Whatever the OpenAPI document allows, and much that it does not, gets an answer that the document names, and none is a 5xx.

Requests are made by schemathesis; the long form has 2,000.
"""

import itertools
from pathlib import Path

import numpy as np
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.images.codec import encode
from ganray.serving.server import make_server
from tests.tools.models import ATTRIBUTES, SMALLEST
from tests.tools.served_jobs import HeldRunner

pytest.importorskip("schemathesis", exc_type=ImportError)
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
KINDS = {"valid": GenerationMode.POSITIVE, "invalid": GenerationMode.NEGATIVE}
OPERATIONS = [
    "POST /v1/generate",
    "POST /v1/edit",
    "POST /v1/check",
    "GET /v1/models",
    "GET /v1/edits",
    "GET /v1/profiles",
    "POST /v1/jobs",
    "GET /v1/jobs",
    "GET /v1/jobs/{id}",
    "POST /v1/jobs/{id}/cancel",
    "GET /v1/jobs/{id}/results",
    "GET /v1/jobs/{id}/results/{name}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
]
WITHOUT_INVALID = [label for label in OPERATIONS if label.endswith(("{id}", "cancel", "{name}"))]  # any text may be a name
WITHOUT_INVALID += [label for label in OPERATIONS if label.startswith("GET") and not label.startswith("GET /v1/jobs")]  # nothing to say
SHORT, LONG = 12, 140  # requests of an operation and a kind


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    """The operations of a server with a model, photos, and a job that waits; and the job's id."""
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("model", "photos", "jobs")]
    make_model(folders[0], SMALLEST, ATTRIBUTES)
    Path(folders[1], "mug.png").write_bytes(encode(np.full((32, 32, 3), 255, np.uint8), "png"))
    config = ServeConfig(model=folders[0], source=folders[1], jobs=folders[2], wait_ms=0.0, max_count=4)
    server = make_server(config, "cpu", 1, runner=HeldRunner())
    schema = schemathesis.openapi.from_asgi("/openapi.json", server.app)
    found = {operation.label: operation for operation in (result.ok() for result in schema.get_all_operations())}
    submit = found["POST /v1/jobs"].Case(body={"kind": "generate", "requests": [{"id": "SKU-1"}]}, media_type="application/json")
    yield found, submit.call().json()["id"]
    server.models.model.close()


def ask(operation, mode, job, num):
    """So many requests, every second one of which names the job where it may name one. Statuses."""
    statuses, turns = [], itertools.count()

    @settings(
        max_examples=num, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case):
        if "id" in (case.path_parameters or {}) and next(turns) % 2:
            case.path_parameters["id"] = job
        response = case.call()
        case.validate_response(response, checks=CHECKS)
        statuses.append(response.status_code)

    each()
    return statuses


def test_the_operations_are_those_of_the_document(operations):
    assert sorted(OPERATIONS) == sorted(operations[0])


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("num", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_every_answer_is_documented_and_none_is_a_failure_of_the_server(operations, label, num):
    found, job = operations
    operation = found[label]
    statuses = ask(operation, KINDS["valid"], job, num)
    assert statuses
    if label not in WITHOUT_INVALID:
        assert any(status >= 400 for status in ask(operation, KINDS["invalid"], job, num)) or operation.method == "get"
