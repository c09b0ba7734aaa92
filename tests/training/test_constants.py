from __future__ import annotations

import torch

from ganray.training.constants import constant


def test_a_constant_is_made_once_for_a_device():
    first = constant((0.5, 2.0), torch.float32, torch.device("cpu"))
    assert first.tolist() == [0.5, 2.0]
    assert first is constant((0.5, 2.0), torch.float32, torch.device("cpu"))
    assert constant((1, 2), torch.int64, torch.device("cpu")).dtype == torch.int64


def test_one_that_was_first_asked_for_in_inference_serves_training():
    with torch.inference_mode():
        first = constant((0.25, 4.0), torch.float32, torch.device("cpu"))
    x = torch.ones(2, requires_grad=True)
    assert torch.autograd.grad((x * first).sum(), x)[0].tolist() == [0.25, 4.0]
