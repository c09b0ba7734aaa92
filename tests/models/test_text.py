from __future__ import annotations

import pytest
import torch

from ganray.config import ModelConfig
from ganray.models import MODELS, build_discriminator, build_generator, fold_strength, set_strength
from ganray.models.condition import USUAL_PIECES, Condition, Projection, label_sizes
from ganray.models.text import Title

TITLED = {
    "r3": ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8, title_pieces=6, title_buckets=50),
    "mlp": ModelConfig(name="mlp", resolution=8, widths=(16, 16), z_dim=4, title_pieces=6, title_buckets=50),
    "dcgan": ModelConfig(name="dcgan", resolution=8, widths=(8,), z_dim=4, title_pieces=6, title_buckets=50),
}
RED_MUG, MUG, NOTHING = (0, 0, 3, 7, 9, 50), (0, 0, 0, 0, 7, 50), (0,) * 6


def label(*rows: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor(rows)


def said(generator):
    """As if it had been trained: its pieces mean something."""
    torch.nn.init.normal_(generator.condition.embeddings[-1].pieces.weight)
    return generator


def test_words_add_up_and_none_is_nothing():
    torch.manual_seed(0)
    title = Title(51, 8, std=1.0)
    both, red, mug, nothing = title(label(RED_MUG, (0, 0, 0, 0, 3, 9), MUG, NOTHING))
    assert torch.allclose(both, red + mug, atol=1e-6)
    assert not nothing.any()


def test_in_d_a_usual_title_starts_as_strong_as_an_attribute():
    torch.manual_seed(0)
    pieces = torch.cat([torch.zeros(200, 8, dtype=torch.int64), torch.randint(1, 4097, (200, USUAL_PIECES))], 1)
    embeddings = Projection(64, 64, (50,), title_rows=4097).embeddings
    attribute, title = embeddings(torch.cat([torch.randint(50, (200, 1)), pieces], 1))
    assert (title.std() / attribute.std()).item() == pytest.approx(1, rel=0.15)


def test_in_g_what_training_never_said_says_nothing():
    torch.manual_seed(0)
    condition = Condition(4, 8, (3,), title_rows=51)
    z, attribute = torch.randn(1, 4), torch.tensor([[1]])
    mug, mug_and_unknown = (torch.cat([attribute, label(row)], 1) for row in (MUG, (0, 0, 7, 30, 40, 50)))
    optimizer = torch.optim.Adam(condition.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (condition(z, mug) - 1).square().sum().backward()
        optimizer.step()
    assert condition(z, mug)[0, -8:].all()
    assert torch.equal(condition(z, mug), condition(z, mug_and_unknown))


def test_the_row_of_no_piece_stays_zero_in_training():
    title = Title(5, 3, std=1.0)
    optimizer = torch.optim.Adam(title.parameters(), lr=0.1)
    title(torch.tensor([[0, 0, 2]])).sum().backward()
    optimizer.step()
    assert not title.pieces.weight[0].any()
    assert not torch.equal(title.pieces.weight[2], Title(5, 3, std=1.0).pieces.weight[2])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("sizes", [(), (4, 3)], ids=["titles alone", "attributes too"])
def test_a_title_changes_picture_and_score_and_every_parameter_learns(name, sizes):
    torch.manual_seed(0)
    generator, discriminator = build_generator(TITLED[name], sizes), build_discriminator(TITLED[name], sizes)
    attributes = tuple(size - 1 for size in sizes)
    said(generator)
    asked = label((*attributes, *RED_MUG), (*attributes, *MUG))
    z, x = torch.randn(1, 4).repeat(2, 1), torch.randn(1, 3, 8, 8).repeat(2, 1, 1, 1)
    one, other = generator.eval()(z, asked)
    assert not torch.equal(one, other)
    assert not torch.equal(*discriminator.eval()(x, asked))
    discriminator(generator(z, asked), asked).sum().backward()
    assert not [name for network in (generator, discriminator) for name, weight in network.named_parameters() if weight.grad is None]


@pytest.mark.parametrize("name", MODELS)
def test_titles_obey_the_strength_of_labels(name):
    torch.manual_seed(0)
    generator = said(build_generator(TITLED[name], (4,)).eval())
    z, red, mug = torch.randn(1, 4), label((3, *RED_MUG)), label((3, *MUG))
    set_strength(generator, 0.0)
    assert torch.equal(generator(z, red), generator(z, mug))
    set_strength(generator, 0.25)
    assert torch.allclose(fold_strength(generator)(z, red), generator(z, red), atol=1e-6)


def test_a_model_without_titles_is_built_as_before():
    torch.manual_seed(0)
    before = build_generator(TITLED["r3"].model_copy(update={"title_pieces": 0}), (3, 2))
    assert [name for name in before.state_dict() if "embeddings" in name] == [
        "condition.embeddings.0.weight",
        "condition.embeddings.1.weight",
    ]
    assert label_sizes(before.config, {"a": "xyz", "b": "xy"}) == (3, 2)
    assert label_sizes(TITLED["r3"], {"a": "xyz", "b": "xy"}) == (4, 3)  # one more: unspecified
