import hashlib

import numpy as np
import pytest
import torch
import yaml

from ganray.config import EditorConfig, ExportConfig
from ganray.edit_engine import EditEngine
from ganray.edits.network import TaskNetwork
from ganray.edits.onnx_network import OnnxNetwork
from ganray.errors import ConfigError, ExportError
from ganray.model_folder import EditorInfo, load_editor, save_editor
from ganray.models.editor import EDITORS, build_editor
from ganray.requests import EditRequest
from ganray.storage import open_store
from ganray.verbs import export_editor as room
from ganray.verbs.export import export
from tests.tools.models import save_untrained_model

pytestmark = pytest.mark.xdist_group("onnx")  # whose imports take seconds
for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)
CHAINS = {"matte": "cutout", "inpaint": "inpaint", "upscale": "upscale:2", "enhance": "enhance"}


@pytest.fixture(scope="module", params=[("matte", "upscale"), pytest.param(tuple(EDITORS), marks=pytest.mark.long)], ids=["two", "all"])
def folder(request, tmp_path_factory):
    """An editor whose every weight says something: its last layers begin with zeros."""
    config = EditorConfig(tasks=request.param, widths=(8, 8, 8, 8, 8), detail_width=8, detail_blocks=1, quality_plane=True)
    folder = str(tmp_path_factory.mktemp("editors") / "editor")
    torch.manual_seed(0)
    modules = build_editor(config)
    for parameter in modules.parameters():
        torch.nn.init.normal_(parameter, std=0.06)
    torch.nn.init.normal_(modules["upscale"].head.weight, std=0.01)  # an upscaler that adds more is refused
    save_editor(open_store(folder), modules, EditorInfo(editor=config))
    return folder


@pytest.fixture(scope="module")
def exported(folder):
    out = f"{folder}-onnx"
    return out, export(ExportConfig(model=folder, out=out, formats=("onnx",)))


@pytest.mark.slow
def test_an_editor_comes_back_near_to_the_bit(folder, exported, seller_photos):
    """Apart from rounding: convolutions are summed in another order, which makes a level of 255 where a value lies at a half."""
    out, said = exported
    trained, own = EditEngine.load(folder, threads=1, device="cpu"), EditEngine.load(networks=f"{out}/networks.yaml", threads=1)
    assert list(own.networks) == list(trained.networks) == list(said)[1:] and "from torch" in said["matte"]
    assert all(isinstance(network, OnnxNetwork) for network in own.networks.values())
    for task, network in own.networks.items():
        there = trained.networks[task]
        x = room.noise(there.channels, 2, 7, EDITORS[task].size)
        assert (network.size, network.halo, network.channels) == (there.size, there.halo, there.channels)
        assert np.ptp(there(x)) > 0.1
        np.testing.assert_allclose(network(x), there(x), atol=2e-5)
    photos = seller_photos | {"mask": seller_photos["cutout.png"]}
    for chain in (CHAINS[task] for task in own.networks):
        request = EditRequest(id="a", image="cluttered.png", edits=[chain], pictures={"mask": "mask"} if chain == "inpaint" else {}, seed=0)
        (a,), (b,) = (list(engine.edit(request, photos.__getitem__)) for engine in (trained, own))
        off = np.abs(a.pixels.astype(int) - b.pixels)
        assert a.facts.keys() == b.facts.keys() and off.max() <= 1 and (off > 0).mean() < 0.01, chain


@pytest.mark.slow
def test_the_files_are_those_that_are_named_and_the_same_every_time(folder, exported, tmp_path):
    out, _ = exported
    rows = yaml.safe_load(open_store(out).get("networks.yaml"))
    for row in rows.values():
        data = open_store(out).get(row["url"])
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert b"editor.py" not in data and folder.encode() not in data
    modules, info = load_editor(folder)
    assert room.network_bytes("upscale", modules["upscale"], info) == open_store(out).get("upscale.onnx")


@pytest.mark.slow
@pytest.mark.long
def test_an_editor_beside_a_generator_is_written_too(tmp_path):
    config = EditorConfig(tasks=("enhance",), detail_width=8, detail_blocks=1)
    save_untrained_model(str(tmp_path / "model"), {"colour": ("red", "blue")}, 8)
    save_editor(open_store(str(tmp_path / "model" / "editor")), build_editor(config), EditorInfo(editor=config))
    made = export(ExportConfig(model=str(tmp_path / "model"), out=str(tmp_path / "out"), formats=("onnx",)))
    assert made["onnx"].startswith("generator.onnx") and made["enhance"].startswith("enhance.onnx")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"generator.onnx", "export.json", "enhance.onnx", "networks.yaml"}


def test_a_folder_is_not_changed_by_its_own_export(folder):
    for out in (folder, f"{folder}/editor"):
        with pytest.raises(ConfigError, match="is the model folder: networks.yaml there would take the place of its editor"):
            export(ExportConfig(model=folder, out=out, formats=("onnx",)))


def test_an_editor_has_no_other_format(folder, tmp_path):
    with pytest.raises(ConfigError, match="holds an editor alone, which is written as onnx. Add onnx to --formats"):
        export(ExportConfig(model=folder, out=str(tmp_path), formats=("safetensors",)))


def test_a_file_that_answers_otherwise_is_never_written(folder):
    modules, _ = load_editor(folder)

    def wrong(x):
        return TaskNetwork("upscale", modules["upscale"])(x) + np.float32(0.01)

    with pytest.raises(ExportError, match=r"upscale\.onnx differs from torch by 0\.01.*, the most allowed is 0\.0002"):
        room.compare(wrong, TaskNetwork("upscale", modules["upscale"]), 0)
