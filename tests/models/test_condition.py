from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig
from ganray.models import MODELS, build_discriminator, build_generator, fold_strength, set_strength
from ganray.models.condition import Condition, Projection

SMALL = {
    "r3": ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8),
    "mlp": ModelConfig(name="mlp", resolution=8, widths=(16, 16), z_dim=4),
    "dcgan": ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4),
}


@pytest.mark.parametrize("sizes", [(12,), (12, 9), (12, 9, 4, 30)])
def test_all_embeddings_together_weigh_as_much_as_z(sizes):
    torch.manual_seed(0)
    condition = Condition(64, 48, sizes)
    label = torch.stack([torch.randint(size, (500,)) for size in sizes], 1)
    joined = condition(torch.randn(500, 64), label)
    assert joined.shape == (500, condition.width)
    z, labels = joined[:, :64].square().sum(1).mean(), joined[:, 64:].square().sum(1).mean()
    assert (labels / z).item() == pytest.approx(1, abs=0.25)


def test_without_attributes_the_condition_is_z():
    z = torch.randn(3, 8)
    assert torch.equal(Condition(8, 48, ())(z, torch.zeros(3, 0, dtype=torch.int64)), z)


def test_each_vector_has_its_place_behind_z():
    condition = Condition(4, 3, (2, 5), title_rows=7)
    assert condition.places() == [range(4, 7), range(7, 10), range(10, 13)]
    joined = condition(torch.randn(1, 4), torch.tensor([[1, 4, 2, 0]]))
    assert torch.equal(joined[0, 7:10], condition.embeddings[1].weight[4])


def test_the_logit_is_a_sum_over_attributes():
    torch.manual_seed(0)
    head = Projection(16, 8, (3, 4))
    features = torch.randn(5, 16)

    def logit(a: int, b: int) -> torch.Tensor:
        return head(features, torch.tensor([[a, b]]).expand(5, 2))

    assert torch.allclose(logit(1, 2) - logit(0, 2), logit(1, 3) - logit(0, 3), atol=1e-5)
    assert torch.allclose(logit(1, 2) - logit(1, 0), logit(2, 2) - logit(2, 0), atol=1e-5)


@pytest.mark.parametrize("sizes", [(), (5,), (5, 7, 9)])
def test_logits_start_at_unit_scale_for_any_number_of_attributes(sizes):
    torch.manual_seed(0)
    label = torch.stack([torch.randint(size, (4000,)) for size in sizes], 1) if sizes else torch.zeros(4000, 0, dtype=torch.int64)
    deviations = [Projection(64, 64, sizes)(torch.randn(4000, 64), label).std().item() for _ in range(20)]
    assert sum(deviations) / 20 == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("name", MODELS)
def test_at_strength_zero_labels_do_not_count_and_at_one_in_full(name):
    torch.manual_seed(0)
    networks = build_generator(SMALL[name], (3, 2)).eval(), build_discriminator(SMALL[name], (3, 2)).eval()
    inputs = torch.randn(2, 4), torch.randn(2, 3, 8, 8)
    some, other = torch.tensor([[0, 0], [1, 1]]), torch.tensor([[2, 1], [0, 0]])
    for network, x in zip(networks, inputs, strict=True):
        torch.nn.init.normal_(next(network.parameters()))
        full = network(x, some)
        set_strength(network, 0.0)
        assert torch.equal(network(x, some), network(x, other))
        set_strength(network, 1.0)
        assert torch.equal(network(x, some), full)
        assert not torch.equal(network(x, some), network(x, other))


def test_a_folded_network_draws_the_same_without_being_told_a_strength():
    torch.manual_seed(0)
    ramping = build_generator(SMALL["r3"], (3, 2))
    assert fold_strength(ramping) is ramping
    set_strength(ramping, 0.25)
    z, label = torch.randn(2, 4), torch.tensor([[0, 1], [2, 0]])
    rebuilt = build_generator(SMALL["r3"], (3, 2))
    rebuilt.load_state_dict(fold_strength(ramping).state_dict())
    assert torch.equal(rebuilt(z, label), ramping(z, label))
    assert "condition.embeddings.strength" not in ramping.state_dict()  # model folders and checkpoints are what they were
