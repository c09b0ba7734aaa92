"""The fields that type checkers see are those of the server's classes; and the import is light."""

import subprocess
import sys
from pathlib import Path
from typing import Required, get_args, get_origin, get_type_hints

import pytest

from ganray.client import bodies
from ganray.requests import EditRequest, GenerateRequest

ROOT = Path(__file__).parents[2]


def test_the_fields_are_those_of_the_servers_bodies():
    assert get_type_hints(bodies.GenerateFields).keys() == GenerateRequest.model_fields.keys()
    assert get_type_hints(bodies.EditRow).keys() == EditRequest.model_fields.keys()
    assert get_type_hints(bodies.EditFields).keys() == EditRequest.model_fields.keys() - {"image", "edits"}


def test_the_fields_of_a_job_are_those_of_the_servers_body():
    body = pytest.importorskip("ganray.serving.job_body").JobRequest
    assert get_type_hints(bodies.JobFields).keys() == body.model_fields.keys() - {"kind", "requests"}


def test_every_value_of_a_field_is_one_that_the_server_takes():
    whole = {"id": "a", "attributes": {"colour": "red"}, "title": "t", "seed": 1, "count": 2, "quality": 90, "side": 8, "truncation": 0.5}
    for format in get_args(bodies.Format):
        made = GenerateRequest(**{**whole, "segment": "", "format": format, "quality": None if format == "png" else 90})
        assert made.format == format
        assert EditRequest(image="a", edits=["white", {"conform": "x"}], format=format).format == format
    assert set(get_args(bodies.Format)) == set(get_args(GenerateRequest.model_fields["format"].annotation))
    assert (
        EditRequest.model_fields["image"].is_required()
        and get_origin(get_type_hints(bodies.EditRow, include_extras=True)["image"]) is Required
    )


def test_the_import_needs_httpx_alone():
    heavy = {"torch", "ray", "numpy", "pydantic", "PIL", "pyarrow", "fastapi", "boto3", "obstore"}
    script = "import sys, ganray.client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"httpx", "ganray"} <= loaded and not loaded & heavy


def test_it_imports_nothing_else_of_ganray():
    script = "import sys, ganray.client; print(*sorted(name for name in sys.modules if name.startswith('ganray')))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.startswith("ganray.client")} == {"ganray"}
