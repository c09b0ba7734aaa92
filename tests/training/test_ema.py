from __future__ import annotations

import torch
from torch import nn

from ganray.training.ema import update_ema


def test_parameters_and_float_buffers_are_averaged_and_counters_copied():
    ema, source = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.constant_(ema.weight, 0.0)
    nn.init.constant_(source.weight, 4.0)
    source.running_mean.fill_(8.0)
    source.num_batches_tracked.fill_(7)
    update_ema(ema, source, 0.75)
    assert ema.weight.tolist() == [1.0, 1.0]
    assert ema.running_mean.tolist() == [2.0, 2.0]
    assert ema.num_batches_tracked == 7


def test_beta_zero_copies():
    torch.manual_seed(0)
    ema, source = nn.Linear(3, 3), nn.Linear(3, 3)
    update_ema(ema, source, 0.0)
    assert torch.equal(ema.weight, source.weight)
