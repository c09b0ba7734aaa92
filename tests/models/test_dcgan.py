from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models.dcgan import DcganDiscriminator, DcganGenerator

CONFIG = ModelConfig(name="dcgan", resolution=64, z_dim=10, widths=(64, 32, 16, 8))
NONE = torch.zeros(2, 0, dtype=torch.int64)


def test_four_widths_draw_64_px_through_tanh():
    x = DcganGenerator(CONFIG, ())(torch.randn(2, 10) * 100, NONE)
    assert x.shape == (2, 3, 64, 64)
    assert x.abs().max() <= 1


def test_weights_start_at_two_hundredths():
    torch.manual_seed(0)
    weights = [module.weight for module in DcganDiscriminator(CONFIG, ()).modules() if isinstance(module, torch.nn.Conv2d)]
    assert len(weights) == 5
    assert all(weight.std().item() == pytest.approx(0.02, rel=0.1) for weight in weights)


def test_a_resolution_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"model\.resolution is 32, but 4 model\.widths give 64 px with dcgan"):
        DcganGenerator(CONFIG.model_copy(update={"resolution": 32}), ())
