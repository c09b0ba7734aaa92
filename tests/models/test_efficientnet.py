import pytest
import torch

from ganray.models.efficientnet import EPSILON, STAGES, Convolution, EfficientNetLite0, folded


def published() -> dict[str, torch.Tensor]:
    """Random weights under the names of the published file, with their shapes."""
    rng = torch.Generator().manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}

    def layer(convolution: str, norm: str, like: Convolution) -> None:
        fan = like.weight[0].numel()
        tensors[f"{convolution}.weight"] = torch.randn(like.weight.shape, generator=rng) / fan**0.5
        for name, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            tensors[f"{norm}.{name}"] = low + torch.rand(len(like.weight), generator=rng)

    network = EfficientNetLite0()
    layer("_conv_stem", "_bn0", network.stem)
    for place, block in enumerate(network.blocks):
        if block.expand is not None:
            layer(f"_blocks.{place}._expand_conv", f"_blocks.{place}._bn0", block.expand)
        layer(f"_blocks.{place}._depthwise_conv", f"_blocks.{place}._bn1", block.depthwise)
        layer(f"_blocks.{place}._project_conv", f"_blocks.{place}._bn2", block.project)
    layer("_conv_head", "_bn1", network.head)
    return tensors


@torch.no_grad()
def by_hand(weights: dict[str, torch.Tensor], levels: torch.Tensor) -> torch.Tensor:
    """The published network with its batch norms, written out."""

    def step(x, convolution, norm, stride=1, relu=True):
        weight = weights[f"{convolution}.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
        x = torch.nn.functional.pad(x, (total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2))
        x = torch.nn.functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, var, gamma, beta = (weights[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        x = torch.nn.functional.batch_norm(x, mean, var, gamma, beta, eps=EPSILON)
        return x.clamp(0, 6) if relu else x

    x = step((levels - 127) / 128, "_conv_stem", "_bn0", 2)
    place = 0
    for stage in STAGES:
        for repeat in range(stage.blocks):
            name = f"_blocks.{place}"
            y = step(x, f"{name}._expand_conv", f"{name}._bn0") if stage.expansion > 1 else x
            y = step(y, f"{name}._depthwise_conv", f"{name}._bn1", 1 if repeat else stage.stride)
            y = step(y, f"{name}._project_conv", f"{name}._bn2", relu=False)
            x = x + y if x.shape == y.shape else y
            place += 1
    return step(x, "_conv_head", "_bn1").mean((2, 3))


def test_folded_it_is_the_published_network():
    weights = published()
    network = EfficientNetLite0().eval()
    network.load_state_dict(folded(weights))
    levels = torch.randint(0, 256, (2, 3, 48, 33), generator=torch.Generator().manual_seed(1)).float()
    with torch.no_grad():
        features = network(levels)
    expected = by_hand(weights, levels)
    assert features.shape == (2, 1280) and expected.std() > 0.01
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4)


def test_a_missing_weight_is_named():
    weights = published()
    del weights["_blocks.3._bn1.bias"]
    with pytest.raises(KeyError, match=r"_blocks\.3\._bn1\.bias"):
        folded(weights)


@pytest.mark.parametrize(("size", "stride"), [(8, 2), (9, 2), (8, 1), (5, 2)])
def test_padding_is_tensorflows(size, stride):
    layer = Convolution(1, 1, 3, stride)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        sums = layer(torch.ones(1, 1, size, size))[0, 0]
    assert sums.shape == (-(-size // stride),) * 2
    assert sums[0, 0] == (9 if stride == 2 and size % 2 == 0 else 4)  # an even picture is padded at its end alone
