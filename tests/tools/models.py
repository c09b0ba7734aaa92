"""The smallest models of every kind, and their attributes."""

from ganray.config import ModelConfig

TINY_MODELS = {
    "mlp": ModelConfig(name="mlp", resolution=8, z_dim=6, embed_dim=4, widths=(16, 32)),
    "dcgan": ModelConfig(name="dcgan", resolution=16, z_dim=6, embed_dim=4, widths=(16, 8)),
    "r3": ModelConfig(name="r3", resolution=16, z_dim=6, embed_dim=4, widths=(16, 16, 8), group_channels=8),
}
SMALLEST = ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8)
ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}
