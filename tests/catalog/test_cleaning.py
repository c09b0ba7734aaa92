import io
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganray.catalog.cleaning import Recipe, clean, sandbox
from ganray.catalog.quarantine import REASONS
from ganray.config import IngestConfig
from ganray.errors import ImageError
from ganray.images.codec import Limits, decode_prepared

DATA = Path(os.environ.get("GANRAY_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")


def jpeg(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
@pytest.mark.parametrize("square", ["pad", "crop"])
def test_clean_gives_a_square_of_the_resolution(square, format):
    done = clean(jpeg(400, 200), Recipe(32, square, format))
    pixels = decode_prepared(done.image)
    assert (done.size, done.attributes) == ((400, 200), {})
    assert pixels.shape == (32, 32, 3)
    assert (pixels[0] > 230).all() == (square == "pad")
    assert np.abs(pixels[16, 16].astype(int) - (200, 30, 30)).max() < 12


def test_a_recipe_is_read_from_the_config():
    config = IngestConfig(
        resolution=48, square="crop", format="webp", max_bytes=1, max_pixels=2, max_frames=3, auto_attributes=("background", "background")
    )
    assert Recipe.of(config) == Recipe(48, "crop", "webp", Limits(max_bytes=1, max_pixels=2, max_frames=3), ("background",))


def test_the_sandbox_cleans_as_this_process_does():
    recipe = Recipe(40, "crop", "png", Limits(max_pixels=200_000), ("dominant_colour", "background"))
    with sandbox(recipe) as child:
        fine, large = child.map([jpeg(300, 200), jpeg(1000, 600)])
    done = clean(jpeg(300, 200), recipe)
    assert fine == (done.image, {"width": 300, "height": 200, "attributes": {"dominant_colour": "red", "background": "plain"}})
    assert done.attributes == {"dominant_colour": "red", "background": "plain"}
    assert large.reason == "too_many_pixels"


@pytest.mark.skipif(not (DATA / "odd-images").is_dir(), reason=f"no odd-images under {DATA}: set GANRAY_TEST_DATA")
@pytest.mark.parametrize("max_frames", [1, 1000])
def test_no_odd_image_harms_and_each_is_cleaned_or_has_a_reason(max_frames):
    files = sorted((DATA / "odd-images" / "files").iterdir())
    with sandbox(Recipe(64, limits=Limits(max_frames=max_frames))) as child:
        results = dict(zip((file.name for file in files), child.map([file.read_bytes() for file in files]), strict=True))
    reasons = {name: result.reason if isinstance(result, ImageError) else "fine" for name, result in results.items()}
    assert set(reasons.values()) <= {"fine", *REASONS}
    assert Counter(reasons.values())["fine"] >= 0.6 * len(files)
    for name, result in results.items():
        if not isinstance(result, ImageError):
            assert decode_prepared(result[0]).shape == (64, 64, 3), name
    for name, reason in {
        "hopper.jpg": "fine",
        "hopper.fli": "unknown_format",
        "iss634.gif": "animated" if max_frames == 1 else "fine",
    }.items():
        assert reasons.get(name, reason) == reason


@pytest.mark.parametrize("module", ["ganray.catalog.cleaning", "ganray.images.untrusted"])
def test_a_decoder_process_starts_with_numpy_and_pillow_alone(module):
    code = f"import sys, {module}; print(*sorted({{'pydantic', 'pyarrow', 'torch', 'yaml'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""
