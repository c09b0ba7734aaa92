"""A server of one model: it answers to its name and digest alone, and says what it is."""

import asyncio
import dataclasses

import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.serving.context import Caller
from ganray.serving.models import OneModel
from ganray.serving.refusals import NotFound
from ganray.serving.served_model import ServedModel


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,)), {"colour": ("red", "blue")})
    return ServedModel.of(Engine.load(folder, "cpu", threads=1), ServeConfig(), name="shop-a")


def lease(model, name):
    async def run():
        async with OneModel(model).lease(name, Caller()) as served:
            return served

    return asyncio.run(run())


def test_it_answers_to_its_name_and_to_its_digest(model):
    for name in ("", "shop-a", model.digest, model.digest[:12], f"shop-a@{model.digest[:12]}"):
        assert lease(model, name) is model


@pytest.mark.parametrize("name", ["shop-b", "shop-a@000000000000", "../shop-a", "shop-a" * 100])
def test_another_name_is_not_found(model, name):
    with pytest.raises(NotFound, match="is not served here"):
        lease(model, name)


def test_its_card(model):
    (card,) = asyncio.run(OneModel(model).cards(Caller()))
    assert (card["name"], card["digest"], card["resolution"]) == ("shop-a", model.digest, 8)
    assert card["attributes"] == {"colour": ["red", "blue"]}


def test_without_a_generator_there_is_nothing_to_generate_with():
    served = ServedModel.of(None, ServeConfig())
    assert (asyncio.run(OneModel(served).cards(Caller())), served.batcher, served.health) == ([], None, None)
    with pytest.raises(NotFound, match="no generator"):
        _ = served.engine
    OneModel(served).require()


def test_a_model_without_a_name_answers_to_the_one_that_its_card_shows(model):
    unnamed = dataclasses.replace(model, name="")
    (card,) = asyncio.run(OneModel(unnamed).cards(Caller()))
    assert lease(unnamed, card["name"]) is unnamed


def test_what_is_loaded_is_known_where_it_is_not_named(model):
    assert OneModel(model).loaded("", Caller()) is model
    assert OneModel(model).loaded("shop-a", Caller()) is None  # another name may be unknown
