"""A model folder with random weights for benchmarks and tests: as fast as a trained one."""

from __future__ import annotations

import torch

from ganray.checkpoint import Attributes
from ganray.config import ModelConfig
from ganray.model_folder import ModelInfo, save_model
from ganray.models import build_generator, label_sizes
from ganray.presets import preset
from ganray.storage import open_store

CATEGORIES: Attributes = {"category": tuple(f"category-{i:02d}" for i in range(12))}


def make_model(url: str, model: ModelConfig | None = None, attributes: Attributes = CATEGORIES, seed: int = 0) -> ModelInfo:
    """Write a model folder, by default of the demo's networks with one attribute of 12 values."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model or preset("demo-32").model
        generator = build_generator(model, label_sizes(model, attributes))
        for weight in generator.parameters():  # some start at zero, which would draw flat images that encode faster
            if not weight.any():
                torch.nn.init.normal_(weight, std=0.05)
    histograms = {name: dict.fromkeys(values, 1) for name, values in attributes.items()}
    return save_model(open_store(url), generator, ModelInfo(model=model, attributes=attributes, histograms=histograms))
