"""Runs that begin with another model's weights: on a catalog with other values, resumed, and refused."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from ganray.catalog.sample import draw, product
from ganray.config import ModelConfig, TrainConfig
from ganray.errors import CatalogError, CheckpointError, ConfigError
from ganray.images.codec import encode
from ganray.model_folder import load_model
from ganray.models import Words, copy_weights
from ganray.runs.checkpoints import places
from ganray.runs.resolve import resolve_run
from ganray.runs.source_model import begin
from ganray.storage import open_store
from ganray.training.state import copy_into, create_state
from ganray.verbs.train import train
from tests.tools.catalogs import write_items
from tests.tools.models import save_untrained_model
from tests.tools.runs import TINY, differing, learned, tiny, weights


@pytest.fixture(scope="module")
def source(small_catalog, tmp_path_factory):
    """A finished run: a model, and checkpoints beside it."""
    out = tmp_path_factory.mktemp("source") / "model"
    train(tiny(small_catalog, out))
    return out


@pytest.fixture(scope="module")
def other_catalog(tmp_path_factory) -> str:
    """96 products, of which those of the first 48 are called a sofa."""
    url = str(tmp_path_factory.mktemp("catalogs") / "other")
    items = [product(1, index) for index in range(96)]
    pictures = [encode(draw(item, 32)[0], "png") for item in items]
    named = [(item.category if place >= 48 else "sofa", item.colour) for place, item in enumerate(items)]
    write_items(url, [(data, *names) for data, names in zip(pictures, named, strict=True)], 32)
    return url


def first_state(config):
    """What a run with this config begins with: the tensors of its first checkpoint, and what is known of it."""
    run = resolve_run(config)
    begin(run.config, run.info, run.begins_with)
    store = open_store(config.out)
    (place,) = places(store)
    assert place.num_images == 0
    return load_file(f"{config.out}/{place.folder}/state.safetensors"), run


def expected(source, run, discriminator=True):
    """The same, from what the source's files hold."""
    generator, info = load_model(str(source))
    fresh = create_state(run.config, run.info.label_sizes)
    old = create_state(info.train, info.label_sizes)
    words = Words(info.attributes), Words(run.info.attributes)
    copy_weights(generator, fresh.generator, words)
    copy_weights(generator, fresh.ema, words)
    if discriminator:
        newest = places(open_store(str(source)))[0]
        copy_into("discriminator", old.discriminator, load_file(source / newest.folder / "state.safetensors"))
        copy_weights(old.discriminator, fresh.discriminator, words)
    return fresh.export()[0]


def test_a_run_begins_with_the_weights_and_nothing_else(source, other_catalog, tmp_path, capsys):
    tensors, run = first_state(tiny(other_catalog, tmp_path / "m", from_model=str(source)))
    assert differing(tensors, expected(source, run)) == []
    assert not torch.equal(tensors["discriminator.basis"], create_state(run.config, run.info.label_sizes).discriminator.basis)
    assert all(torch.equal(tensors[f"ema.{name.removeprefix('generator.')}"], tensors[name]) for name in tensors if "generator." in name)
    old, values = load_model(str(source))[0].condition.embeddings[0].weight, run.info.attributes["category"]
    known = load_model(str(source))[1].attributes["category"]
    rows = tensors["generator.condition.embeddings.0.weight"]
    assert "sofa" in values and "sofa" not in known
    assert all(torch.equal(rows[values.index(value)], old[known.index(value)]) for value in values if value != "sofa")
    said = capsys.readouterr().err
    assert f"begins with G and D of model {run.info.origins[0].digest[:12]}, 0.192 kimg; values that it knows: category 12 of 13" in said
    assert run.info.histograms["category"]["sofa"] == 48
    (origin,) = run.info.origins
    assert (origin.digest, origin.num_images, origin.discriminator) == (load_model(str(source))[1].digest, 192, True)


def test_networks_that_nobody_set_are_the_other_model_s(source, other_catalog, tmp_path):
    run = resolve_run(TrainConfig(catalog=other_catalog, out=str(tmp_path / "m"), from_model=str(source)))
    assert run.config.model == ModelConfig.model_validate(TINY["model"])
    assert run.config.from_model == str(source)


def test_without_checkpoints_d_begins_anew(source, other_catalog, tmp_path, capsys):
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("model.json", "model.safetensors"):
        shutil.copy(source / name, alone)
    tensors, run = first_state(tiny(other_catalog, tmp_path / "m", from_model=str(alone)))
    assert differing(tensors, expected(alone, run, discriminator=False)) == []
    said = capsys.readouterr().err
    assert "D begins anew: " in said and "has no checkpoint" in said and "begins with G of model" in said
    assert not run.info.origins[0].discriminator


def test_a_damaged_checkpoint_is_no_d(source, other_catalog, tmp_path, capsys):
    copied = tmp_path / "copied"
    shutil.copytree(source, copied)
    for path in copied.glob("checkpoints/*/state.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    run = resolve_run(tiny(other_catalog, tmp_path / "m", from_model=str(copied)))
    assert run.begins_with.discriminator is None
    assert "D begins anew: " in capsys.readouterr().err


def test_an_interrupted_run_goes_on_without_the_other_model(source, other_catalog, tmp_path):
    """It ends with the bits of the whole run, and the model that both began with is told by all of them."""
    copied, schedule = tmp_path / "copied", {"optimizer": {"decay_kimg": 0.192}}
    shutil.copytree(source, copied)
    told = {"from_model": str(copied), **schedule}
    train(tiny(other_catalog, tmp_path / "whole", **told))
    train(tiny(other_catalog, tmp_path / "m", kimg=0.064, **told))
    shutil.rmtree(copied)
    train(tiny(other_catalog, tmp_path / "m", resume=True, **told))
    assert differing(learned(tmp_path / "whole"), learned(tmp_path / "m")) == []
    train(tiny(other_catalog, tmp_path / "nothing", **schedule))
    assert differing(weights(tmp_path / "nothing"), weights(tmp_path / "m"))
    _, info = load_model(str(tmp_path / "m"))
    digest = load_model(str(source))[1].digest
    assert info.origins[0].digest == digest
    assert json.loads((tmp_path / "m" / "run.json").read_text())["origins"][0]["digest"] == digest
    card = (tmp_path / "m" / "README.md").read_text()
    assert (
        "Trained with the weights of another model at first" in card
        and f"| began with | G and D of the model with sha256 `{digest}`" in card
    )
    for other, message in (
        ({}, f"began with the weights of {copied}, not from nothing. Resume with --from"),
        ({"from_model": str(source)}, "not with"),
    ):
        with pytest.raises(CheckpointError, match=message):
            resolve_run(tiny(other_catalog, tmp_path / "m", resume=True, **other))
    third = resolve_run(tiny(other_catalog, tmp_path / "third", from_model=str(tmp_path / "m"))).info
    assert [origin.digest for origin in third.origins] == [info.digest, digest]


def test_a_run_that_began_from_nothing_does_not_go_on_as_another(source, small_catalog):
    with pytest.raises(CheckpointError, match="began from nothing, not with the weights of .*Resume without --from"):
        resolve_run(tiny(small_catalog, source, resume=True, from_model=str(source.parent / "other")))


def test_a_run_without_a_whole_checkpoint_wants_the_same_model(source, other_catalog, tmp_path):
    config = tiny(other_catalog, tmp_path / "m", from_model=str(source))
    first_state(config)
    for path in (tmp_path / "m").glob("checkpoints/*/state.json"):
        path.unlink()
    again = config.model_copy(update={"resume": True})
    assert resolve_run(again).begins_with is not None
    noted = json.loads((tmp_path / "m" / "run.json").read_text())
    noted["origins"][0]["digest"] = "0" * 64
    (tmp_path / "m" / "run.json").write_text(json.dumps(noted))
    with pytest.raises(CheckpointError, match="was to begin with model 000000000000, .* is now .*another --out"):
        resolve_run(again)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "mlp"),
        ("resolution", 64),
        ("channels", 1),
        ("z_dim", 16),
        ("embed_dim", 8),
        ("widths", (8, 8)),
        ("blocks", 2),
        ("patch", 1),
    ],
)
def test_other_networks_are_refused(source, small_catalog, tmp_path, key, value):
    config = TrainConfig(catalog=small_catalog, out=str(tmp_path / "m"), from_model=str(source), model=ModelConfig(**{key: value}))
    with pytest.raises(ConfigError, match=rf"model\.{key} = .*, but {source} has .*Leave model\.{key} out"):
        resolve_run(config)
    assert not (tmp_path / "m" / "run.json").exists()


def test_titles_may_be_turned_off_and_on(source, titled_catalog, tmp_path):
    config = TrainConfig(catalog=titled_catalog, out=str(tmp_path / "m"), from_model=str(source), model=ModelConfig(title_pieces=8))
    tensors, run = first_state(config.model_copy(update={"batch": 16}))
    assert run.config.model.title_pieces == 8
    assert "generator.condition.embeddings.2.pieces.weight" in tensors


def test_what_is_no_model_is_refused(source, small_catalog, editor_folder, tmp_path):
    def begun_with(url, catalog=small_catalog):
        return resolve_run(TrainConfig(catalog=catalog, out=str(tmp_path / "m"), from_model=str(url)))

    with pytest.raises(CheckpointError, match=r"is not a model folder: .*Train one"):
        begun_with(tmp_path / "nothing")
    with pytest.raises(ConfigError, match=r"an editor's folder, without a generator. Give the folder of a model"):
        begun_with(editor_folder)
    larger = save_untrained_model(str(tmp_path / "larger"), {"category": ("cap",)}, resolution=64)
    with pytest.raises(CatalogError, match=r"holds 32 px images, the model \(.*larger\) is for 64 px. .*or choose another --from"):
        begun_with(larger)


def test_a_private_run_may_not_begin_with_its_own_photos(other_catalog, small_catalog, tmp_path):
    """Whoever has learned from the photos without noise, or with noise that counts already, is no place to begin."""
    private = {
        "model": {"name": "mlp", "resolution": 32, "widths": (16,), "z_dim": 8, "embed_dim": 8},
        "loss": {"name": "bce", "penalty": "none"},
    }
    train(tiny(small_catalog, tmp_path / "source", **private, kimg=0.016))
    told = {**private, "from_model": str(tmp_path / "source"), "privacy": {"epsilon": 8.0, "delta": 1e-4, "noise": 4.0}}
    with pytest.raises(ConfigError, match=r"privacy.epsilon with from = .* has learned from this catalog already.*another catalog"):
        resolve_run(tiny(small_catalog, tmp_path / "m", **told))
    train(tiny(other_catalog, tmp_path / "m", **told, kimg=0.032))
    assert "Nor covered: the\nphotos of the models that this one began with" in (tmp_path / "m" / "README.md").read_text()
