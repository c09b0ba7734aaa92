"""ganray: train a GAN on a product catalog, make and edit catalog images in bulk, serve them. On Ray."""

__version__ = "0.1.0"
