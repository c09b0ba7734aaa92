import numpy as np
import pytest
import torch

from ganray.catalog import search_groups
from ganray.catalog.reader import Catalog
from ganray.evaluation import copies
from ganray.evaluation.copies import PAIRS, CopyFinder, Searchers, find_pairs, search
from ganray.images.transforms import square_pad
from ganray.metrics.features import extract, new_extractor
from ganray.metrics.neighbours import Nearest, copied_share
from ganray.requests import GenerateRequest
from tests.tools.copy_methods import BOTH
from tests.tools.scenes import scene


@pytest.fixture(scope="module")
def catalog(small_catalog):
    return Catalog.open(small_catalog)


@pytest.fixture(scope="module")
def photos(catalog):
    """All of the catalog, in its order: uint8 [192, 32, 32, 3]."""
    return np.concatenate([pixels for pixels, _ in catalog.iter_images([])])


@pytest.fixture(scope="module")
def extractor(catalog):
    return new_extractor(32, catalog.vocabulary()).eval()


def look(catalog, groups, extractor, holdout, sample, method="fingerprint"):
    usual, near = (Nearest(extract(extractor, part)) for part in (holdout, sample))
    searchers = Searchers(usual, near, CopyFinder(method, sample))
    assert sum(search(catalog, groups, extractor, holdout, searchers)) == usual.searched == near.searched
    return searchers


def changed(photos):
    return (photos.astype(np.int64) + np.random.default_rng(0).integers(-40, 41, photos.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("batch", [256, 5])
def test_a_copy_of_any_photo_is_found_and_a_photo_is_not_its_own_neighbour(catalog, photos, extractor, monkeypatch, batch):
    monkeypatch.setattr(search_groups, "BATCH", batch)
    searchers = look(catalog, catalog.row_groups(), extractor, photos[::7], photos[3::31])
    usual, near = searchers.usual, searchers.near
    assert near.places.tolist() == list(range(3, 192, 31))
    assert near.distances.max() < 1e-4
    assert near.searched == 192
    assert all(place != own for place, own in zip(usual.places.tolist(), range(0, 192, 7), strict=True))
    features = extract(extractor, photos)
    whole = torch.cdist(features[::7], features)
    whole[range(len(whole)), range(0, 192, 7)] = torch.inf
    assert torch.allclose(usual.distances, whole.min(1).values, atol=1e-3)
    assert copied_share(usual.distances, near.distances) == 1.0


def test_the_double_of_a_photo_is_no_other_photo(catalog, photos, extractor):
    holdout = np.concatenate([photos[:2], photos[:1]])
    usual = look(catalog, catalog.row_groups()[:1], extractor, holdout, photos[:1]).usual
    assert usual.distances.min() > 1e-3
    assert usual.distances[0] == pytest.approx(float(usual.distances[2]), abs=1e-4)


def test_the_closest_pair_is_the_planted_copy(catalog, photos, extractor):
    sample = changed(photos[100:140])
    sample[7] = photos[191]
    searchers = look(catalog, catalog.row_groups(), extractor, photos[:40], sample)
    requests = [GenerateRequest(id=str(place), attributes={"category": "mug"}, seed=place) for place in range(40)]
    pairs = find_pairs(searchers, lambda place: photos[place], sample, requests)
    closest = pairs["The closest"][0]
    assert closest.distance < 1e-3
    assert np.array_equal(closest.image, sample[7])
    assert np.array_equal(closest.photo, photos[191])
    assert closest.asked == "mug"
    copy = pairs.pop("Copies of a photo")
    assert any(np.array_equal(pair.image, sample[7]) for pair in copy)
    assert {len(group) for group in pairs.values()} == {PAIRS}
    assert pairs["Typical"][0].distance > 0.1


@pytest.mark.parametrize("method", BOTH)
def test_samples_that_are_photos_are_found_in_any_company(monkeypatch, method):
    scenes = np.stack([np.asarray(square_pad(scene(seed), 64)) for seed in range(30)])
    sample = np.concatenate([scenes[:3, ::-1], scenes[20:22, :, ::-1] if method == "imagenet" else scenes[20:22]])
    whole = CopyFinder(method, sample)
    whole.look(scenes)
    assert whole.finish().tolist() == [-1, -1, -1, 20, 21]
    monkeypatch.setattr(copies, "SLAB", 7)
    parts = CopyFinder(method, sample)
    for start in range(0, 30, 4):
        parts.look(scenes[start : start + 4])
    assert parts.finish().tolist() == [-1, -1, -1, 20, 21]
