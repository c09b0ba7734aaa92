import ast
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import ganray
from ganray.catalog.cleaning import Recipe
from ganray.catalog.quarantine import REASONS, SCHEMA, main, quarantine_row, replay
from ganray.errors import ImageError, InvalidKey, ObjectNotFound
from ganray.images.codec import Limits

RECIPE = Recipe(resolution=64, limits=Limits(max_pixels=100))


def test_every_reason_raised_anywhere_is_explained():
    raised = set()
    for path in Path(ganray.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError" and isinstance(node.args[0], ast.Constant):
                raised.add(node.args[0].value)
    assert len(raised) > 5
    assert raised - {"label_unverified"} <= set(REASONS)


def test_a_row_says_what_where_why_and_how_to_try_again():
    row = quarantine_row("s3://shop/photos", "a b/1.jpg", ImageError("empty", "the file has no bytes"), RECIPE)
    recipe = (
        '{"resolution":64,"square":"pad","format":"png","limits":{"max_bytes":25000000,"max_pixels":100,"max_frames":1,"max_side":16000},'
        '"automatic":[]}'
    )
    assert row == {
        "source_key": "a b/1.jpg",
        "reason": "empty",
        "message": "the file has no bytes",
        "replay": f"python -m ganray.catalog.quarantine 's3://shop/photos/a b/1.jpg' '{recipe}'",
    }
    assert list(row) == SCHEMA.names
    assert quarantine_row("x", "y", ObjectNotFound("x/y is not there"), RECIPE)["reason"] == "unreadable"
    assert quarantine_row("x", "y//z", InvalidKey("no"), RECIPE)["reason"] == "invalid_key"


def png(path, size=(30, 20)) -> str:
    Image.new("RGB", size).save(path, "PNG")
    return str(path)


def test_replay(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    assert replay(str(tmp_path / "empty.png"), RECIPE).endswith("empty: the file has no bytes")
    assert replay(png(tmp_path / "one.png"), Recipe(64)).endswith("fine, 30x20 pixels")


def test_the_command_of_a_row_comes_to_the_same_reason(tmp_path, capsys):
    png(tmp_path / "one.png")
    row = quarantine_row(str(tmp_path), "one.png", ImageError("too_many_pixels", "600 pixels"), RECIPE)
    assert main(shlex.split(row["replay"])[3:]) == 0
    assert ": too_many_pixels: 30x20 pixels, the caps are 100 pixels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["/nowhere/x.png"], 3, "/nowhere/x.png does not exist"),
        (["ftp://x/y.png"], 3, "no store is called ftp://"),
        (["x.png", "{}"], 2, "'{}' is no recipe: "),
        ([], 2, "Write python -m ganray.catalog.quarantine URL"),
    ],
)
def test_a_replay_that_cannot_be_is_one_line(arguments, code, message, capsys):
    assert main(arguments) == code
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_replay_from_the_command_line(tmp_path):
    (tmp_path / "one.png").write_bytes(b"nonsense")
    command = [sys.executable, "-m", "ganray.catalog.quarantine", str(tmp_path / "one.png")]
    assert "unknown_format" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
