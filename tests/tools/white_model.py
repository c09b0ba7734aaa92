"""A model folder whose weights are set by hand: it draws soft blobs of any colour on pure white, so that its pictures can be edited."""

import torch

from ganray.config import ModelConfig
from ganray.model_folder import ModelInfo, save_model
from ganray.models import build_generator, label_sizes
from ganray.storage import open_store

CONFIG = ModelConfig(name="r3", resolution=16, widths=(16, 16, 16), z_dim=8, embed_dim=8, group_channels=8)


def make_white_model(folder, attributes):
    """Channel 0 is the white of the border; the others are what z and the label say, and are nothing at the border."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        generator = build_generator(CONFIG, label_sizes(CONFIG, attributes))
        with torch.no_grad():
            border = torch.ones(4, 4)
            border[1:3, 1:3] = 0
            generator.basis *= 1 - border
            generator.basis[0] = border
            for embedding in generator.condition.modules():
                if isinstance(embedding, torch.nn.Embedding):
                    embedding.weight[:, 0] = 1.0
            generator.linear.weight[0] = 0.0
            generator.linear.weight[0, CONFIG.z_dim] = 1.0  # the first number of the first embedding, which is 1 for each value
            next(generator.to_rgb.parameters())[:, 0] = 2.5
    histograms = {name: dict.fromkeys(values, 1) for name, values in attributes.items()}
    return save_model(open_store(folder), generator, ModelInfo(model=CONFIG, attributes=attributes, histograms=histograms))
