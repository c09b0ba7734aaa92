"""Pixels: the only codec between bytes, uint8 and float; transforms; labels that say an image was made by a model."""
