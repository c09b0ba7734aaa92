import io

import numpy as np
import pytest
from PIL import Image

from ganray.benchmarks import upscale
from ganray.benchmarks.upscale import FACTORS, KINDS, noisy, saved


def test_a_row_for_each_kind_and_factor_and_the_least_ssim(edit_config, check_row, monkeypatch):
    kinds = {kind: KINDS[kind] for kind in ("clean", "jpeg-50")}
    monkeypatch.setattr(upscale, "KINDS", kinds)
    rows = upscale.measure(edit_config.model_copy(update={"images": 2}))
    check_row(rows, "dB")
    assert [row["name"] for row in rows] == ["upscale", "jpeg-50 x2", "clean x4", "jpeg-50 x4", "ssim"]
    assert rows[0]["value"] == pytest.approx(rows[0]["baseline"], abs=3)  # an editor that has learned nothing
    assert rows[-1]["ratio"] == min(row["ssim"] - row["ssim_bicubic"] for row in rows[:-1])
    assert all("at_least" in row for row in rows) and len(FACTORS) == 2


def test_damage_is_the_same_each_time_and_of_its_kind():
    picture = Image.fromarray(np.full((64, 64, 3), 120, np.uint8))
    assert np.array_equal(np.asarray(noisy(picture)), np.asarray(noisy(picture)))
    assert 5 < np.asarray(noisy(picture), float).std() < 7
    rough = noisy(picture)
    buffer = io.BytesIO()
    rough.save(buffer, "JPEG", quality=50)
    assert np.array_equal(np.asarray(saved(rough, 50)), np.asarray(Image.open(buffer)))
