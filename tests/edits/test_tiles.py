from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ganray.edits.tiles import through


class Convolutions:
    """A real network of two 3x3 layers (receptive field: 2 px to each side) and, at scale 2 or 3, a pixel shuffle."""

    def __init__(self, size: int = 24, scale: int = 1) -> None:
        rng = torch.Generator().manual_seed(7)
        self.size, self.scale, self.shapes = size, scale, []
        self.first = torch.randn(8, 3, 3, 3, generator=rng) / 5
        self.second = torch.randn(2 * scale**2, 8, 3, 3, generator=rng) / 8

    def whole(self, x: torch.Tensor) -> torch.Tensor:
        y = F.conv2d(F.leaky_relu(F.conv2d(x, self.first, padding=1), 0.2), self.second, padding=1)
        return F.pixel_shuffle(y, self.scale)

    def __call__(self, x):
        self.shapes.append(x.shape)
        return self.whole(torch.from_numpy(x)).numpy()


def picture(height: int, width: int):
    return np.random.default_rng(0).standard_normal((height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("shape", [(24, 24), (61, 47), (7, 90), (20, 1), (1, 1)])
def test_tiles_make_what_the_whole_picture_would(shape, scale):
    network, x = Convolutions(scale=scale), picture(*shape)
    made = through(x, network, scale, halo=3)
    padded = x
    for axis in (0, 1):
        pad = [(3, 3) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(padded, pad, mode="reflect" if x.shape[axis] > 1 else "edge")
    whole = network.whole(torch.from_numpy(padded.transpose(2, 0, 1)[None].copy()))[0].numpy().transpose(1, 2, 0)
    assert made.shape == (scale * shape[0], scale * shape[1], 2)
    np.testing.assert_allclose(made, whole[3 * scale : -3 * scale, 3 * scale : -3 * scale], atol=1e-5)


def test_every_tile_has_the_networks_own_shape():
    network = Convolutions()
    through(picture(61, 47), network, halo=2)
    assert {shape[1:] for shape in network.shapes} == {(3, 24, 24)}


def test_a_halo_below_the_receptive_field_leaves_seams():
    """So that the test above can fail: with a halo of 0 a tile's border has not seen its neighbours."""
    network, x = Convolutions(), picture(61, 47)
    seen, unseen = through(x, network, halo=2), through(x, network, halo=0)
    assert np.abs(seen - unseen)[22:26].max() > 0.1


def test_equal_bytes_whatever_is_beside_a_tile():
    """Promised on one machine with one number of threads: every tile has the network's own shape."""
    network, x = Convolutions(), picture(61, 100)
    other = x.copy()
    other[:, 60:] += 1
    assert through(x, network, halo=2).tobytes() == through(x, network, halo=2).tobytes()
    np.testing.assert_array_equal(through(x, network, halo=2)[:, :40], through(other, network, halo=2)[:, :40])


@pytest.mark.parametrize("halo", [12, 30, -1])
def test_a_halo_that_leaves_nothing_is_refused(halo):
    with pytest.raises(ValueError, match="halo"):
        through(picture(30, 30), Convolutions(), halo=halo)


def test_a_network_of_another_scale_is_refused():
    with pytest.raises(ValueError, match="3 times"):
        through(picture(30, 30), Convolutions(scale=2), scale=3, halo=2)
