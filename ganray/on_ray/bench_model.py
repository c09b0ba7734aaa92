"""A model folder for the benchmarks: the demo's networks with random weights, which cost what trained ones do."""

from __future__ import annotations

import torch

from ganray.checkpoint import ModelInfo, save_model
from ganray.models import build_generator
from ganray.presets import preset
from ganray.storage import open_store

CATEGORIES = 12


def make_model(url: str, name: str = "demo-32") -> None:
    """Write a model folder of preset `name` with one attribute of 12 values."""
    torch.manual_seed(0)
    config = preset(name).model
    attributes = {"category": tuple(f"category-{i:02d}" for i in range(CATEGORIES))}
    generator = build_generator(config, (CATEGORIES,))
    for weight in generator.parameters():  # some start at zero, which would draw flat images that encode faster
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    save_model(open_store(url), generator, ModelInfo(model=config, attributes=attributes))
