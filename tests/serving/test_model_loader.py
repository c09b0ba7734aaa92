"""What a folder says of itself is what is loaded, also where it is replaced in the meantime."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ganray.config import EditorConfig, ServeConfig
from ganray.edit_engine import Description, EditEngine
from ganray.errors import CheckpointError
from ganray.images.codec import encode
from ganray.model_folder import EditorInfo, save_editor
from ganray.models.editor import build_editor
from ganray.serving.model_loader import ModelLoader
from ganray.serving.model_table import Source
from ganray.storage import open_store
from tests.tools.models import ATTRIBUTES, save_untrained_model
from tests.tools.onnx_files import put_networks, saturation

EDITOR = EditorConfig(tasks=("enhance",))


@pytest.fixture
def folder(tmp_path):
    return save_untrained_model(str(tmp_path / "model"), ATTRIBUTES, 8)


def add_editor(folder):
    save_editor(open_store(folder).child("editor"), build_editor(EDITOR), EditorInfo(editor=EDITOR))


def decoders():
    """Process ids of this process's decoders that run."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split() if b"sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def weights(engine):
    modules = [engine.product.generator] if engine.product else []
    modules += [network._module for network in engine.networks.values() if hasattr(network, "_module")]
    return sum(tensor.nbytes for module in modules for tensor in module.state_dict().values())


@pytest.mark.parametrize("editor", [False, True])
def test_a_description_has_the_digest_and_the_bytes_of_what_is_loaded(folder, editor):
    if editor:
        add_editor(folder)
    described, engine = Description.of(folder), EditEngine.load(folder, threads=1)
    assert described.digest == engine.digest and described.info == engine.product.info
    assert described.size == pytest.approx(weights(engine), rel=0.2)  # names and shapes stand in the file, too
    engine.close()


def test_own_networks_are_part_of_it(folder, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    networks = put_networks(tmp_path / "own", matte=(saturation(64), {"size": 64, "min_max": True}))
    for url in (folder, str(tmp_path / "own"), ""):
        described = Description.of(url, networks)
        assert described.digest == EditEngine.load(url, threads=1, networks=networks).digest
        assert described.size >= len(saturation(64))


def test_of_a_folder_without_a_model_the_digest_is_empty(tmp_path):
    assert Description.of(str(tmp_path)) == Description("", 0, None)


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(folder, tmp_path, monkeypatch):
    loader, load, reads = ModelLoader(ServeConfig(), "cpu", 1), EditEngine.load, []

    def replaced_meanwhile(url, *options):
        engine = load(url, *options)
        reads.append(engine.digest)
        if len(reads) == 1:
            add_editor(folder)
        return engine

    monkeypatch.setattr(EditEngine, "load", replaced_meanwhile)
    served, described = loader.load(Source(folder))
    assert len(reads) == 2 and reads[0] != reads[1] == served.digest == described.digest
    served.close()


def test_a_folder_that_never_rests_is_refused(folder, monkeypatch):
    loader, describe = ModelLoader(ServeConfig(), "cpu", 1), Description.of
    monkeypatch.setattr(loader, "describe", lambda source: Description("0" * 64, 0, describe(source.model).info))
    with pytest.raises(CheckpointError, match="changes while it is read"):
        loader.load(Source(folder))


def test_models_share_decoders_and_these_end_with_the_loader(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    loader, children = ModelLoader(ServeConfig(), "cpu", 1), decoders()
    photo = encode(np.zeros((9, 9, 3), np.uint8), "png")
    for url in (folder, str(tmp_path / "other")):
        served, _ = loader.load(Source(url))
        assert served.editor.picture("x", {"x": photo}.__getitem__)[0].shape == (9, 9, 3)
        served.close()
    assert len(decoders() - children) == 1
    loader.close()
    assert decoders() <= children


def test_a_closed_model_has_given_back_threads_and_weights(folder):
    served, _ = ModelLoader(ServeConfig(), "cpu", 1).load(Source(folder))
    served.close()
    assert {weight.device.type for weight in served.engine.generator.parameters()} == {"meta"}
    with pytest.raises(RuntimeError, match="after shutdown"):
        served.engine.render(np.zeros((1, 8), np.float32), np.zeros((1, 2), np.int64))
