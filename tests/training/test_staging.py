from __future__ import annotations

import pytest
import torch

from ganray.training.staging import Batch, one_ahead, staged


def test_the_next_one_is_taken_before_an_item_is_given():
    taken = []

    def items():
        for number in range(3):
            taken.append(number)
            yield number

    given = one_ahead(items())
    assert next(given) == 0
    assert taken == [0, 1]
    assert list(given) == [1, 2]
    assert list(one_ahead(iter(()))) == []


def test_an_item_before_one_that_fails_is_given_first():
    def items():
        yield 0
        raise OSError("the store is away")

    given = one_ahead(items())
    assert next(given) == 0
    with pytest.raises(OSError, match="the store is away"):
        next(given)


def test_on_a_cpu_batches_are_as_they_were():
    batches = iter([Batch(torch.zeros(1, 2, 2, 3, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.int64))])
    assert staged(batches, torch.device("cpu"), 1) is batches
