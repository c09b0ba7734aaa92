from __future__ import annotations

import pytest
import torch

from ganray.models.r3 import Block
from ganray.models.resampling import Double, DoubleFunction, Halve, HalveFunction, boxes, doubled


@pytest.mark.parametrize(("plain", "function"), [(Double(), DoubleFunction), (Halve(4), HalveFunction)], ids=["double", "halve"])
@pytest.mark.parametrize("side", [2, 6, 8])
def test_what_a_gpu_computes_is_what_a_cpu_does_and_so_are_its_gradients(plain, function, side):
    x = torch.randn(2, 4, side, side).contiguous(memory_format=torch.channels_last).requires_grad_()
    expected, found = plain(x), function.apply(x)
    assert torch.allclose(found, expected, atol=1e-6)
    weights = torch.randn_like(expected)
    (by_autograd,), (by_hand,) = (torch.autograd.grad(y, x, weights) for y in (expected, found))
    assert torch.allclose(by_hand, by_autograd, atol=1e-6)
    assert by_hand.is_contiguous(memory_format=torch.channels_last)


def test_halving_has_second_derivatives_and_maps_over_images():
    """Exact penalties differentiate D twice; private training maps over its images."""
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: HalveFunction.apply(x).square(), x)
    mapped = torch.func.vmap(torch.func.grad(lambda x: HalveFunction.apply(x[None]).square().sum()))(x.detach())
    assert torch.allclose(mapped, torch.autograd.grad(HalveFunction.apply(x).square().sum(), x)[0])


def test_the_forms_for_compilers_are_the_same():
    x = torch.randn(2, 4, 8, 8)
    assert torch.allclose(boxes(x), Halve(4)(x), atol=1e-6)
    assert torch.allclose(doubled(doubled(x, 2), 3), Double()(x), atol=1e-6)


def test_the_number_format_is_that_of_the_input_under_autocast():
    x = torch.randn(2, 4, 8, 8, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert DoubleFunction.apply(x).dtype == HalveFunction.apply(x).dtype == torch.bfloat16


def test_a_block_by_matrices_is_the_block():
    block = Block(8, 4, 1)
    torch.nn.init.normal_(block.reduce.weight)
    x = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    expected, found = block(x), block.by_matrices(x)
    assert torch.allclose(found, expected, atol=1e-5)
    assert found.is_contiguous(memory_format=torch.channels_last)
    variables = [x, *block.parameters()]
    for by_matrices, plain in zip(*(torch.autograd.grad(y.square().sum(), variables) for y in (found, expected)), strict=True):
        assert torch.allclose(by_matrices, plain, rtol=1e-4, atol=1e-4)
