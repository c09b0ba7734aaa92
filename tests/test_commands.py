"""Every verb reads every option from every source: a flag, a section of a YAML file, a variable, and through its job file."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ganray import cli
from ganray.commands import VERBS, section_verb, variable_verb
from ganray.settings import _keys, _variable, load

ROOT = Path(__file__).parents[1]

# verb: keys with the text that a person writes; what EditConfig needs beside them is among them
OPTIONS: dict[str, dict[str, str]] = {
    "ingest": {"resolution": "48", "square": "crop", "ray.num_cpus": "3"},
    "train": {"kimg": "7.5", "attributes": "category,colour", "model.z_dim": "12", "editor.tasks": "matte", "resume": "true"},
    "train-editor": {"kimg": "7.5", "license": "CC-BY-4.0", "editor.tasks": "matte,enhance", "optimizer.lr": "0.5", "gpu": "false"},
    "generate": {"num": "12", "format": "jpeg", "gate.tries": "5", "label.visible": "AI"},
    "edit": {"source": "photos", "edits": "cutout,white", "networks": "networks.yaml", "label.visible": "AI", "workers": "2"},
    "status": {"job": "s3://bucket/job"},
    "profiles": {"profile": "amazon-main"},
    "check": {"images": "photos", "day": "2026-01-31", "workers": "2"},
    "evaluate": {"num": "128", "extractor": "out/extractor", "ray.address": "auto"},
    "export": {"formats": "onnx,torch", "seed": "3"},
    "serve": {"networks": "networks.yaml", "port": "8080", "prefix": "/shop/v2", "wait_ms": "2.5"},
    "key": {"name": "shop-a", "scopes": "generate,jobs", "tenant": "shop-a", "rate": "2.5", "until": "2027-01-31"},
    "doctor": {"store": "s3://bucket/job", "json": "true", "executor": "local"},
    "demo": {"products": "256", "keep_serving": "true", "ray.num_cpus": "2"},
    "benchmark": {"name": "input", "repeats": "5", "json": "true"},
}
POSITIONAL = {"job", "images", "name"}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("GANRAY_"):
            monkeypatch.delenv(name)


def flags(verb: str) -> list[str]:
    words = [text for key, text in OPTIONS[verb].items() if key in POSITIONAL and verb in ("status", "check", "benchmark")]
    for key, text in OPTIONS[verb].items():
        flag = key.replace("_", "-")
        if text not in words:
            words.append(f"--{flag}" if text == "true" else f"--no-{flag}" if text == "false" else f"--{flag}={text}")
    return words


def nested(verb: str) -> dict:
    """The options as a YAML file has them."""
    tree: dict = {}
    for key, text in OPTIONS[verb].items():
        section, _, name = key.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[name] = yaml.safe_load(text)
    return tree


def assert_shown(verb: str, config) -> None:
    dumped = config.model_dump(mode="json", by_alias=True)
    for key, text in OPTIONS[verb].items():
        value = dumped
        for part in key.split("."):
            value = value[part]
        expected = text.split(",") if isinstance(value, list) else text if isinstance(value, str) else yaml.safe_load(text)
        assert value == expected, f"{verb}: {key}"


def test_every_verb_is_tried():
    assert OPTIONS.keys() == VERBS.keys()


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_read_from_flags(verb):
    assert_shown(verb, load(verb, VERBS[verb].load_config(), flags(verb)))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", ["plain", "section", "section with underscores"])
def test_options_are_read_from_a_file(verb, kind, tmp_path):
    path = tmp_path / "run.yaml"
    section = verb.replace("-", "_") if kind == "section with underscores" else verb
    path.write_text(yaml.safe_dump(nested(verb) if kind == "plain" else {section: nested(verb), "serve" if verb == "edit" else "edit": {}}))
    assert_shown(verb, load(verb, VERBS[verb].load_config(), ["--config", str(path)]))


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_read_from_variables(verb, monkeypatch):
    for key, text in OPTIONS[verb].items():
        monkeypatch.setenv(_variable(VERBS[verb].prefix, key), text)
    assert_shown(verb, load(verb, VERBS[verb].load_config(), []))


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_read_through_the_job_file(verb, monkeypatch):
    configs = []
    monkeypatch.setattr(type(VERBS[verb]), "load_function", lambda self: (cli, configs.append))
    monkeypatch.setattr(sys, "argv", [VERBS[verb].job, *flags(verb)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "jobs" / VERBS[verb].job), run_name="__main__")
    assert end.value.code == 0
    assert type(configs[0]) is VERBS[verb].load_config()
    assert_shown(verb, configs[0])


def test_jobs_are_the_verbs():
    assert {path.name for path in (ROOT / "jobs").glob("*.py")} == {verb.job for verb in VERBS.values()}


@pytest.mark.parametrize("verb", VERBS)
def test_what_runs_a_verb_takes_its_options(verb):
    pytest.importorskip("ray")
    _, function = VERBS[verb].load_function()
    assert next(iter(function.__annotations__.values())) == VERBS[verb].load_config().__name__


@pytest.mark.parametrize("verb", VERBS)
def test_what_a_verb_returns_can_be_printed(verb):
    """By the table of the command line, or by the module's own `show`."""
    module, function = VERBS[verb].load_function()
    assert hasattr(module, "show") or re.match(r"None|dict\[str, Any\]", str(function.__annotations__["return"])), verb


def test_a_variable_is_for_one_verb():
    for verb in VERBS.values():
        for key in ("config", *_keys(verb.load_config())):
            assert variable_verb(_variable(verb.prefix, key)) == verb.name, key
    assert variable_verb("GANRAY_TRAIN_EDITOR_EDITOR__TASKS") == "train-editor"
    assert variable_verb("GANRAY_TRAIN_EDITOR__TASKS") == variable_verb("GANRAY_TRAIN_EDITOR") == "train"
    assert variable_verb("GANRAY_TRAIN_") == variable_verb("GANRAY_TEST_DATA") == ""


def test_train_and_train_editor_do_not_read_each_other_s_variables(monkeypatch):
    monkeypatch.setenv("GANRAY_TRAIN_EDITOR_KIMG", "3")
    monkeypatch.setenv("GANRAY_TRAIN_EDITOR__TASKS", "matte")
    monkeypatch.setenv("GANRAY_TRAIN_SEED", "5")
    train = load("train", VERBS["train"].load_config(), [])
    assert (train.editor.tasks, train.seed, train.kimg) == (("matte",), 5, 32.0)
    editor = load("train-editor", VERBS["train-editor"].load_config(), [])
    assert (len(editor.editor.tasks), editor.seed, editor.kimg) == (4, 0, 3.0)


def test_a_wrong_variable_of_train_editor_is_refused_by_it_alone(monkeypatch):
    monkeypatch.setenv("GANRAY_TRAIN_EDITOR_KIMGS", "3")
    load("train", VERBS["train"].load_config(), [])
    with pytest.raises(Exception, match="GANRAY_TRAIN_EDITOR_KIMGS='3': no such option .did you mean GANRAY_TRAIN_EDITOR_KIMG"):
        load("train-editor", VERBS["train-editor"].load_config(), [])


def test_no_key_is_called_as_a_section():
    """Otherwise a file of one such key would be read as a file of sections."""
    assert not [key for verb in VERBS.values() for key in _keys(verb.load_config()) if section_verb(key)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train-editor: {kimg: 2}\ntrain_editor: {kimg: 3}", "sections train-editor and train_editor are for one verb"),
        ("train-editor: 5", "section train-editor holds a int, not keys"),
    ],
)
def test_a_wrong_section_is_one_clear_line(tmp_path, text, message):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(Exception, match=message):
        load("train-editor", VERBS["train-editor"].load_config(), ["--config", str(tmp_path / "run.yaml")])


def test_help_imports_neither_pydantic_nor_ray_nor_torch():
    code = "import sys\nfrom ganray.cli import main\nmain(['--help'])\nprint([m for m in ('pydantic', 'ray', 'torch') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("argv", [["train", "--workers", "3", "--batch", "2"], ["edit"], ["benchmark", "matte"]])
def test_a_wrong_combination_is_refused_before_ray_and_torch_are_imported(argv):
    code = f"import sys\nfrom ganray.cli import main\ncode = main({argv})\nprint(code, [m for m in ('ray', 'torch') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "2 []\n"
    assert run.stderr.count("\n") == 1 and run.stderr.startswith(f"ganray {argv[0]}: error: {argv[0]}: ")
