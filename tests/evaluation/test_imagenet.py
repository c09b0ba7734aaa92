import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.evaluation.imagenet import imagenet_distances
from ganray.models import pretrained

pytest.importorskip(pretrained.PACKAGE)


def test_photos_lie_nearer_to_photos_than_blurred_ones_and_noise(small_catalog):
    pixels, _ = Catalog.open(small_catalog).sample(192, np.random.default_rng(0))
    train, holdout = pixels[:96], pixels[96:192]
    blurred = (train.astype(np.uint16) + np.roll(train, 4, 1) + np.roll(train, 4, 2)) // 3
    noise = np.random.default_rng(1).integers(0, 256, train.shape, np.uint8)
    of_blurred, floor = imagenet_distances(train, holdout, blurred.astype(np.uint8))
    of_noise, again = imagenet_distances(train, holdout, noise)
    same, _ = imagenet_distances(train, holdout, train)
    assert again == floor
    assert same == pytest.approx(0, abs=1e-3 * floor)
    assert floor < of_blurred < of_noise / 2
