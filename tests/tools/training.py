"""Configurations of training runs that take a second."""

from ganray.config import TrainConfig

TINY_MODEL = {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4}
TINY = {
    "kimg": 0.192,
    "batch": 16,
    "checkpoint_kimg": 0.064,
    "log_kimg": 0.032,
    "grid_kimg": 0.096,
    "threads": 1,
    "model": TINY_MODEL,
    "data": {"window": 48},
}


def tiny_config(catalog, out, **changes) -> TrainConfig:
    """Twelve steps of 16 images on one thread; a changed section takes the place of TINY's."""
    return TrainConfig.model_validate({**TINY, "catalog": catalog, "out": str(out), **changes})
