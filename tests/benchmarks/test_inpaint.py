import pytest

from ganray.benchmarks import inpaint
from ganray.config import BenchmarkConfig


def test_nothing_changes_outside_of_holes(edit_config, check_row):
    pytest.importorskip("cv2")
    rows = inpaint.measure(edit_config)
    check_row(rows, "dB")
    named = {row["name"]: row for row in rows}
    assert named["inpaint-outside"]["value"] == named["inpaint-outside"]["at_most"] == 0
    assert 0 < named["inpaint-texture"]["value"] < 1 and named["inpaint-seconds"]["value"] > 0 and not rows[0]["network"]


def test_without_photos_and_editor_products_are_drawn(tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inpaint, "SIDE", 96)
    rows = inpaint.measure(BenchmarkConfig(name="inpaint", images=2))
    white = next(row for row in rows if row["name"] == "inpaint-white")
    assert rows[0]["photos"] == 2 and white["ratio"] < 0.25 and white["baseline"] == 0
