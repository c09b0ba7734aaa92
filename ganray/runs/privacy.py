"""What a private run needs around its steps: the noise that keeps to epsilon, the secret, the photos in memory, words for the card."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganray.catalog.reader import Catalog
from ganray.catalog.windows import Source
from ganray.config import PrivacyConfig, TrainConfig
from ganray.errors import CatalogError, CheckpointError, ConfigError
from ganray.storage import Store
from ganray.training.accountant import PrivacyRecord, epsilon_of, noise_for, require, steps_of
from ganray.training.poisson import poisson_batches
from ganray.training.privacy import check_private
from ganray.training.staging import Batch

SECRET = "privacy.key"  # in the run's folder, until the run is over: who has it can take the noise off
MOST_BYTES = 8 * 2**30  # of photos in one worker's memory
KEEP_BACK = "`run.json`, `logs/`, `progress.html` and, while it is there, `privacy.key`"


@dataclass(frozen=True)
class Private:
    """What a worker needs: the secret of sampling and noise, and the number of photos."""

    secret: str
    photos: int


def resolve_privacy(config: TrainConfig, photos: int, facts: dict[str, Any]) -> PrivacyConfig:
    """The privacy of a run on `photos` photos, with its noise filled in; unchanged where the run is not private.

    A resumed run keeps the noise that it began with (`facts`: run_facts), so that one number describes all of its steps. Raises ConfigError
    where epsilon cannot be kept or settings reach photos by another way, CheckpointError where a resumed run differs from its beginning.
    """
    before = facts.get("config", {})
    was, privacy = PrivacyConfig.model_validate(before.get("privacy", {})), config.privacy
    if before and bool(was.epsilon) != bool(privacy.epsilon):
        raise CheckpointError(
            f"{config.out} was begun with privacy.epsilon = {was.epsilon:g}, this run has {privacy.epsilon:g}",
            "Privacy holds from the first step or not at all: train into another --out",
        )
    if not privacy.epsilon:
        return privacy
    check_private(config)
    require()
    _check_size(config, photos)
    rate, steps = config.batch / photos, steps_of(config)
    if before and before["batch"] != config.batch:
        raise CheckpointError(f"{config.out} was begun with batch {before['batch']}, not {config.batch}", f"Use batch {before['batch']}")
    if before and privacy.noise not in (None, was.noise):
        raise CheckpointError(f"{config.out} was begun with privacy.noise {was.noise}, this run has {privacy.noise}", "Leave it out")
    noise = was.noise if before else privacy.noise
    if noise is None:
        noise = noise_for(privacy.epsilon, privacy.delta, rate, steps)
    spent = epsilon_of(noise, rate, steps, privacy.delta) if noise else float("inf")
    if spent > privacy.epsilon:
        raise ConfigError(
            f"train: {steps} steps with privacy.noise = {noise:g} result in epsilon {spent:.3g}, over privacy.epsilon {privacy.epsilon:g}",
            "Use fewer steps (--kimg), or a larger epsilon",
        )
    return privacy.model_copy(update={"noise": noise})


def _check_size(config: TrainConfig, photos: int) -> None:
    size, side = photos * 3 * config.model.resolution**2, config.model.resolution
    if size > MOST_BYTES:
        raise ConfigError(
            f"train: privacy.epsilon holds the catalog in memory, and {photos:,} photos of {side} px are {size / 2**30:.1f} GiB",
            f"Use a catalog of up to {MOST_BYTES // (3 * side**2):,} photos",
        )
    if config.batch > photos:
        raise ConfigError(f"train: privacy.epsilon with a batch of {config.batch} of {photos} photos", "Use a smaller --batch")
    if config.privacy.delta * photos >= 1:
        raise ConfigError(
            f"train: privacy.delta = {config.privacy.delta:g} lets one of {photos:,} photos be published", f"Use less than {1 / photos:.1g}"
        )


def keep_secret(config: TrainConfig, photos: int, store: Store) -> Private | None:
    """The run's secret, made once and kept in its folder; None where the run is not private."""
    if not config.privacy.epsilon:
        return None
    if not store.exists(SECRET):
        store.put(SECRET, secrets.token_hex(32).encode())
    return Private(store.get(SECRET).decode(), photos)


def private_stream(source: Source, config: TrainConfig, private: Private, num_images: int) -> Generator[Batch, None, None]:
    """The batches of a private run from the clock `num_images` on; reads the whole catalog first."""
    catalog = Catalog.open(source.url)
    if catalog.info.digest != source.digest:
        raise CatalogError(f"{source.url} was replaced while it was read", "Train into another --out")
    pixels, labels = (np.concatenate(parts) for parts in zip(*catalog.iter_images(source.attributes), strict=True))
    catalog.close()
    return poisson_batches(pixels, labels, config, private.secret, num_images)


def privacy_section(record: PrivacyRecord) -> str:
    """The card's section."""
    return f"""## Privacy

Trained with differential privacy: epsilon **{record.epsilon:.3g}** at delta {record.delta:g}. The unit is {record.unit}: of two
{record.neighbours}, none makes any outcome more probable than the other by a factor over e^epsilon, but for delta.

| | |
|---|---|
| noise, in units of the clip | {record.noise:g} |
| clip of a photo's gradient | {record.clip:g} |
| each photo joins a step with probability | {record.rate:.4g} |
| steps, over all parts of the run | {record.steps:,} |
| accountant | {record.accountant} |

Not covered, and taken as public: the number of photos and their size, attributes and their values, and settings that a person chose by
looking at photos or at earlier runs. A product with several photos counts several times. Scores measured afterwards on the photos
are not private. Noise comes from an ordinary generator in floating point. Of the run's folder, do not publish {KEEP_BACK}."""
