import pytest
import torch

from ganray.benchmarks import own_networks
from ganray.config import BenchmarkConfig, EditorConfig
from ganray.model_folder import EditorInfo, save_editor
from ganray.models.editor import build_editor
from ganray.storage import open_store
from tests.tools.onnx_files import put_networks, saturation


@pytest.mark.slow
@pytest.mark.xdist_group("onnx")
def test_an_edit_is_rated_beside_its_network_alone(tmp_path, monkeypatch):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.setattr(own_networks, "SIDE", 160)
    monkeypatch.setattr(own_networks, "HOLE", (40, 80))
    editor = EditorConfig(tasks=("upscale",), detail_width=8, detail_blocks=1)
    torch.manual_seed(0)
    save_editor(open_store(str(tmp_path / "editor")), build_editor(editor), EditorInfo(editor=editor))
    table = put_networks(tmp_path / "own", matte=(saturation(64), {"size": 64, "min_max": True}))
    config = BenchmarkConfig(name="own-networks", editor=str(tmp_path / "editor"), networks=table, images=2, repeats=1)
    first, second = own_networks.measure(config)
    assert (first["edit"], first["size"], first["calls a photo"]) == ("upscale:2", 80, 9)  # tiles of 64 px without their margin
    assert first["upscale call"] > 0 and "matte call" not in first
    assert (second["edit"], second["size"]) == ("white", 64) and 1 <= second["calls a photo"] <= 3
    for row in (first, second):
        assert row["name"] == "own-networks" and 0 < row["ratio"] < 1.5 and row["value"] > 0
