import numpy as np
import pytest
from PIL import Image

from ganray.copies import embedding
from ganray.copies.embedding import BYTES, embed
from ganray.errors import ClusterError
from ganray.models import pretrained
from tests.tools.scenes import jpeg, scene

pytest.importorskip(pretrained.PACKAGE)


def pixels(image: Image.Image, width: int = 48) -> np.ndarray:
    return np.asarray(image.resize((width, 64), Image.Resampling.BILINEAR))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_picture_has_the_same_bytes_in_any_company():
    pictures = [pixels(scene(seed), 48 + seed) for seed in range(5)]
    together = embed(pictures)
    assert together.shape == (5, BYTES) and together.dtype == np.int8
    for picture, row in zip(pictures, together, strict=True):
        assert np.array_equal(embed([picture])[0], row)
    assert embed([]).shape == (0, BYTES)


def test_copies_are_nearer_than_other_pictures():
    scenes = [scene(seed) for seed in range(6)]
    first = embed([pixels(image) for image in scenes])
    again = embed([pixels(jpeg(image.crop((6, 8, 194, 252)), 40)) for image in scenes])
    own = [cosine(a, b) for a, b in zip(first, again, strict=True)]
    others = [cosine(first[i], first[j]) for i in range(6) for j in range(i)]
    assert np.mean(own) > np.mean(others) + 0.05


@pytest.fixture
def fresh():
    embedding._network.cache_clear()
    yield
    embedding._network.cache_clear()


def test_other_weights_are_refused(monkeypatch, fresh):
    monkeypatch.setattr(pretrained, "SHA256", "0" * 64)
    with pytest.raises(ClusterError, match="does not hold the weights"):
        embed([pixels(scene(0))])


def test_without_the_package_it_is_one_line(monkeypatch, fresh):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    with pytest.raises(ClusterError, match=r"no-such-package is not installed.*features"):
        embed([pixels(scene(0))])
