from __future__ import annotations

import pytest

from ganray.errors import ConfigError
from ganray.models import build_discriminator, build_generator
from ganray.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_itself_and_builds_its_networks(name):
    config = preset(name)
    assert config.preset == name
    assert str(config.model.resolution) in name
    build_generator(config.model, (10, 8))
    build_discriminator(config.model, (10, 8))


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(ConfigError, match=r"preset is 'r4'.*mlp-28, dcgan-64, demo-32, lunch-64, night-64, r3-64, r3-128, r3-256"):
        preset("r4")
