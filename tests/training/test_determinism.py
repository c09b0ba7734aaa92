from __future__ import annotations

import pytest
import torch

from ganray.config import EditorConfig, LossConfig, PrivacyConfig, ScoreConfig, TrainConfig
from ganray.errors import ConfigError
from ganray.training.determinism import is_deterministic, library_settings
from ganray.training.draws import CounterDraws, Draws, DrawsOf


def test_a_deterministic_run_on_a_gpu_draws_by_the_counter():
    config = TrainConfig(deterministic=True)
    assert is_deterministic(config, torch.device("cuda"))
    assert not is_deterministic(config, torch.device("cpu"))
    assert not is_deterministic(TrainConfig(), torch.device("cuda"))
    assert type(DrawsOf(0, 4, counter=True).step(0)) is CounterDraws
    assert type(DrawsOf(0, 4).step(0)) is Draws


def test_on_a_cpu_nothing_changes():
    with library_settings(TrainConfig(deterministic=True), torch.device("cpu")):
        assert not torch.are_deterministic_algorithms_enabled()


def test_on_a_gpu_atomic_additions_are_errors(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with library_settings(TrainConfig(deterministic=True), torch.device("cuda")):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    with pytest.raises(ConfigError, match="deterministic with CUBLAS_WORKSPACE_CONFIG=:0:0"):
        library_settings(TrainConfig(deterministic=True), torch.device("cuda")).__enter__()


def test_an_editor_is_refused_on_a_gpu():
    config = TrainConfig(deterministic=True, editor=EditorConfig(tasks=("enhance",)))
    with pytest.raises(ConfigError, match="adds by atomics"):
        library_settings(config, torch.device("cuda")).__enter__()


def test_a_private_run_convolves_without_tf32():
    loss, score = LossConfig(name="bce", penalty="none"), ScoreConfig(kimg=0.0)
    private = TrainConfig(loss=loss, score=score, privacy=PrivacyConfig(epsilon=8.0))
    with library_settings(private, torch.device("cuda")):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32
