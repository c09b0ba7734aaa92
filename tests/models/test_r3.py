from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models.r3 import Block, R3Discriminator, R3Generator
from ganray.models.resampling import Double, Halve

CONFIG = ModelConfig(resolution=16, z_dim=6, widths=(32, 16, 16), group_channels=8)
NONE = torch.zeros(1, 0, dtype=torch.int64)


def test_a_block_starts_as_the_identity():
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(Block(16, 8, depth=3)(x), x)


def test_a_block_keeps_the_paper_s_shapes_and_scales():
    torch.manual_seed(0)
    block = Block(64, 16, depth=16)
    gain = (2 / 1.04) ** 0.5 / 2  # 16 blocks: 16^(-1/4) = 1/2
    assert block.spatial.groups == 8
    assert block.expand.weight.std().item() == pytest.approx(gain / 64**0.5, rel=0.05)
    assert block.spatial.weight.std().item() == pytest.approx(gain / (16 * 9) ** 0.5, rel=0.05)
    assert not block.reduce.weight.any()
    assert block.reduce.bias is None


def test_halving_is_the_antialiased_bilinear_filter_inside_the_border():
    x = torch.randn(2, 4, 16, 16)
    expected = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    assert torch.allclose(Halve(4)(x)[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-6)


@pytest.mark.parametrize("side", [1, 2, 7])
def test_doubling_as_it_is_compiled_is_the_same_filter(side, monkeypatch):
    x = torch.randn(2, 3, side, side)
    expected = Double()(x)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.allclose(Double()(x), expected, atol=1e-6)


def test_doubling_keeps_a_constant_and_halving_undoes_it_inside():
    x = torch.full((1, 4, 8, 8), 0.7)
    assert torch.allclose(Double()(x), torch.full((1, 4, 16, 16), 0.7))
    assert torch.allclose(Halve(4)(Double()(x))[:, :, 1:-1, 1:-1], x[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("patch", [1, 2])
def test_d_reads_every_pixel(patch):
    config = CONFIG.model_copy(update={"resolution": 16 * patch, "patch": patch})
    x = torch.randn(1, 3, 16 * patch, 16 * patch, requires_grad=True)
    R3Discriminator(config, ())(x, NONE).sum().backward()
    assert (x.grad != 0).all()


def test_the_lean_generator_leaves_no_checkerboard():
    """A flat feature map must come out flat: a transposed convolution or a pixel shuffle would show its lattice."""
    torch.manual_seed(0)
    generator = R3Generator(CONFIG.model_copy(update={"resolution": 32, "patch": 2}), ())
    with torch.no_grad():
        image = generator.to_rgb(torch.randn(1, 16, 1, 1).expand(1, 16, 16, 16))
    assert torch.allclose(image[:, :, 2:-2, 2:-2], image[:, :, 8:9, 8:9], atol=1e-5)


@pytest.mark.parametrize("patch", [1, 2])
def test_a_resolution_that_does_not_fit_is_refused(patch):
    with pytest.raises(ConfigError, match=rf"model\.resolution is 64.*draw {16 * patch} px"):
        R3Generator(CONFIG.model_copy(update={"resolution": 64, "patch": patch}), ())


def test_a_width_that_does_not_divide_into_groups_is_refused():
    with pytest.raises(ConfigError, match=r"model\.widths has 18"):
        R3Discriminator(CONFIG.model_copy(update={"widths": (32, 18, 16)}), ())


def test_depth_grows_with_blocks_and_stages():
    assert sum(isinstance(module, Block) for module in R3Generator(CONFIG.model_copy(update={"blocks": 2}), ()).modules()) == 6


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize("fewer", [0, 1, 2])
def test_a_coarse_picture_is_drawn_and_judged_without_the_finest_stages(patch, skips, fewer):
    torch.manual_seed(0)
    config = CONFIG.model_copy(update={"resolution": 16 * patch, "patch": patch, "skips": skips})
    side = config.resolution >> fewer
    generator, discriminator = R3Generator(config, ()), R3Discriminator(config, ())
    image = generator(torch.randn(2, 6), NONE.expand(2, 0), side)
    assert image.shape == (2, 3, side, side)
    discriminator(image, NONE.expand(2, 0)).sum().backward()
    for network, finest in ((generator, generator.stages[::-1]), (discriminator, discriminator.stages)):
        untouched = {parameter for stage in list(finest)[:fewer] for parameter in stage.parameters()}
        if network is generator and skips:  # the last stage before them has a to-RGB of its own
            untouched |= {parameter for skip in generator.skips[3 - fewer :] for parameter in skip.parameters()}
        assert all((parameter.grad is None) == (parameter in untouched) for parameter in network.parameters())


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize("skips", [False, True])
def test_a_picture_that_is_begun_and_finished_is_the_same(patch, skips):
    torch.manual_seed(0)
    generator = R3Generator(CONFIG.model_copy(update={"resolution": 16 * patch, "patch": patch, "skips": skips}), ())
    features = generator.base(torch.randn(2, 6), NONE.expand(2, 0))
    with torch.no_grad():
        whole = generator.draw(features)
        for stages in (1, 2):
            assert torch.equal(generator.finish(generator.begin(features, stages), stages), whole)


def test_with_skips_the_picture_is_the_sum_of_what_stages_draw():
    torch.manual_seed(0)
    generator = R3Generator(CONFIG.model_copy(update={"skips": True}), ())
    features, double = generator.base(torch.randn(2, 6), NONE.expand(2, 0)), Double()
    with torch.no_grad():
        first = generator.begin(features, 1)[:, -3:]
        whole = generator.draw(features)
        for weight in [*generator.to_rgb.parameters(), *generator.skips[1:].parameters()]:
            weight.zero_()
        assert torch.allclose(generator.draw(features), double(double(first)))
    assert not torch.allclose(whole, double(double(first)), atol=0.1)


def test_a_stage_that_begins_changes_the_picture_little():
    """A block starts as the identity, so the finer picture is the coarse one, doubled."""
    torch.manual_seed(0)
    config = CONFIG.model_copy(update={"widths": (16, 16, 16)})
    generator, z = R3Generator(config, ()), torch.randn(4, 6)
    with torch.no_grad():
        coarse, fine = generator(z, NONE.expand(4, 0), 8), generator(z, NONE.expand(4, 0))
    assert torch.allclose(Double()(coarse), fine, atol=1e-5)
