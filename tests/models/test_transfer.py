from __future__ import annotations

import pytest
import torch

from ganray.models import MODELS, Words, build_discriminator, build_generator, copy_weights, label_sizes, shared_values
from ganray.models.condition import Embeddings
from tests.tools.models import TINY_MODELS

OLD = {"category": ("cap", "mug", "shoe"), "colour": ("red", "blue")}
NEW = {"size": ("s", "m"), "colour": ("blue", "green", "red", "white"), "category": ("mug", "sofa")}
BUILD = {"g": build_generator, "d": build_discriminator}


def built(name, side, attributes, seed, **changes):
    torch.manual_seed(seed)
    config = TINY_MODELS[name].model_copy(update=changes)
    network = BUILD[side](config, label_sizes(config, attributes))
    with torch.no_grad():  # biases and last layers start at 0 in both
        for weight in network.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return network, Words(attributes, bool(config.title_pieces))


def transferred(name, side, old=OLD, new=NEW, changes=({}, {})):
    """A network of the old words, one of the new ones as it was, and what became of it."""
    source, before = built(name, side, old, 1, **changes[0])
    fresh, now = built(name, side, new, 2, **changes[1])
    result, _ = built(name, side, new, 2, **changes[1])
    copy_weights(source, result, (before, now))
    return source, fresh, result


def tables(network):
    return next(module for module in network.modules() if isinstance(module, Embeddings))


def test_shared_values_are_those_of_attributes_that_both_have():
    assert shared_values(Words(OLD), Words(NEW)) == {"colour": ("blue", "red"), "category": ("mug",)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", BUILD)
def test_rows_of_shared_values_are_copied_and_others_are_fresh(name, side):
    source, fresh, result = (tables(network) for network in transferred(name, side))
    size, colour, category = result
    assert torch.equal(size.weight, fresh[0].weight)
    assert torch.equal(colour.weight[[2, 0]], source[1].weight)  # red, blue
    assert torch.equal(colour.weight[[1, 3]], fresh[1].weight[[1, 3]])
    assert torch.equal(category.weight[0], source[0].weight[1])  # mug
    assert torch.equal(category.weight[1], fresh[2].weight[1])


@pytest.mark.parametrize("name", MODELS)
def test_a_classifier_keeps_the_values_that_it_knows(name):
    classifies = {"classifier": True}
    source, fresh, result = (network.head.classifier for network in transferred(name, "d", changes=(classifies, classifies)))
    for key in ("weight", "bias"):
        old, before, now = ([getattr(layer, key) for layer in layers] for layers in (source, fresh, result))
        assert torch.equal(now[0], before[0])  # size
        assert torch.equal(now[1][[2, 0]], old[1])  # red, blue
        assert torch.equal(now[1][[1, 3]], before[1][[1, 3]])
        assert torch.equal(now[2][0], old[0][1]) and torch.equal(now[2][1], before[2][1])  # mug, sofa


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", BUILD)
def test_everything_else_is_copied(name, side):
    source, _, result = transferred(name, side)
    first = result.reads_condition[0] if side == "g" else ""
    old = source.state_dict()
    copied = [key for key in result.state_dict() if "embeddings" not in key and key != first]
    assert copied
    assert all(torch.equal(result.state_dict()[key], old[key]) for key in copied)


@pytest.mark.parametrize("name", MODELS)
def test_g_s_inputs_follow_their_attributes(name):
    source, fresh, result = transferred(name, "g")
    key, dim = result.reads_condition
    z, dims = source.z_dim, source.config.embed_dim
    old, own, new = (network.state_dict()[key].movedim(dim, 0) for network in (source, fresh, result))
    assert len(new) == z + 3 * dims
    assert torch.equal(new[:z], old[:z])
    assert torch.equal(new[z : z + dims], own[z : z + dims])  # size
    assert torch.equal(new[z + dims : z + 2 * dims], old[z + dims : z + 2 * dims])  # colour
    assert torch.equal(new[z + 2 * dims :], old[z : z + dims])  # category


@pytest.mark.parametrize("name", MODELS)
def test_the_same_words_in_another_order_give_the_same_pictures_and_logits(name):
    new = {"colour": ("blue", "red"), "category": ("shoe", "cap", "mug")}
    generator, _, other_generator = transferred(name, "g", new=new)
    discriminator, _, other_discriminator = transferred(name, "d", new=new)
    z, label, renamed = torch.randn(2, generator.z_dim), torch.tensor([[0, 1], [2, 0]]), torch.tensor([[0, 1], [1, 0]])
    x = generator.eval()(z, label)
    assert torch.allclose(other_generator.eval()(z, renamed), x, rtol=1e-4, atol=1e-4)
    logits = discriminator.eval()(x, label)
    assert torch.allclose(other_discriminator.eval()(x, renamed), logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("old", "new"), [({}, NEW), (OLD, {}), ({}, {})])
@pytest.mark.parametrize("side", BUILD)
def test_unconditional_models_give_and_take_what_they_have(old, new, side):
    source, _, result = transferred("r3", side, old, new)
    assert torch.equal(result.state_dict()["basis"], source.state_dict()["basis"])
    if side == "g":
        z = source.z_dim
        assert torch.equal(result.linear.weight[:, :z], source.linear.weight[:, :z])


TITLED = {"title_pieces": 4, "title_buckets": 16}


@pytest.mark.parametrize("side", BUILD)
def test_titles_keep_their_rows_where_tables_are_equally_long(side):
    source, fresh, result = (tables(network) for network in transferred("r3", side, changes=(TITLED, {**TITLED, "title_pieces": 6})))
    assert torch.equal(result[-1].pieces.weight, source[-1].pieces.weight)
    assert torch.equal(result[1].weight[4], source[1].weight[2])  # colour unspecified
    assert torch.equal(result[0].weight, fresh[0].weight)
    longer = (TITLED, {**TITLED, "title_buckets": 32})
    _, fresh, result = (tables(network) for network in transferred("r3", side, changes=longer))
    assert torch.equal(result[-1].pieces.weight, fresh[-1].pieces.weight)
    _, fresh, result = (tables(network) for network in transferred("r3", side, changes=({}, TITLED)))
    assert torch.equal(result[-1].pieces.weight, fresh[-1].pieces.weight)
    assert torch.equal(result[1].weight[4], fresh[1].weight[4])
