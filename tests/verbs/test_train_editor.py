import json

import pytest

from ganray.config import EditorConfig, TrainEditorConfig
from ganray.copies.methods import chosen_method
from ganray.errors import CheckpointError, ConfigError
from ganray.model_folder import EditorInfo, load_editor, save_editor
from ganray.models.editor import build_editor
from ganray.storage import open_store
from ganray.verbs.train_editor import to_train_config, train_editor
from tests.tools.catalogs import write_catalog

TINY = {
    "batch": 4,
    "executor": "local",
    "kimg": 0.016,
    "log_kimg": 0.004,
    "grid_kimg": 0.008,
    "checkpoint_kimg": 0.008,
    "editor": {"widths": (8, 8), "detail_width": 8, "detail_blocks": 1, "drawn": 4, "figures": 2, "shoes": 2, "mined": 8, "encoder": ""},
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("photos") / "catalog")
    write_catalog(url, 24, 96, row_group=6)
    return url


def config(catalog, out, **changes):
    return TrainEditorConfig.model_validate({**TINY, "catalog": catalog, "out": str(out), **changes})


def test_the_run_is_trains_with_the_catalogs_own_size(photos, tmp_path):
    run = to_train_config(config(photos, tmp_path / "model"))
    assert run.model.resolution == 96 and run.editor.tasks == ("matte", "inpaint", "upscale", "enhance")
    assert run.out.endswith("model/editor") and run.optimizer.beta1 == 0.9
    assert run.editor.encoder == "" and to_train_config(config(photos, tmp_path, editor={"tasks": ("upscale",)})).editor.encoder == ""
    auto = to_train_config(config(photos, tmp_path, editor={"tasks": ("matte",)})).editor.encoder
    assert auto == ("imagenet" if chosen_method("auto") == "imagenet" else "")
    with pytest.raises(ConfigError, match=r"editor\.tasks is empty"):
        to_train_config(config(photos, tmp_path, editor={"tasks": ()}))


def test_photos_that_are_too_small(small_catalog, tmp_path):
    with pytest.raises(ConfigError, match="photos of 32 px are too small for .*upscale.*--resolution 96"):
        train_editor(config(small_catalog, tmp_path))


def test_an_editor_is_trained_and_goes_on_where_it_stood(photos, tmp_path):
    result = train_editor(config(photos, tmp_path / "whole"))
    networks, info = load_editor(str(tmp_path / "whole"))
    assert (result["kimg"], info.num_images, list(networks)) == (0.016, 16, ["matte", "inpaint", "upscale", "enhance"])
    folder = tmp_path / "whole" / "editor"
    rows = [json.loads(line) for path in folder.glob("logs/*/metrics.jsonl") for line in path.read_text().splitlines()]
    assert [row["kimg"] for row in rows] == pytest.approx([0.004, 0.008, 0.012, 0.016]) and rows[0].keys() >= {"matte", "upscale"}
    assert len(list(folder.glob("grids/*.png"))) == 2
    card = (folder / "README.md").read_text()
    assert info.digest in card and "| upscale | " in card and str(tmp_path) not in card
    with pytest.raises(CheckpointError, match="holds a run already"):
        train_editor(config(photos, tmp_path / "whole"))
    decay = {"decay_kimg": 0.016}
    train_editor(config(photos, tmp_path / "parts", kimg=0.008, optimizer=decay))
    train_editor(config(photos, tmp_path / "parts", resume=True, optimizer=decay))
    ours, theirs = (tmp_path / name / "editor" / "editor.safetensors" for name in ("parts", "whole"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_run_goes_on_with_its_teacher_alone(photos, tmp_path, capsys):
    teacher, options = str(tmp_path / "teacher"), {"tasks": ("matte",), "widths": (8, 8, 8, 8, 8)}
    taught = {**TINY["editor"], **options, "teacher": teacher}

    def teach():
        return save_editor(open_store(teacher), build_editor(EditorConfig(**options)), EditorInfo(editor=EditorConfig(**options))).digest

    first = teach()
    train_editor(config(photos, tmp_path / "model", kimg=0.008, editor=taught))
    folder = tmp_path / "model" / "editor"
    assert load_editor(str(folder))[1].editor.teacher_digest == first
    assert f"taught by an editor with weights `{first}`" in (folder / "README.md").read_text()
    kept = {"resume": True, "optimizer": {"decay_kimg": 0.008}, "editor": taught}
    assert train_editor(config(photos, tmp_path / "model", kimg=0.012, **kept))["kimg"] == 0.012
    assert "resuming with other settings: optimizer.decay_kimg 0.0 -> 0.008\n" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="now it is none"):
        train_editor(config(photos, tmp_path / "model", **kept | {"editor": {**TINY["editor"], **options}}))
    second = teach()
    with pytest.raises(CheckpointError, match=f"begun with a teacher of sha256 {first[:12]}, now it is {second[:12]}"):
        train_editor(config(photos, tmp_path / "model", resume=True, editor=taught))
