import numpy as np
import pytest
from PIL import Image

from ganray.copies.fingerprints import BYTES, alike, fingerprint, split
from ganray.images.transforms import square_pad
from tests.tools.scenes import jpeg, scene

COPIES = {
    "encoded again": lambda image: jpeg(image, 50),
    "resized": lambda image: jpeg(image.resize((140, 182))),
    "brighter": lambda image: jpeg(image.point(lambda v: min(255, round(1.1 * v)))),
    "darker": lambda image: jpeg(image.point(lambda v: round(0.9 * v))),
    "cropped": lambda image: jpeg(image.crop((4, 5, 196, 255))),
}


def looks_of(images) -> np.ndarray:
    return np.stack([np.frombuffer(fingerprint(np.asarray(square_pad(image, 64)), image.size), np.uint8) for image in images])


@pytest.mark.parametrize("copy", COPIES)
def test_copies_look_alike(copy):
    scenes = [scene(seed) for seed in range(20)]
    first, second = looks_of(scenes), looks_of(COPIES[copy](image) for image in scenes)
    assert first.shape == (20, BYTES)
    assert alike(first, second).mean() >= 0.9
    assert (alike(first, second) == alike(second, first)).all()
    hashes, again = split(first)[0], split(second)[0]
    assert (np.bitwise_count(hashes ^ again) <= 12).mean() >= 0.9


def test_another_photo_and_another_colour_of_the_product_do_not():
    first = looks_of(scene(seed) for seed in range(20))
    assert not alike(first, np.roll(first, 1, axis=0)).any()
    assert not alike(first, looks_of(scene(seed, (60, 60, 200)) for seed in range(20))).any()
    assert not alike(first, looks_of(scene(seed, (60, 120, 60)) for seed in range(20))).any()


def test_flat_pictures_are_alike_by_colour_and_differ_from_others():
    flat = looks_of([Image.new("RGB", (64, 64), colour) for colour in ("white", "white", "red", "grey")])
    assert alike(flat[:1], flat[1:2]).all()
    assert not alike(flat[:1], flat[2:3]).any()
    assert not alike(flat, looks_of(scene(seed) for seed in range(4))).any()
