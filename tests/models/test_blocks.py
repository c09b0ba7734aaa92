import torch

from ganray.models.blocks import Residual, conv


def test_a_block_begins_as_the_identity():
    x = torch.randn(1, 8, 9, 9)
    assert torch.equal(Residual(8)(x), x)


def test_convolutions_keep_the_size_and_the_variance():
    torch.manual_seed(0)
    x = torch.randn(4, 32, 24, 24)
    y = torch.nn.functional.leaky_relu(conv(32, 64)(x), 0.1).detach()
    assert y.shape == (4, 64, 24, 24) and 0.8 < float(y.square().mean()) < 1.2
    assert not conv(8, 4, 1, gain=0.0).weight.any() and conv(8, 4, 1).weight.shape[2:] == (1, 1)
