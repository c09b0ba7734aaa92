import numpy as np
import pytest
import torch

from ganray.config import EditorConfig
from ganray.edits.network import TaskNetwork, both_ways
from ganray.errors import CheckpointError
from ganray.models.editor import EDITORS, build_editor

SMALL = EditorConfig(tasks=tuple(EDITORS), widths=(8, 8), detail_width=8, detail_blocks=1)


@pytest.fixture
def modules():
    torch.manual_seed(0)
    modules = build_editor(SMALL)
    for parameter in modules.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return modules


@pytest.mark.parametrize("task", EDITORS)
def test_a_picture_has_the_same_bits_whatever_is_beside_it(modules, task):
    """Promised: a network is given one picture at a time, which is its fixed batch shape."""
    network = TaskNetwork(task, modules[task])
    x = np.random.default_rng(0).uniform(-1, 1, (5, 4 if task == "inpaint" else 3, network.size, network.size)).astype(np.float32)
    alone, together = network(x[3:4]), network(x)
    assert np.array_equal(together[3:4], alone)
    if task == "matte":
        assert together.shape[1] == 1 and 0 <= together.min() <= together.max() <= 1


def test_numbers_that_are_not_finite_are_told(modules):
    modules["enhance"].head.bias.data[0] = float("nan")
    network = TaskNetwork("enhance", modules["enhance"])
    with pytest.raises(CheckpointError, match="enhance returned numbers that are not finite"):
        network(np.zeros((1, 3, 128, 128), np.float32))


def test_a_judgement_of_both_ways_turns_with_the_picture(modules):
    network = TaskNetwork("matte", modules["matte"])
    x = np.random.default_rng(1).uniform(-1, 1, (1, 3, 128, 128)).astype(np.float32)
    turned = np.ascontiguousarray(x[..., ::-1])
    assert np.allclose(both_ways(network, x), both_ways(network, turned)[..., ::-1], atol=1e-6)
    assert not np.allclose(network(x), network(turned)[..., ::-1], atol=1e-4)
