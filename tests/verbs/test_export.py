import functools
import importlib.util
import json
import zipfile
from io import BytesIO

import numpy as np
import pytest
import safetensors.torch
import torch

from ganray.config import ExportConfig, ModelConfig, TrainConfig
from ganray.errors import CheckpointError, ConfigError, ExportError
from ganray.model_folder import ModelInfo, load_model, save_model
from ganray.models import MODELS, build_generator, label_sizes
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from ganray.verbs import export as room
from ganray.verbs.export import FORMATS, export, header
from ganray.verbs.onnx_writer import OPSET
from ganray.vocabulary import Vocabulary
from tests.tools.models import TINY_MODELS

ATTRIBUTES = {"category": ("cap", "mug"), "colour": ("blue", "red", "white")}
pytestmark = pytest.mark.xdist_group("onnx")  # whose imports take seconds
onnx_installed = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="pip install onnx onnxscript onnxruntime")


def model(folder, config, attributes=ATTRIBUTES):
    """A model folder whose every weight says something (r3 begins with layers of zeros, batch norm with the identity)."""
    torch.manual_seed(0)
    generator = build_generator(config, label_sizes(config, attributes)).eval()
    for tensor in generator.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor + 0.1 * torch.rand(tensor.shape))
    info = ModelInfo(model=config, attributes=attributes, num_images=500, train=TrainConfig(license="CC0-1.0", catalog="s3://secret/place"))
    save_model(open_store(str(folder)), generator, info)
    return str(folder)


def folder_of(tmp_path, name="r3", **changes):
    return model(tmp_path / "model", TINY_MODELS[name], **changes)


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory):
    """Gives (model folder, folder of its export in every format) of a model, each exported once: it takes seconds."""

    @functools.cache
    def exported(name, conditional):
        folder = tmp_path_factory.mktemp(name)
        url = folder_of(folder, name, attributes=ATTRIBUTES if conditional else {})
        export(ExportConfig(model=url, out=str(folder / "export")))
        return url, folder / "export"

    return exported


@pytest.fixture(scope="module")
def exported(exported_once):
    """Those of an r3 with two attributes."""
    return exported_once("r3", True)


def test_every_model_is_covered():
    assert TINY_MODELS.keys() == MODELS.keys()


@pytest.mark.slow
@onnx_installed
@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        pytest.param(name, attributes, marks=[] if bool(attributes) == (name != "dcgan") else [pytest.mark.long], id=f"{name}-{kind}")
        for name in MODELS
        for kind, attributes in (("two attributes", ATTRIBUTES), ("unconditional", {}))
    ],
)
def test_every_model_draws_the_same_in_every_format(name, attributes, exported_once):
    url, out = exported_once(name, bool(attributes))
    description = json.loads((out / "export.json").read_text())
    generator, info = load_model(url)
    assert description["model_digest"] == info.digest
    assert list(description["files"]) == list(FORMATS)
    z = torch.randn(5, 6)
    label = torch.tensor([[k % len(values) for values in attributes.values()] for k in range(5)], dtype=torch.int64)
    expected = generator(z, label).numpy()
    assert np.ptp(expected) > 0.1
    near = 5e-6 * (1 + np.abs(expected).max())
    for made, file in description["files"].items():
        drawn = FORMATS[made].read((out / file["key"]).read_bytes())(z, label)
        assert np.abs(drawn - expected).max() < near
        assert file["max_difference"] < near
    assert description["files"]["safetensors"]["max_difference"] == 0


@pytest.mark.slow
@onnx_installed
@pytest.mark.parametrize(
    ("name", "attributes"),
    [("mlp", ATTRIBUTES), *(pytest.param("r3", attributes, marks=pytest.mark.long) for attributes in (ATTRIBUTES, {}))],
    ids=["attributes too", "r3, attributes too", "r3, titles alone"],
)
def test_a_model_that_reads_titles_takes_their_pieces_behind_its_attributes(name, attributes, tmp_path):
    config = TINY_MODELS[name].model_copy(update={"title_pieces": 12, "title_buckets": 50})
    url, out = model(tmp_path / "model", config, attributes=attributes), tmp_path / "export"
    export(ExportConfig(model=url, out=str(out)))
    description = json.loads((out / "export.json").read_text())
    label_input = description["inputs"]["label"]
    assert label_input["shape"] == ["batch", len(attributes) + 12]
    assert (label_input["then_pieces_of_a_title"]["num"], label_input["then_pieces_of_a_title"]["buckets"]) == (12, 50)
    generator, info = load_model(url)
    requests = [GenerateRequest(title=title) for title in ("red mug", "blue cap", "")]
    vocabulary = Vocabulary(attributes, pieces=info.pieces)
    label = torch.tensor([vocabulary.complete(request, np.random.default_rng(0)) for request in requests])
    z = torch.randn(3, 6)
    expected = generator(z, label).numpy()
    for made, file in description["files"].items():
        assert np.abs(FORMATS[made].read((out / file["key"]).read_bytes())(z, label) - expected).max() < 5e-6 * (1 + np.abs(expected).max())


@onnx_installed
def test_an_onnx_file_explains_itself(exported):
    import onnx

    data = (exported[1] / "generator.onnx").read_bytes()
    made = onnx.load_from_string(data)
    onnx.checker.check_model(made, full_check=True)
    shapes = [[d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*made.graph.input, *made.graph.output)]
    assert [value.name for value in (*made.graph.input, *made.graph.output)] == ["z", "label", "image"]
    assert shapes == [["batch", 6], ["batch", 2], ["batch", 3, 16, 16]]
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", OPSET)]
    facts = {entry.key: entry.value for entry in made.metadata_props}
    assert json.loads(facts["attributes"])["colour"] == ["blue", "red", "white"]
    assert facts["license"] == "CC0-1.0"
    assert facts["digital_source_type"] == "trainedAlgorithmicMedia"


@pytest.mark.slow
@onnx_installed
def test_a_file_names_no_place_of_the_machine_that_made_it(exported):
    url, folder = exported
    for file in folder.iterdir():
        data = file.read_bytes()
        if zipfile.is_zipfile(BytesIO(data)):
            with zipfile.ZipFile(BytesIO(data)) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        assert b"r3.py" not in data
        assert b"s3://secret" not in data
        assert str(folder.parent).encode() not in data and url.encode() not in data


@pytest.mark.slow
@onnx_installed
@pytest.mark.parametrize("name", ["mlp", pytest.param("r3", marks=pytest.mark.long)])
def test_the_same_model_gives_the_same_bytes(name, exported_once, tmp_path):
    url, folder = exported_once(name, True)
    export(ExportConfig(model=url, out=str(tmp_path)))
    for file in folder.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name


def test_a_safetensors_file_holds_the_weights_and_what_they_are_of(tmp_path):
    url = folder_of(tmp_path)
    export(ExportConfig(model=url, out=url, formats=("safetensors",)))  # beside the model: no name is the same
    data = (tmp_path / "model" / "generator.safetensors").read_bytes()
    weights = load_model(url)[0].state_dict()
    read = safetensors.torch.load(data)
    assert read.keys() == weights.keys()
    assert all(torch.equal(read[name], weights[name]) for name in weights)
    assert ModelConfig.model_validate_json(header(data)["model"]) == TINY_MODELS["r3"]


def test_a_missing_package_is_one_line_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(
        ConfigError, match=r"format onnx needs onnxscript, which is not installed. Run pip install onnxscript, or leave onnx out"
    ) as e:
        export(ExportConfig(model=str(tmp_path / "none"), out=str(tmp_path / "export")))
    assert str(e.value).count("\n") == 0
    assert not (tmp_path / "export").exists()


def test_a_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="is not a model folder"):
        export(ExportConfig(model=str(tmp_path / "none"), out=str(tmp_path / "export"), formats=("torch",)))


def test_no_format_is_refused():
    with pytest.raises(ConfigError, match="formats is empty. Use some of onnx, safetensors, torch"):
        export(ExportConfig(formats=()))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: image + 0.01, r"safetensors differs from torch by 0\.01 at 1 rows"),
        (lambda image: image * np.float32("nan"), "safetensors differs from torch by inf at 1 rows"),
        (lambda image: image[:, :1], r"safetensors draws \(1, 1, 16, 16\) where torch draws \(1, 3, 16, 16\)"),
    ],
    ids=["other values", "not finite", "another shape"],
)
def test_a_file_that_draws_something_else_is_never_said_to_be_finished(spoil, message, tmp_path, monkeypatch):
    url, out = folder_of(tmp_path), tmp_path / "export"
    export(ExportConfig(model=url, out=str(out), formats=("safetensors",)))
    good = FORMATS["safetensors"]

    def read(data):
        draw = good.read(data)
        return lambda z, label: spoil(draw(z, label))

    monkeypatch.setitem(room.FORMATS, "safetensors", room.Format(good.key, (), good.make, read))
    with pytest.raises(ExportError, match=message):
        export(ExportConfig(model=url, out=str(out), formats=("safetensors",)))
    assert not (out / "export.json").exists()
