from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig
from ganray.models import build_discriminator, build_generator
from ganray.training.precision import CastOnce

MODELS = {
    "r3": ModelConfig(resolution=16, widths=(16, 8), z_dim=8, embed_dim=8, group_channels=8, patch=2),
    "dcgan": ModelConfig(name="dcgan", resolution=16, widths=(8, 8), z_dim=8),
    "mlp": ModelConfig(name="mlp", resolution=8, widths=(16, 32), z_dim=8),
}


def inputs(family: str) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(0)
    side, label = MODELS[family].resolution, torch.tensor([[0], [1], [2], [0]])
    return {"G": (torch.randn(4, 8, generator=rng), label), "D": (torch.randn(4, 3, side, side, generator=rng), label)}


@pytest.mark.parametrize("which", ["G", "D"])
@pytest.mark.parametrize("family", MODELS)
def test_gradients_are_those_of_autocast_bit_by_bit(family, which):
    torch.manual_seed(0)
    network = (build_generator if which == "G" else build_discriminator)(MODELS[family], (3,))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # a block's last weights start at zero
    found = []
    for bf16 in (False, True):
        cast = CastOnce(network, bf16)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = cast(*inputs(family)[which])
        gradients = torch.autograd.grad(output.square().sum(), cast.variables)
        found.append([output, *(gradient.float() for gradient in gradients)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    copies = [variable.dtype == torch.bfloat16 for variable in cast.variables]
    assert any(copies)
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_without_bf16_the_network_is_used_as_it_is():
    network = build_generator(MODELS["r3"], (3,))
    cast = CastOnce(network, False)
    assert all(a is b for a, b in zip(cast.variables, network.parameters(), strict=True))


def test_a_frozen_network_has_no_gradients_by_its_weights_and_its_images_have():
    network = build_discriminator(MODELS["r3"], (3,))
    for bf16 in (False, True):
        cast, (x, label) = CastOnce(network, bf16), inputs("r3")["D"]
        x.requires_grad_()
        with cast.frozen(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = cast(x, label).sum()
        assert torch.autograd.grad(loss, x)[0].abs().sum() > 0
        assert all(variable.requires_grad for variable in cast.variables)
        with cast.frozen(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            assert not cast(x.detach(), label).requires_grad
