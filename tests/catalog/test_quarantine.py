import ast
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import ganray
from ganray.catalog.cleaning import Recipe
from ganray.catalog.quarantine import REASONS, SCHEMA, main, quarantine_row, replay, replay_all
from ganray.errors import ImageError, InvalidKey, ObjectNotFound
from ganray.images.codec import Limits
from ganray.storage import open_store
from tests.tools.shards import prepare_shard

RECIPE = Recipe(resolution=64, limits=Limits(max_pixels=100))


def test_every_reason_raised_anywhere_is_explained():
    raised = set()
    for path in Path(ganray.__file__).parent.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "ImageError(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ImageError" and isinstance(node.args[0], ast.Constant):
                raised.add(node.args[0].value)
    assert len(raised) > 5
    assert raised - {"label_unverified", "parent_credentials"} <= set(REASONS)  # but for those of images that we make


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
        (["ftp://x/y.png"], 3, "unknown scheme ftp://"),
        (["x.png", "{}"], 2, "'{}' is not a recipe: "),
        ([], 2, "Use python -m ganray.catalog.quarantine URL"),
    ],
)
def test_a_replay_that_cannot_be_is_one_line(arguments, code, message, capsys):
    assert main(arguments) == code
    output = capsys.readouterr().err
    assert message in output
    assert output.count("\n") == 1


def test_replay_from_the_command_line(tmp_path):
    (tmp_path / "one.png").write_bytes(b"nonsense")
    command = [sys.executable, "-m", "ganray.catalog.quarantine", str(tmp_path / "one.png")]
    assert "unknown_format" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def spoiled(plan, photos, tmp_path):
    """A shop of good photos and bad ones of several kinds, its catalog's work, and the store of the shop."""
    shop, good = open_store(str(tmp_path / "shop")), open_store(photos)
    for info in list(good.list())[:12]:
        shop.put(info.key, good.get(info.key))
    for number in range(70):
        shop.put(f"mug/bad-{number:02d}.jpg", b"nonsense")
    for number in range(3):
        shop.put(f"mug/empty {number}.png", b"")
    shop.put("loose.png", good.get(next(info.key for info in good.list())))
    work, num = plan(shop.url, str(tmp_path / "out"), shard_images=60)
    for number in range(num):
        prepare_shard(work, number)
    return work, shop


def test_a_whole_quarantine_is_tried_by_one_command_and_the_next_ingest_takes_what_is_fine(plan, spoiled, tmp_path, capsys):
    work, shop = spoiled
    assert main([work.out.url]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "empty: 0 of 3 fine now (3 empty)",
        "no_category: 1, not retried: the image is not in a folder, but others are",
        "unknown_format: 0 of 70 fine now (70 unknown_format)",
    ]
    data = shop.get("loose.png")
    for key in ("mug/bad-07.jpg", "mug/bad-66.jpg", "mug/empty 1.png"):
        shop.put(key, data)
    shop.delete("mug/bad-00.jpg")
    assert main([work.out.url, "--reason", "unknown_format"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "unknown_format: 2 of 70 fine now (67 unknown_format, 1 unreadable)",
        "2 fine: run the same `ganray ingest` again to accept them",
    ]
    assert replay_all(work.out, ["empty", "no_category"]) == {"empty": {"fine": 1, "empty": 2}, "no_category": {"left out": 1}}
    work, num = plan(shop.url, str(tmp_path / "out"), shard_images=60)
    receipts = [prepare_shard(work, number) for number in range(num)]
    assert sum(receipt.shard.rows for receipt in receipts) == 15
    assert sum(receipt.reasons.get("unknown_format", 0) for receipt in receipts) == 67


def test_bytes_that_were_cut_on_their_way_are_asked_for_again(plan, photos, tmp_path, monkeypatch):
    shop, good = open_store(str(tmp_path / "shop")), open_store(photos)
    for info in list(good.list())[:5]:
        shop.put(info.key, good.get(info.key))
    work, _ = plan(shop.url, str(tmp_path / "out"), min_images=1)
    with monkeypatch.context() as cut:
        real = type(shop).get
        cut.setattr(type(shop), "get", lambda self, key: real(self, key)[: -200 if self.url == shop.url and key == info.key else None])
        receipt = prepare_shard(work, 0)
    assert receipt.reasons == {"unreadable": 1}
    assert replay_all(work.out) == {"unreadable": {"fine": 1}}
    assert prepare_shard(work, 0).shard.rows == 5


def test_what_is_no_catalog_is_one_clear_line(tmp_path, capsys):
    assert main([str(tmp_path), "--reason=corrupt"]) == 4
    assert "is not a catalog and has no quarantine. Give the `out` of a ganray ingest" in capsys.readouterr().err
    assert main([str(tmp_path), "--reason", "ugly"]) == 2
    assert "unknown reason 'ugly'. Use one of empty, " in capsys.readouterr().err
    (tmp_path / "catalog.json").write_bytes(b"{}")
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == "the quarantine is empty\n"
