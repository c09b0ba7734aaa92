import numpy as np
import pytest

from ganray.benchmarks import edit_fixtures, enhance, inpaint, matte, recolor, upscale
from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig
from ganray.errors import ConfigError
from ganray.images.codec import encode
from ganray.storage import open_store


@pytest.fixture
def config(tmp_path, editor_folder, monkeypatch):
    """Three photos and two cut-outs, and an editor that has learned nothing."""
    monkeypatch.chdir(tmp_path)
    photos, cutouts = open_store(str(tmp_path / "photos")), open_store(str(tmp_path / "cutouts"))
    for index in range(3):
        photos.put(f"{index}.png", encode(draw(product(1, index, cluttered=1.0), 160)[0], "png"))
    for index in range(2):
        pixels, mask = draw(product(2, index), 120)
        cutouts.put(f"{index}.png", encode(pixels, "png", alpha=mask))
    return BenchmarkConfig(editor=editor_folder, photos=photos.url, cutouts=cutouts.url, images=3)


def test_composites_have_their_products_where_their_alpha_is(config):
    made = list(edit_fixtures.composites(config, 4))
    assert all(one.pixels.shape == (400, 400, 3) and 0.05 < one.alpha.mean() < 0.8 for one in made)
    again = list(edit_fixtures.composites(config, 4))
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(made, again, strict=True))


def test_holes_are_as_large_as_is_asked_for():
    rng = np.random.default_rng(0)
    for size in ((80, 120), (200, 90)):
        assert all(0.15 <= edit_fixtures.hole_of_share(size, rng, 0.15, 0.25).mean() <= 0.25 for _ in range(5))


@pytest.mark.parametrize(
    ("bench", "unit", "needs"),
    [
        (matte, "IoU", "cv2"),
        (upscale, "dB", ""),
        (inpaint, "dB", "cv2"),
        (enhance, "dB", ""),
        (recolor, "dE2000", ""),
    ],
)
def test_each_has_its_figure_its_baseline_and_a_sheet(config, tmp_path, bench, unit, needs):
    if needs:
        pytest.importorskip(needs)
    row = bench.measure(config)[0]
    assert row["unit"] == unit and np.isfinite(row["value"])
    assert (tmp_path / row["sheet"]).stat().st_size > 1000


def test_a_plain_upscaling_is_about_as_good_as_bicubic(config):
    (row,) = upscale.measure(config)
    assert row["value"] == pytest.approx(row["baseline"], abs=3)  # an editor that has learned nothing


def test_nothing_changes_outside_of_holes_and_products(config):
    pytest.importorskip("cv2")
    assert inpaint.measure(config)[1]["value"] == 0
    assert recolor.measure(config)[1]["value"] == 0


@pytest.mark.parametrize("damage", enhance.DAMAGES)
def test_each_damage_is_one_and_keeps_the_shape(damage):
    pixels = draw(product(1, 0, cluttered=1.0), 96)[0]
    damaged = enhance.DAMAGES[damage](pixels)
    assert damaged.shape == pixels.shape and damaged.dtype == np.uint8 and not np.array_equal(damaged, pixels)
    assert np.array_equal(damaged, enhance.DAMAGES[damage](pixels))


def test_enhance_clips_little(config):
    rows = enhance.measure(config)
    assert rows[1]["value"] <= rows[1]["at_most"] == 0.01
    assert all(damage in rows[0] for damage in enhance.DAMAGES)


def test_pictures_must_be_named(config):
    for name, words in (("photos", "no photos under ''. Name held-out photos with --photos"), ("cutouts", "no cut-outs with alpha")):
        with pytest.raises(ConfigError, match=words):
            list(edit_fixtures.composites(config.model_copy(update={name: ""}), 1))
