from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig, TrainConfig
from ganray.errors import CheckpointError
from ganray.training.state import create_state

CONFIG = TrainConfig(model=ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8))


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(1)
    first = create_state(CONFIG, (3,)).export()[0]
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    second = create_state(CONFIG, (3,)).export()[0]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = create_state(CONFIG.model_copy(update={"seed": 1}), (3,)).export()[0]
    assert not torch.equal(first["generator.basis"], other["generator.basis"])


def test_the_average_starts_at_g_and_never_learns():
    state = create_state(CONFIG, (3,))
    assert torch.equal(state.ema.state_dict()["basis"], state.generator.state_dict()["basis"])
    assert not any(parameter.requires_grad for parameter in state.ema.parameters())
    assert not state.ema.training


def test_a_strange_or_absent_tensor_is_named():
    tensors, description = create_state(CONFIG, (3,)).export()
    with pytest.raises(CheckpointError, match=r"generator\.condition\.embeddings\.0\.weight has shape \(3, 4\), this model's \(5, 4\)"):
        create_state(CONFIG, (5,)).restore(tensors, description)
    del tensors["ema.basis"]
    with pytest.raises(CheckpointError, match=r"no tensor ema\.basis"):
        create_state(CONFIG, (3,)).restore(tensors, description)
