import numpy as np
import pytest

from ganray.benchmarks import inpaint
from ganray.benchmarks.texture_distance import texture_distance
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
    assert rows[0]["photos"] == 2 and white["ratio"] < 0.2


def test_a_haze_is_farther_from_texture_than_texture_a_few_pixels_beside():
    rng = np.random.default_rng(0)
    cloth = np.repeat(rng.integers(60, 200, (80, 80)).astype(np.uint8)[..., None], 3, 2)
    mask = np.zeros((80, 80), bool)
    mask[20:60, 20:60] = True
    haze, moved = (np.where(mask[..., None], fill, cloth).astype(np.uint8) for fill in (cloth.mean(), np.roll(cloth, 3, 1)))
    assert texture_distance(cloth, cloth, mask) == 0
    assert 2 * texture_distance(moved, cloth, mask) < texture_distance(haze, cloth, mask) < 1
    with pytest.raises(ValueError, match="the mask is empty"):
        texture_distance(cloth, cloth, ~mask & mask)
