from __future__ import annotations

import torch

from ganray.config import TrainConfig
from ganray.training.determinism import is_deterministic, make_deterministic
from ganray.training.draws import CounterDraws, Draws, DrawsOf


def test_a_deterministic_run_on_a_gpu_draws_by_the_counter():
    config = TrainConfig(deterministic=True)
    assert is_deterministic(config, torch.device("cuda"))
    assert not is_deterministic(config, torch.device("cpu"))
    assert not is_deterministic(TrainConfig(), torch.device("cuda"))
    assert type(DrawsOf(0, 4, counter=True).step(0)) is CounterDraws
    assert type(DrawsOf(0, 4).step(0)) is Draws


def test_on_a_cpu_nothing_changes():
    make_deterministic(TrainConfig(deterministic=True), torch.device("cpu"))
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_a_gpu_atomic_additions_are_errors(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    try:
        make_deterministic(TrainConfig(deterministic=True), torch.device("cuda"))
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
