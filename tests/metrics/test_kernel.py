import pytest
import torch

from ganray.metrics import kernel
from ganray.metrics.kernel import kernel_distance


def test_a_hand_made_example_is_exact():
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [0.0], [1.0]])
    # k(a, b) = (ab + 1)^3: pairs within x: 1; within y: 1, 27, 1; across: 1, 1, 1, 27, 1, 8
    assert kernel_distance(x, y) == pytest.approx(1.0 + 29 / 3 - 2 * 39 / 6)


def test_it_is_unbiased_about_zero_where_the_sets_agree():
    rng = torch.Generator().manual_seed(0)
    values = torch.tensor([kernel_distance(*torch.randn(2, 40, 8, generator=rng)) for _ in range(200)])
    assert abs(values.mean()) < 3.0 * values.std() / 200**0.5
    assert (values < 0.0).any()
    assert (values > 0.0).any()


def test_another_set_is_further_than_the_noise():
    rng = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 300, 8, generator=rng)
    assert kernel_distance(x, y + 0.5) > 20 * abs(kernel_distance(x, y))


def test_blocks_do_not_change_it(monkeypatch):
    x, y = torch.randn(2, 50, 8, generator=torch.Generator().manual_seed(2))
    whole = kernel_distance(x, y)
    monkeypatch.setattr(kernel, "BLOCK", 7)
    assert kernel_distance(x, y) == pytest.approx(whole, rel=1e-12)
