"""Small models for tests."""

import torch

from ganray.config import ModelConfig
from ganray.model_folder import ModelInfo, save_model
from ganray.models import build_generator
from ganray.storage import open_store

TINY_MODELS = {
    "mlp": ModelConfig(name="mlp", resolution=8, z_dim=6, embed_dim=4, widths=(16, 32)),
    "dcgan": ModelConfig(name="dcgan", resolution=16, z_dim=6, embed_dim=4, widths=(16, 8)),
    "r3": ModelConfig(name="r3", resolution=16, z_dim=6, embed_dim=4, widths=(16, 16, 8), group_channels=8),
}
SMALLEST = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}


def save_untrained_model(url, attributes, resolution=32):
    """An MLP with random weights that knows these attributes; returns its URL."""
    config = ModelConfig(name="mlp", resolution=resolution, channels=3, z_dim=8, embed_dim=8, widths=(16,))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = build_generator(config, tuple(len(values) for values in attributes.values()))
    save_model(open_store(url), generator, ModelInfo(model=config, attributes=attributes, num_images=1000))
    return url
