import ast
import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import ganray
from ganray.catalog.quarantine import REASONS, SCHEMA, quarantine_row, replay
from ganray.errors import ImageError, ObjectNotFound


def test_every_reason_raised_anywhere_is_explained():
    raised = set()
    for path in Path(ganray.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError" and isinstance(node.args[0], ast.Constant):
                raised.add(node.args[0].value)
    assert len(raised) > 5
    assert raised - {"label_unverified"} <= set(REASONS)


def test_a_row_says_what_where_why_and_how_to_try_again():
    row = quarantine_row("s3://shop/photos", "a b/1.jpg", ImageError("empty", "the file has no bytes"))
    assert row == {
        "source_key": "a b/1.jpg",
        "reason": "empty",
        "message": "the file has no bytes",
        "replay": "python -m ganray.catalog.quarantine 's3://shop/photos/a b/1.jpg'",
    }
    assert list(row) == SCHEMA.names
    assert quarantine_row("x", "y", ObjectNotFound("x/y is not there"))["reason"] == "unreadable"


@pytest.mark.parametrize(("content", "answer"), [(b"", "empty: the file has no bytes"), (None, "fine, 30x20 pixels")])
def test_replay(tmp_path, content, answer):
    if content is None:
        buffer = io.BytesIO()
        Image.new("RGB", (30, 20)).save(buffer, "PNG")
        content = buffer.getvalue()
    (tmp_path / "one.png").write_bytes(content)
    assert replay(str(tmp_path / "one.png")).endswith(answer)


def test_replay_from_the_command_line(tmp_path):
    (tmp_path / "one.png").write_bytes(b"nonsense")
    command = [sys.executable, "-m", "ganray.catalog.quarantine", str(tmp_path / "one.png")]
    assert "unknown_format" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
