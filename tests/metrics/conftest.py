"""A small catalog made by code: discs, squares and crosses in four colours, somewhere on white."""

import numpy as np
import pytest
import torch

from ganray.metrics.features import new_extractor, training

SHAPES, COLOURS = (
    ("cross", "disc", "square"),
    {"blue": (30, 60, 200), "green": (30, 160, 60), "grey": (110, 110, 110), "red": (200, 40, 40)},
)
VOCABULARY = {"shape": SHAPES, "colour": tuple(COLOURS), "brand": ("only",)}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """One thread for a module's fixtures and its tests alike: features are bit-equal in one shape on one number of threads only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def vocabulary():
    return VOCABULARY


@pytest.fixture(scope="session")
def shapes():
    return draw_shapes


def draw_shapes(num: int, seed: int, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [num, side, side, 3] and labels int64 [num, 2] for the heads shape and colour."""
    rng = np.random.default_rng(seed)
    labels = np.stack([np.arange(num) % len(SHAPES), np.arange(num) % len(COLOURS)], axis=1)
    grid = np.arange(side) + 0.5
    images = np.empty((num, side, side, 3))
    for image, (shape, colour) in zip(images, labels, strict=True):
        centre, size = rng.uniform(0.38, 0.62, 2) * side, rng.uniform(0.2, 0.34) * side
        y, x = np.abs(grid[:, None] - centre[0]), np.abs(grid[None] - centre[1])
        away = (np.minimum(x, y) * 3.0 + np.maximum(x, y) * 0.25, np.hypot(x, y), np.maximum(x, y) * 1.15)[shape]
        mask = np.clip(size - away + 0.5, 0.0, 1.0)[..., None]
        image[:] = 255.0 * (1.0 - mask) + mask * (np.array(list(COLOURS.values())[colour]) + rng.normal(0.0, 12.0, 3))
    return images.clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def trained():
    """An extractor of 300 shapes, trained for 3 thousand images."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    extractor = new_extractor(16, VOCABULARY)
    for _ in training(extractor, *draw_shapes(300, seed=0), kimg=3.0):
        pass
    torch.set_num_threads(threads)
    return extractor
