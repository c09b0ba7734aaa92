from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import torch

from ganray.checkpoint import load_state, save_state
from ganray.config import ModelConfig, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt
from ganray.model_folder import ModelInfo, load_editor, load_model, save_model
from ganray.models import build_generator, set_strength
from ganray.storage import open_store
from ganray.storage.local import LocalStore
from ganray.training.state import create_state

MODEL = ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
CONFIG = TrainConfig(model=MODEL, kimg=1)
ATTRIBUTES = {"category": ("mug", "shirt"), "colour": ("blue", "green", "red")}


def saved(folder):
    state = create_state(CONFIG, (2, 3))
    save_state(state, LocalStore(folder), CONFIG, ATTRIBUTES)
    return state


def written(folder) -> ModelInfo:
    generator = build_generator(MODEL, (2, 3))
    return save_model(open_store(str(folder)), generator, ModelInfo(model=MODEL, attributes=ATTRIBUTES, train=CONFIG))


def test_a_state_comes_back_bit_equal(tmp_path):
    state = saved(tmp_path)
    other = create_state(CONFIG.model_copy(update={"seed": 1}), (2, 3))
    load_state(other, LocalStore(tmp_path), CONFIG, ATTRIBUTES)
    ours, theirs = state.export()[0], other.export()[0]
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_another_model_is_refused_by_field(tmp_path):
    saved(tmp_path)
    other = CONFIG.model_copy(update={"model": MODEL.model_copy(update={"z_dim": 8})})
    with pytest.raises(CheckpointError, match=r"model\.z_dim 4, this run has 8"):
        load_state(create_state(other, (2, 3)), LocalStore(tmp_path), other, ATTRIBUTES)


@pytest.mark.parametrize(
    ("attributes", "sizes", "message"),
    [
        ({"category": ("mug", "shirt")}, (2,), r"conditioned on \['category', 'colour'\]"),
        ({**ATTRIBUTES, "colour": ("blue", "green", "pink")}, (2, 3), "attribute colour has other values.*pink, red"),
        ({**ATTRIBUTES, "category": ("shirt", "mug")}, (2, 3), "attribute category.*another order"),
    ],
)
def test_other_attributes_are_refused_by_name(tmp_path, attributes, sizes, message):
    saved(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        load_state(create_state(CONFIG, sizes), LocalStore(tmp_path), CONFIG, attributes)


def test_an_absent_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match=r"state\.json does not exist"):
        load_state(create_state(CONFIG, (2, 3)), LocalStore(tmp_path), CONFIG, ATTRIBUTES)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    saved(tmp_path)
    path = tmp_path / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"ruin")
    with pytest.raises(ObjectCorrupt, match=r"state\.safetensors has digest"):
        load_state(create_state(CONFIG, (2, 3)), LocalStore(tmp_path), CONFIG, ATTRIBUTES)


NESTED = '{"format_version": ' + "[" * 20_000


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": 99}', NESTED], ids=str.__len__)
def test_a_broken_description_is_refused(tmp_path, text):
    saved(tmp_path)
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"state\.json"):
        load_state(create_state(CONFIG, (2, 3)), LocalStore(tmp_path), CONFIG, ATTRIBUTES)


@pytest.mark.parametrize("place", [{}, {"num_images": -1}, {"num_images": "many"}, {"num_images": 1.5}, {"num_images": None}])
def test_a_description_without_a_number_of_images_is_refused(tmp_path, place):
    saved(tmp_path)
    path = tmp_path / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": place}))
    with pytest.raises(CheckpointError, match=r"state\.json: state: .*num_images is"):
        load_state(create_state(CONFIG, (2, 3)), LocalStore(tmp_path), CONFIG, ATTRIBUTES)


def test_a_model_folder_rebuilds_its_own_model(tmp_path):
    generator = build_generator(MODEL, (2, 3)).eval()
    info = save_model(open_store(str(tmp_path)), generator, ModelInfo(model=MODEL, attributes=ATTRIBUTES, train=CONFIG))
    loaded, read = load_model(str(tmp_path))
    z, label = torch.randn(4, 4), torch.tensor([[0, 0], [1, 2], [0, 1], [1, 1]])
    assert torch.equal(loaded(z, label), generator(z, label))
    assert not loaded.training
    assert read == info
    assert read.label_sizes == (2, 3)


@pytest.mark.parametrize(
    "changes",
    [{"embed_dim": 10**9}, {"z_dim": 10**12}, {"widths": [10**6, 10**6]}, {"blocks": 10**7}, {"title_pieces": 1, "title_buckets": 10**12}],
)
def test_a_description_cannot_ask_for_more_memory_than_its_weights_have(tmp_path, changes):
    """Nor for time: the numbers are compared before a network is built."""
    written(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text())
    description["model"] |= changes
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match="does not fit the model"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("changes", [{"detail_width": 10**6}, {"detail_blocks": 10**7}, {"widths": [10**6] * 5}, {"blocks": 10**7}])
def test_an_editor_cannot_ask_for_more_memory_than_its_weights_have(editor_folder, tmp_path, changes):
    shutil.copytree(editor_folder, tmp_path / "editor")
    description = json.loads((tmp_path / "editor" / "editor.json").read_text())
    description["editor"] |= changes
    (tmp_path / "editor" / "editor.json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match="does not fit the editor"):
        load_editor(str(tmp_path / "editor"))


def test_the_same_model_gives_the_same_bytes(tmp_path):
    generator = build_generator(MODEL, (2, 3))
    info = ModelInfo(model=MODEL, attributes=ATTRIBUTES)
    assert save_model(open_store(str(tmp_path / "a")), generator, info) == save_model(open_store(str(tmp_path / "b")), generator, info)


def test_no_model_folder_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"not a model folder.*ganray train"):
        load_model(str(tmp_path))


def test_damaged_weights_are_refused(tmp_path):
    written(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"ruin")
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(str(tmp_path))


class Interrupted(BaseException):
    """The end of a writer's process."""


class Watched(LocalStore):
    """A store where something happens after the `at`-th change, counted from 1."""

    def __init__(self, root, at, happens):
        super().__init__(root)
        self.at, self.happens, self.done = at, happens, 0

    def put(self, key, data):
        return self.count(super().put(key, data))

    def delete(self, key):
        self.count(super().delete(key))

    def count(self, result):
        self.done += 1
        if self.done == self.at:
            self.happens()
        return result


def replace(store, seed=1) -> ModelInfo:
    torch.manual_seed(seed)
    return save_model(store, build_generator(MODEL, (2, 3)), ModelInfo(model=MODEL, attributes=ATTRIBUTES))


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_folder_is_whole_at_every_step_of_a_replacement_and_after_a_writer_that_died(tmp_path, step):
    old = written(tmp_path)

    def look():
        seen.append(load_model(str(tmp_path))[1].digest)
        raise Interrupted

    seen = []
    with pytest.raises(Interrupted):
        replace(Watched(tmp_path, step, look))
    new = load_model(str(tmp_path))[1].digest
    assert seen == [new]
    assert (new == old.digest) == (step == 1)
    last = replace(LocalStore(tmp_path), seed=2)
    assert load_model(str(tmp_path))[1] == last


def test_a_replaced_folder_looks_like_a_new_one(tmp_path):
    written(tmp_path)
    replace(LocalStore(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def after_reads(monkeypatch, number, happens):
    """Let something happen after the `number`-th read from a local store."""
    get, reads = LocalStore.get, []

    def counted(self, key):
        data = get(self, key)
        reads.append(key)
        if len(reads) == number:
            happens()
        return data

    monkeypatch.setattr(LocalStore, "get", counted)


@pytest.mark.parametrize("number", [1, 2])
def test_a_model_replaced_while_it_is_read_is_one_of_the_two(tmp_path, monkeypatch, number):
    old, new = written(tmp_path), []
    after_reads(monkeypatch, number, lambda: new.append(replace(LocalStore(tmp_path))))
    assert load_model(str(tmp_path))[1] == (new[0] if number == 1 else old)  # the description alone was read, or the weights, too


def test_weights_that_move_to_their_place_while_they_are_looked_for_are_found(tmp_path, monkeypatch):
    def stop():
        raise Interrupted

    written(tmp_path)
    with pytest.raises(Interrupted):
        replace(Watched(tmp_path, 2, stop))
    (aside,) = tmp_path.glob("model-*.safetensors")
    after_reads(monkeypatch, 3, lambda: aside.replace(tmp_path / "model.safetensors"))  # model.json, and the old weights twice
    assert load_model(str(tmp_path))[1].digest == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()


def test_weights_of_another_model_are_refused(tmp_path):
    written(tmp_path)
    path = tmp_path / "model.json"
    info = json.loads(path.read_text())
    info["model"]["z_dim"] = 5
    path.write_text(json.dumps(info))
    with pytest.raises(CheckpointError, match=r"does not fit the model in model\.json"):
        load_model(str(tmp_path))


def test_a_model_saved_while_labels_come_in_draws_as_it_did(tmp_path):
    """The strength of the labels (`condition.ramp_kimg`) is no part of a model folder: it is folded into the embeddings."""
    generator = build_generator(MODEL, (2, 3)).eval()
    set_strength(generator, 0.25)
    info = ModelInfo(model=MODEL, attributes=ATTRIBUTES)
    save_model(open_store(str(tmp_path)), generator, info)
    z, label = torch.randn(2, generator.z_dim), torch.tensor([[0, 1], [1, 2]])
    assert torch.equal(load_model(str(tmp_path))[0](z, label), generator(z, label))


def test_an_editor_rebuilds_itself_alone_and_beside_a_model(tmp_path):
    from ganray.config import EditorConfig
    from ganray.model_folder import EDITOR_FOLDER, EditorInfo, has_editor, load_editor, save_editor
    from ganray.models.editor import build_editor

    config = EditorConfig(tasks=("upscale", "matte"), widths=(8, 8), detail_width=8, detail_blocks=1)
    networks = build_editor(config)
    alone, model = open_store(str(tmp_path / "alone")), open_store(str(tmp_path / "model"))
    info = save_editor(alone, networks, EditorInfo(editor=config))
    save_editor(model.child(EDITOR_FOLDER), networks, EditorInfo(editor=config))
    for store in (alone, model):
        assert has_editor(store.url)
        loaded, loaded_info = load_editor(store.url)
        assert loaded_info.digest == info.digest and list(loaded) == ["upscale", "matte"] and not loaded["matte"].training
        x = torch.rand(1, 3, 16, 16)
        assert torch.equal(loaded["upscale"](x), networks["upscale"](x))
    weights = tmp_path / "alone" / "editor.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="damaged"):
        load_editor(alone.url)
    assert not has_editor(str(tmp_path / "nothing"))
    with pytest.raises(CheckpointError, match="no editor.*train-editor"):
        load_editor(str(tmp_path / "nothing"))
