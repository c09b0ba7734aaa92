"""One table: preset name -> what it changes in TrainConfig. A preset is where a run starts; every key can still be overridden."""

from __future__ import annotations

from typing import Any

from ganray.config import TrainConfig
from ganray.errors import ConfigError

LUNCH_64: dict[str, Any] = {
    "kimg": 300.0,
    "batch": 16,
    "threads": 1,
    "ema_kimg": 5.0,
    "model": {"resolution": 64, "widths": (192, 128, 64, 32), "blocks": 2, "patch": 2, "skips": True, "classifier": True},
    "optimizer": {"lr": 2e-3, "lr_final": 2e-4, "beta2": 0.95, "beta2_final": 0.99},
    "loss": {"gamma": 0.2, "gamma_final": 0.08, "spread": 1.0},
    "augment": {"p": 0.1, "p_final": 0.4, "ramp_kimg": 30.0},
    "data": {"flip": 0.0},
    "score": {"kimg": 10.0},
}
PRESETS: dict[str, dict[str, Any]] = {
    "mlp-28": {
        "kimg": 500.0,
        "batch": 128,
        "ema_kimg": 10.0,
        "model": {"name": "mlp", "resolution": 28, "channels": 1, "z_dim": 100, "embed_dim": 32, "widths": (128, 256, 512, 1024)},
        "optimizer": {"lr": 2e-4, "lr_final": 2e-4, "beta1": 0.5, "beta2": 0.999, "beta2_final": 0.999},
        "loss": {"name": "bce", "penalty": "none"},
        "augment": {"p_final": 0.0},
    },
    "dcgan-64": {
        "kimg": 1000.0,
        "batch": 128,
        "ema_kimg": 10.0,
        "model": {"name": "dcgan", "resolution": 64, "z_dim": 100, "widths": (512, 256, 128, 64)},
        "optimizer": {"lr": 2e-4, "lr_final": 2e-4, "beta1": 0.5, "beta2": 0.999, "beta2_final": 0.999},
        "loss": {"name": "bce", "penalty": "none"},
        "augment": {"p_final": 0.0},
    },
    # tuned for three minutes on two CPU cores and a few thousand clean product pictures: see tests/benchmarks/LOG.md
    "demo-32": {
        "kimg": 32.0,
        "batch": 16,
        "threads": 1,  # a step is thousands of small operations, each with a barrier: two threads take 1.7 times as long
        "ema_kimg": 5.0,
        "model": {"resolution": 32, "widths": (128, 96, 32), "blocks": 2, "patch": 2},
        "optimizer": {"lr": 2e-3, "lr_final": 2e-4, "beta2": 0.95, "beta2_final": 0.99},
        "loss": {"gamma": 0.05, "gamma_final": 0.02, "spread": 1.0},
        "augment": {"p_final": 0.0},
        "data": {"flip": 0.0},
        "score": {"kimg": 4.0},  # 10 CPU-seconds at first and 1.4 a score, on the core that training leaves
    },
    # for a few thousand photos and two CPU cores (--workers 2): wide where pixels are few, see tests/benchmarks/LOG.md
    "lunch-64": LUNCH_64,
    "night-64": LUNCH_64 | {"kimg": 2400.0, "ema_kimg": 10.0, "checkpoint_kimg": 25.0, "score": {"kimg": 25.0}},
    "r3-64": {
        "kimg": 1000.0,
        "batch": 128,
        "ema_kimg": 20.0,
        "checkpoint_kimg": 50.0,
        "grid_kimg": 20.0,
        "model": {"resolution": 64, "widths": (384, 384, 384, 384, 192), "blocks": 2},
        "loss": {"spread": 1.0},
        "augment": {"target": 0.75},
        "score": {"kimg": 20.0},
    },
    "r3-128": {
        "kimg": 2000.0,
        "batch": 64,
        "accumulate": None,
        "ema_kimg": 20.0,
        "checkpoint_kimg": 50.0,
        "grid_kimg": 20.0,
        "model": {"resolution": 128, "widths": (384, 384, 384, 384, 192, 96), "blocks": 2},
        "loss": {"spread": 1.0},
        "augment": {"target": 0.75},
        "score": {"kimg": 50.0},
    },
    "r3-256": {
        "kimg": 5000.0,
        "batch": 64,
        "accumulate": None,
        "ema_kimg": 50.0,
        "checkpoint_kimg": 100.0,
        "grid_kimg": 50.0,
        "model": {"resolution": 256, "widths": (384, 384, 384, 384, 192, 96, 48), "blocks": 2},
        "loss": {"spread": 1.0},
        "augment": {"target": 0.75},
        "score": {"kimg": 100.0},
    },
}


# What `ganray train-editor` changes beside the keys that are its own (config.TrainEditorConfig).
EDITOR: dict[str, Any] = {"ema_kimg": 2.0, "attributes": (), "score": {"kimg": 0.0}, "data": {"flip": 0.0, "window": 64}}


def preset(name: str) -> TrainConfig:
    """Give the preset as a config; an unknown name is a ConfigError that lists the known ones.

    >>> ganray.preset("demo-32").model.resolution
    32
    """
    if name not in PRESETS:
        raise ConfigError(f"preset is {name!r}", f"Use one of {', '.join(PRESETS)}.")
    return TrainConfig.model_validate({"preset": name, **PRESETS[name]})


def editor_preset() -> TrainConfig:
    """What `ganray train-editor` changes in TrainConfig, as a config."""
    return TrainConfig.model_validate({"preset": "editor", **EDITOR})
