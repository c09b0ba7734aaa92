"""What every row of MODELS must keep, conditional on several attributes, on one, and on none."""

from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models import MODELS, build_discriminator, build_generator
from tests.tools.models import TINY_MODELS as TINY

SIZES = [(), (3,), (3, 5, 2)]

each_model = pytest.mark.parametrize("name", MODELS)
each_condition = pytest.mark.parametrize("sizes", SIZES, ids=["unconditional", "one", "three"])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def inputs(config: ModelConfig, sizes: tuple[int, ...], num: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    columns = [torch.arange(num) % size for size in sizes]
    return torch.randn(num, config.z_dim), torch.stack(columns, 1) if columns else torch.zeros(num, 0, dtype=torch.int64)


def test_every_model_is_covered():
    assert TINY.keys() == MODELS.keys()


@each_model
@each_condition
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(name, sizes, channels):
    config = TINY[name].model_copy(update={"channels": channels})
    generator, discriminator = build_generator(config, sizes), build_discriminator(config, sizes)
    z, label = inputs(config, sizes)
    x = generator(z, label)
    assert x.shape == (6, channels, config.resolution, config.resolution)
    assert discriminator(x, label).shape == (6,)
    assert (generator.z_dim, generator.resolution, generator.channels, generator.label_sizes) == (6, config.resolution, channels, sizes)


@each_model
@each_condition
def test_every_parameter_of_both_networks_learns(name, sizes):
    generator, discriminator = build_generator(TINY[name], sizes), build_discriminator(TINY[name], sizes)
    z, label = inputs(TINY[name], sizes)
    discriminator(generator(z, label), label).sum().backward()
    missing = [key for network in (generator, discriminator) for key, parameter in network.named_parameters() if parameter.grad is None]
    assert not missing


@each_model
@each_condition
def test_a_classifier_scores_every_value_beside_the_logit(name, sizes):
    config = TINY[name].model_copy(update={"classifier": True})
    discriminator = build_discriminator(config, sizes).eval()
    _, label = inputs(config, sizes)
    x = torch.randn(6, config.channels, config.resolution, config.resolution)
    output = discriminator(x, label, True)
    assert output.shape == (6, 1 + sum(sizes)) and output.dtype == torch.float32
    assert torch.equal(output[:, 0], discriminator(x, label))
    assert torch.equal(output[:, 1:], discriminator(x, torch.zeros_like(label), True)[:, 1:])  # it is not told what it is to name


@each_model
def test_each_attribute_changes_picture_and_score(name):
    generator, discriminator = (
        build_generator(TINY[name], (3, 5, 2)).eval(),
        build_discriminator(TINY[name], (3, 5, 2)).eval(),
    )
    z, x = torch.randn(1, 6), torch.randn(1, 3, TINY[name].resolution, TINY[name].resolution)
    base = torch.zeros(1, 3, dtype=torch.int64)
    for column in range(3):
        other = base.clone()
        other[0, column] = 1
        assert not torch.equal(generator(z, base), generator(z, other))
        assert not torch.equal(discriminator(x, base), discriminator(x, other))


@each_model
@each_condition
def test_a_picture_does_not_depend_on_its_neighbours(name, sizes):
    """Promised in one batch shape on one machine: a row's bits are its own. Other shapes may round differently."""
    generator = build_generator(TINY[name], sizes).eval()
    z, label = inputs(TINY[name], sizes)
    whole = generator(z, label)
    z[1:] = torch.randn(5, 6)
    assert torch.equal(generator(z, label)[0], whole[0])


@each_model
def test_training_begins_near_the_scale_of_pixels(name):
    z, label = inputs(TINY[name], (3, 5, 2), num=64)
    label = label % torch.tensor([3, 5, 2])
    x = build_generator(TINY[name], (3, 5, 2))(z, label)
    assert 0.001 < x.std() < 3


@each_model
def test_weights_survive_their_own_names(name):
    first, second = build_generator(TINY[name], (3,)).eval(), build_generator(TINY[name], (3,)).eval()
    second.load_state_dict(first.state_dict())
    z, label = inputs(TINY[name], (3,))
    assert torch.equal(first(z, label), second(z, label))  # promised: the same weights in the same batch shape


@pytest.mark.parametrize("name", ["dcgan", "r3"])
def test_convolutions_are_laid_out_channels_last(name):
    kernels = [parameter for parameter in build_generator(TINY[name], ()).parameters() if parameter.dim() == 4 and min(parameter.shape) > 1]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_an_unknown_model_lists_the_known():
    with pytest.raises(ConfigError, match=r"model\.name 'vae' is unknown.*mlp, dcgan, r3"):
        build_generator(ModelConfig(name="vae"), ())


@each_model
def test_a_discriminator_says_whether_images_of_a_pass_look_at_each_other(name):
    """Real and fake share a pass where they do not."""
    discriminator = build_discriminator(TINY[name], (3,)).train()
    x = torch.randn(8, 3, TINY[name].resolution, TINY[name].resolution)
    label = torch.zeros(8, 1, dtype=torch.int64)
    together, apart = discriminator(x, label), torch.cat([discriminator(half, label[:4]) for half in (x[:4], 5 * x[4:])])
    assert torch.allclose(together[:4], apart[:4], atol=1e-5) != discriminator.batch_statistics
