import json

import numpy as np
import pytest
import torch

from ganray.errors import CheckpointError
from ganray.metrics import features
from ganray.metrics.features import DESCRIPTION, WEIGHTS, accuracies, extract, load_extractor, new_extractor, save_extractor, training
from ganray.storage import open_store


def short(images, labels, vocabulary, seed=0, kimg=0.2):
    extractor = new_extractor(images.shape[1], vocabulary, seed)
    assert sum(training(extractor, images, labels, kimg, seed)) == pytest.approx(1000 * kimg, abs=32)
    return extractor


def test_it_learns_what_the_products_are(trained, shapes):
    images, labels = shapes(300, seed=1)
    assert trained.heads == {"shape": ("cross", "disc", "square"), "colour": ("blue", "green", "grey", "red")}  # "brand" has one value
    reached = accuracies(trained, extract(trained, images), labels)
    assert reached["shape"] > 0.9
    assert reached["colour"] > 0.95


def test_features_are_frozen_and_about_standard(trained, shapes):
    features = extract(trained, shapes(300, seed=0)[0])
    assert features.shape == (300, 64)
    assert features.mean(0).abs().max() < 0.35
    assert 0.5 < features.std(0).mean() < 1.3
    assert not any(weight.requires_grad for weight in trained.parameters())
    assert not trained.training


def test_a_mirror_image_is_the_same_product(trained, shapes):
    images = shapes(40, seed=1)[0]
    assert torch.allclose(extract(trained, images), extract(trained, np.ascontiguousarray(images[:, :, ::-1])), atol=1e-5)
    assert not torch.allclose(extract(trained, images), extract(trained, np.ascontiguousarray(images[:, ::-1])), atol=1e-2)


def test_equal_seeds_give_equal_digests(shapes, vocabulary):
    """Promised on one machine with one number of threads."""
    data = shapes(64, seed=0)
    first, second, other = (short(*data, vocabulary, seed) for seed in (0, 0, 1))
    assert first.digest == second.digest
    assert first.digest != other.digest


def test_the_digest_sees_weights_and_names(vocabulary):
    extractor = new_extractor(16, vocabulary)
    before = extractor.digest
    assert new_extractor(16, vocabulary | {"shape": ("cross", "disc", "star")}).digest != before
    with torch.no_grad():
        extractor.classes.bias[0] += 1e-6
    assert extractor.digest != before


def test_without_attributes_it_learns_quarter_turns(shapes):
    images = shapes(64, seed=0)[0]
    extractor = short(images, np.empty((64, 0), np.int64), {}, kimg=1.0)
    features = extract(extractor, images)
    assert extractor.heads == {}
    assert accuracies(extractor, features, np.empty((64, 0), np.int64)) == {}
    assert features.std(0).min() > 0.05


@pytest.mark.parametrize("side", [8, 28, 41, 100, 256])
def test_any_resolution_is_looked_at_in_64_pixels_at_most(side, vocabulary):
    extractor = new_extractor(side, vocabulary).eval()
    images = torch.randint(256, (2, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert extractor.view(images).shape == (2, 3, min(side, 64), min(side, 64))
    assert extract(extractor, images.numpy()).shape == (2, 64)


def test_a_catalog_smaller_than_a_batch_trains(shapes, vocabulary):
    short(*shapes(7, seed=0), vocabulary, kimg=0.05)


def test_save_and_load_give_the_same_features(trained, shapes, tmp_path):
    store = open_store(str(tmp_path))
    save_extractor(store, trained, {"kimg": 6.0})
    loaded, images = load_extractor(store), shapes(20, seed=2)[0]
    assert loaded.digest == trained.digest
    assert torch.equal(extract(loaded, images), extract(trained, images))  # promised: one machine, shape and number of threads
    assert json.loads((tmp_path / DESCRIPTION).read_bytes())["facts"] == {"kimg": 6.0}


def test_parts_that_do_not_fit_are_refused(trained, vocabulary, tmp_path):
    store = open_store(str(tmp_path))
    save_extractor(store, trained, {})
    weights = store.get(WEIGHTS)
    store.put(WEIGHTS, weights[:-4] + b"\0\0\0\0")
    with pytest.raises(CheckpointError, match="digest"):
        load_extractor(store)
    store.put(WEIGHTS, weights[:100])
    with pytest.raises(CheckpointError, match="Train it again"):
        load_extractor(store)
    save_extractor(store, new_extractor(16, {"shape": ("cross", "disc")}), {})
    store.put(WEIGHTS, weights)
    with pytest.raises(CheckpointError, match="Train it again"):
        load_extractor(store)
    store.put(DESCRIPTION, b"[]")
    with pytest.raises(CheckpointError, match="Train it again"):
        load_extractor(store)


@pytest.mark.parametrize("steps", [2, 7, 40])
def test_one_cycle_is_pytorchs(steps):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], features.LEARNING_RATE)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, features.LEARNING_RATE, total_steps=steps, pct_start=0.2)
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert features.one_cycle(step, steps) == (group["lr"], group["betas"][0])
        optimizer.step()
        cycle.step()


def test_one_cycle_of_few_steps():
    assert all(0 < features.one_cycle(step, steps)[0] <= features.LEARNING_RATE for steps in (1, 3, 5) for step in range(steps))
