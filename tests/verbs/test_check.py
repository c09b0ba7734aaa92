import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from ganray.catalog.manifest import build_manifest
from ganray.cli import main
from ganray.config import IngestConfig
from ganray.edits import parse_chain
from ganray.images.codec import encode
from ganray.images.provenance import Label, encode_labelled
from ganray.requests import EditRequest
from ganray.storage import open_store


@pytest.fixture
def pixels():
    """Hardly larger than a marketplace wants it, and with little in it: checks for faces and text are slow where there is much to see."""
    found = np.full((510, 510, 3), 255, np.uint8)
    shade = np.linspace(20, 120, 470)[:, None, None] * (1.0, 0.6, 0.4)
    found[20:490, 100:400] = shade + np.random.default_rng(0).integers(0, 12, (470, 300, 3))
    return found


@pytest.fixture
def folder(tmp_path, pixels):
    place = tmp_path / "photos"
    (place / "shoes").mkdir(parents=True)
    grey = pixels.copy()
    grey[grey == 255] = 230
    (place / "good.jpg").write_bytes(encode(pixels, "jpeg"))
    (place / "shoes" / "grey.jpg").write_bytes(encode(grey, "jpeg"))
    (place / "shoes" / "small.png").write_bytes(encode(np.ascontiguousarray(pixels[::2, ::2]), "png"))
    (place / "broken.jpg").write_bytes(b"\xff\xd8nothing")
    (place / "empty.jpg").write_bytes(b"")
    (place / "notes.csv").write_text("no picture")
    return place


def run(*argv):
    return main(["check", *map(str, argv), "--workers", "2"])


def test_a_report_of_every_picture_and_requests_that_mend(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(folder, "--out", out, "--requests", out / "fix.jsonl") == 1
    text = capsys.readouterr()
    assert "5 pictures against amazon-main" in text.out and "1 pass, 4 fail; edits would mend 2" in text.out
    assert "check: 5/5 img" in text.err
    report = json.loads((out / "report.json").read_text())
    assert report["counts"] == {"images": 5, "passed": 1, "failed": 4, "mendable": 2}
    assert report["fails"] == {"readable": 2, "background": 1, "long_side": 1}
    by_key = {entry["image"]: entry for entry in report["results"]}
    assert by_key["good.jpg"]["passed"] and by_key["shoes/grey.jpg"]["findings"][0]["mend"] == "white"
    assert by_key["broken.jpg"]["findings"][0]["rule"] == "readable" and by_key["broken.jpg"]["mend"] == []
    requests = [EditRequest.model_validate_json(line) for line in (out / "fix.jsonl").read_text().splitlines()]
    assert {(request.id, request.image) for request in requests} == {("grey", "shoes/grey.jpg"), ("small", "shoes/small.png")}
    assert ["white", "conform:amazon-main"] in [list(request.edits) for request in requests]
    parse_chain(next(request.edits for request in requests if request.id == "grey"))
    page = (out / "report.html").read_text()
    assert page.index("grey.jpg") < page.index("good.jpg") and "4 of 5 fail" in page


def test_all_that_pass_are_exit_code_0_and_one_file_will_do(folder, tmp_path, capsys):
    assert run(folder / "good.jpg", "--out", tmp_path / "out") == 0
    assert "1 pass, 0 fail" in capsys.readouterr().out


def test_labels_that_the_photos_have_must_be_kept(tmp_path, pixels):
    pictures, photos = tmp_path / "pictures", tmp_path / "made"
    for place, name, data in (
        (pictures, "good.jpg", encode(pixels, "jpeg")),
        (photos, "good.png", encode_labelled(pixels, "png", Label("digest", "good", 1))),
    ):
        place.mkdir()
        (place / name).write_bytes(data)
    assert run(pictures, "--photos", photos, "--out", tmp_path / "out") == 1
    (good,) = json.loads((tmp_path / "out" / "report.json").read_text())["results"]
    assert good["findings"][0]["rule"] == "label" and not good["passed"] and good["mend"] == []


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (["--profile", "amazn"], 6, "profile 'amazn' is unknown"),
        (["--profile", "google-main", "--kind", "shoes"], 6, "kind 'shoes'"),
        (["--day", "soon"], 2, "day = 'soon'"),
    ],
)
def test_what_is_unknown_is_one_line(folder, tmp_path, capsys, argv, code, told):
    assert run(folder, "--out", tmp_path / "out", *argv) == code
    assert told in capsys.readouterr().err


def test_every_file_that_ingest_reports_is_checked(tmp_path):
    source, out = tmp_path / "photos", tmp_path / "out"
    source.mkdir()
    for name in ("a.psd", "b.jp2", "c.SVG", "d.jxl", "e.jpg", "._e.jpg", "notes.txt"):
        (source / name).write_bytes(b"no image")
    assert run(source, "--out", out) == 1
    checked = [entry["image"] for entry in json.loads((out / "report.json").read_text())["results"]]
    config = IngestConfig(source=str(source), out=str(tmp_path / "catalog"), min_images=1)
    ingested = [key for shard in build_manifest(open_store(str(source)), config).shards for key in shard.column("key").to_pylist()]
    assert checked == sorted(ingested) == ["a.psd", "b.jp2", "c.SVG", "d.jxl", "e.jpg"]


def test_no_pictures_is_an_error(tmp_path, capsys):
    assert run(tmp_path / "nothing", "--out", tmp_path / "out") == 3
    assert "has no pictures" in capsys.readouterr().err


def test_pictures_of_one_name_get_requests_of_their_own(tmp_path, pixels):
    for place in ("a", "b"):
        (tmp_path / "photos" / place).mkdir(parents=True)
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", lossless=True)
        (tmp_path / "photos" / place / "front.webp").write_bytes(buffer.getvalue())
    assert run(tmp_path / "photos", "--out", tmp_path / "out", "--requests", tmp_path / "fix.jsonl") == 1
    names = [json.loads(line)["id"] for line in (tmp_path / "fix.jsonl").read_text().splitlines()]
    assert names == ["a-front.webp", "b-front.webp"]
