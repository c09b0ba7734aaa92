from __future__ import annotations

import torch

from ganray.training.gradients import Gradients, room_for

PARAMETERS = [torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last), torch.zeros(3)]


def gradients(value: float, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    return [torch.full_like(parameter, value, dtype=dtype) for parameter in PARAMETERS]


def test_a_single_worker_in_float32_keeps_what_it_is_given():
    sums, given = Gradients(PARAMETERS, None), gradients(2.0)
    sums.add(given, 1.0)
    sums.begin_average([torch.ones(())])
    assert [value.data_ptr() for value in sums.wait()] == [tensor.data_ptr() for tensor in given]


def test_micro_batches_are_summed_by_their_shares_in_float32():
    for average in (None, lambda tensors: None):
        for dtype in (torch.float32, torch.bfloat16):
            sums = Gradients(PARAMETERS, average)
            sums.add(gradients(2.0, dtype), 0.25)
            sums.add(gradients(4.0, dtype), 0.75)
            sums.begin_average([])
            assert all(value.dtype == torch.float32 and bool((value == 3.5).all()) for value in sums.wait())


def test_what_is_averaged_is_one_buffer_with_what_lies_beside():
    """Layouts are those of the parameters: the optimizer's fused kernel asks for it."""
    messages, waited = [], []

    def average(tensors):
        messages.append(tensors)

        def wait():
            waited.append(True)
            tensors[0].mul_(10.0)

        return wait

    sums, beside = Gradients(PARAMETERS, average), [torch.ones(2), torch.tensor(3.0)]
    sums.add(gradients(2.0), 1.0, room=room_for(beside))
    sums.begin_average(beside)
    assert [len(tensor) for (tensor,) in messages] == [24 + 4 + 4 + 4]  # each from a multiple of four on
    assert not waited
    values = sums.wait()
    assert [value.stride() for value in values] == [parameter.stride() for parameter in PARAMETERS]
    assert all(bool((value == 20.0).all()) for value in values)
    assert beside[0].tolist() == [10.0, 10.0]
    assert beside[1].item() == 30.0
