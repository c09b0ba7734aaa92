from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source
from ganray.config import ModelConfig, PrivacyConfig, TrainConfig
from ganray.errors import CatalogError, CheckpointError, ConfigError
from ganray.model_folder import ModelInfo, load_model
from ganray.presets import preset
from ganray.runs import privacy
from ganray.runs.model_card import model_card
from ganray.runs.privacy import SECRET, keep_secret, private_stream, resolve_privacy
from ganray.storage import open_store
from ganray.training.accountant import epsilon_of, record
from ganray.verbs.train import train

PHOTOS = 192
BASE = preset("mlp-28")
CONFIG = BASE.model_copy(
    update={
        "kimg": 0.16,
        "batch": 16,
        "threads": 1,
        "model": BASE.model.model_copy(update={"resolution": 32, "widths": (32, 64)}),
        "privacy": PrivacyConfig(epsilon=8.0, delta=1e-4),
    }
)


def changed(**changes) -> TrainConfig:
    return CONFIG.model_copy(update={"privacy": CONFIG.privacy.model_copy(update=changes)})


def begun(config: TrainConfig = CONFIG) -> dict:
    return {"config": config.model_copy(update={"privacy": resolve_privacy(config, PHOTOS, {})}).model_dump(mode="json")}


def test_the_noise_is_found_before_the_run_and_keeps_to_epsilon():
    privacy = resolve_privacy(CONFIG, PHOTOS, {})
    assert 7.5 < epsilon_of(privacy.noise, 16 / PHOTOS, 10, 1e-4) <= 8
    assert resolve_privacy(changed(epsilon=0.0), PHOTOS, {}) == changed(epsilon=0.0).privacy


def test_a_resumed_run_keeps_its_noise_and_may_not_outlast_its_budget():
    facts = begun()
    noise = facts["config"]["privacy"]["noise"]
    assert resolve_privacy(CONFIG.model_copy(update={"kimg": 0.08}), PHOTOS, facts).noise == noise
    with pytest.raises(ConfigError, match=r"20 steps .* result in epsilon 9\.\d+, over privacy.epsilon 8"):
        resolve_privacy(CONFIG.model_copy(update={"kimg": 0.32}), PHOTOS, facts)
    for other, message in (
        (CONFIG.model_copy(update={"batch": 8}), "begun with batch 16, not 8. Use batch 16"),
        (changed(noise=5.0), "this run has 5.0"),
        (changed(epsilon=0.0), "epsilon = 8, this run has 0"),
    ):
        with pytest.raises(CheckpointError, match=message):
            resolve_privacy(other, PHOTOS, facts)
    with pytest.raises(CheckpointError, match="epsilon = 0, this run has 8"):
        resolve_privacy(CONFIG, PHOTOS, begun(changed(epsilon=0.0)))


@pytest.mark.parametrize(
    ("config", "photos", "message"),
    [
        (CONFIG, 3_000_000, "3,000,000 photos of 32 px are 8.6 GiB"),
        (CONFIG, 15, "a batch of 16 of 15 photos"),
        (changed(delta=0.01), PHOTOS, "delta = 0.01"),
        (changed(noise=0.1), PHOTOS, "noise = 0.1 result in epsilon"),
        (changed(noise=0.0), PHOTOS, "result in epsilon inf"),
        (CONFIG.model_copy(update={"model": ModelConfig(name="dcgan")}), PHOTOS, "model.name = dcgan: batch norm"),
    ],
)
def test_what_cannot_be_promised_is_refused_before_the_run(config, photos, message):
    with pytest.raises(ConfigError, match=message):
        resolve_privacy(config, photos, {})


def test_the_secret_is_made_once_and_is_not_that_of_another_run(tmp_path):
    store, other = open_store(str(tmp_path / "a")), open_store(str(tmp_path / "b"))
    assert keep_secret(changed(epsilon=0.0), PHOTOS, store) is None
    assert not store.exists(SECRET)
    first = keep_secret(CONFIG, PHOTOS, store)
    assert keep_secret(CONFIG, PHOTOS, store) == first
    assert keep_secret(CONFIG, PHOTOS, other) != first
    assert len(first.secret) == 64


def test_the_stream_holds_the_photos_of_the_catalog_and_goes_on_where_it_was(small_catalog):
    catalog = Catalog.open(small_catalog)
    names = list(catalog.vocabulary())
    config = CONFIG.model_copy(update={"data": CONFIG.data.model_copy(update={"flip": 0.0})})
    source, told = Source.of(catalog, names, config.data, 0), privacy.Private("secret", PHOTOS)
    batches = list(islice(private_stream(source, config, told, 0), 4))
    known = {
        (image.tobytes(), *label.tolist())
        for images, labels in catalog.iter_images(names)
        for image, label in zip(images, labels, strict=True)
    }
    seen = [
        (image.numpy().tobytes(), *label.tolist()) for batch in batches for image, label in zip(batch.images, batch.labels, strict=True)
    ]
    assert len(seen) > 16
    assert set(seen) <= known
    later = next(private_stream(source, config, told, 48))
    assert np.array_equal(later.images, batches[3].images)
    with pytest.raises(CatalogError, match="was replaced"):
        private_stream(Source(small_catalog, "sha256:other", (), config.data, 0), config, told, 0)


def test_the_card_states_promise_unit_and_limits():
    config = changed(noise=1.5)
    spent = record(config, PHOTOS, 160)
    info = ModelInfo(model=config.model, attributes={"kind": ("a", "b")}, train=config, privacy=spent)
    card = model_card(info, [], [])
    assert f"epsilon **{spent.epsilon:.3g}** at delta 0.0001" in card
    for words in ("The unit is one photo", "added or removed", "opacus", "| 10 |", "Not covered", "digest withheld"):
        assert words in card
    assert "## Privacy" not in model_card(info.model_copy(update={"privacy": None}), [], [])


def test_a_private_run_gone_on_with_counts_all_its_steps(small_catalog, tmp_path):
    def run(name: str, kimg: float, **changes):
        url = str(tmp_path / name)
        told = CONFIG.model_copy(update={"catalog": small_catalog, "out": url, "kimg": kimg, "executor": "local", **changes})
        report = train(told)
        return url, report, *load_model(url)

    _, _, _, info = run("whole", 0.16, seed=3)
    assert info.privacy.steps == 10
    assert 7.5 < info.privacy.epsilon <= 8
    assert (info.histograms, info.catalog_digest, info.titles) == ({}, "", ())
    noise = CONFIG.privacy.model_copy(update={"noise": info.privacy.noise})
    url, report, _, early = run("parts", 0.08, seed=3, privacy=noise)
    assert early.privacy.steps == 5
    assert early.privacy.epsilon < info.privacy.epsilon
    assert f"{early.privacy.epsilon:.3g}" in report["privacy"]
    store = open_store(url)
    assert not store.exists(SECRET)
    _, _, _, late = run("parts", 0.16, seed=3, privacy=noise, resume=True)
    assert late.privacy.steps == 10
    assert late.privacy == info.privacy
    assert "sha256" in json.loads(store.get("run.json"))["catalog_digest"]
    assert "## Privacy" in store.get("README.md").decode()
