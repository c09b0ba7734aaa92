import importlib.util

import numpy as np
import pytest
from PIL import Image

from ganray.copies import embedding, methods
from ganray.copies.methods import METHODS, chosen_method
from ganray.errors import ConfigError
from ganray.images.transforms import square_pad
from ganray.models import pretrained
from tests.tools.copy_methods import BOTH, without
from tests.tools.scenes import jpeg, scene

SIDE = 64


def records(method: str, images: list[Image.Image]) -> np.ndarray:
    return METHODS[method].records([(np.asarray(square_pad(image, SIDE)), image.size) for image in images])


@pytest.mark.parametrize("method", BOTH)
def test_records_have_their_size_and_copies_of_a_photo_are_alike(method):
    row, scenes = METHODS[method], [scene(seed) for seed in range(12)]
    first = records(method, scenes)
    assert first.shape == (12, row.bytes) and first.dtype == np.uint8
    again = records(method, [jpeg(image.crop((3, 4, 197, 256)), 50) for image in scenes])
    assert row.alike(first, again).mean() >= 0.9
    assert not row.alike(first, np.roll(first, 1, axis=0)).any()
    assert row.records([]).shape == (0, row.bytes)


VARIANTS = {
    "mirrored": lambda image: jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 80),
    "turned": lambda image: image.rotate(2, Image.Resampling.BICUBIC).crop((6, 8, 194, 252)),
    "cropped": lambda image: image.crop((10, 13, 190, 247)),
}


@without
@pytest.mark.parametrize("variant", VARIANTS)
def test_more_kinds_of_copies_are_alike_by_imagenet(variant):
    scenes = [scene(seed) for seed in range(12)]
    assert METHODS["imagenet"].alike(records("imagenet", scenes), records("imagenet", [VARIANTS[variant](i) for i in scenes])).mean() >= 0.8


@without
def test_another_colour_of_the_product_is_another_photo():
    red = records("imagenet", [scene(seed) for seed in range(12)])
    for colour in ((60, 60, 200), (60, 120, 60)):
        assert not METHODS["imagenet"].alike(red, records("imagenet", [scene(seed, colour) for seed in range(12)])).any()


def test_auto_takes_what_is_there(monkeypatch):
    assert chosen_method("fingerprint") == "fingerprint"
    monkeypatch.setattr(methods, "PACKAGE", "no_such_package")
    assert chosen_method("auto") == "fingerprint"
    with pytest.raises(ConfigError, match=r"no-such-package is not installed.*features"):
        chosen_method("imagenet")
    monkeypatch.setattr(methods, "PACKAGE", "json")
    assert importlib.util.find_spec("json") and chosen_method("auto") == chosen_method("imagenet") == "imagenet"


def test_what_is_known_without_torch_is_what_the_embedding_has():
    """Readers of photos do not import torch, so these constants stand twice."""
    assert (methods.PACKAGE, methods.EMBEDDING) == (pretrained.PACKAGE, embedding.BYTES)
