import os
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from ganray.commands import VERBS
from ganray.config import BenchmarkConfig, IngestConfig, ServeConfig, TrainConfig
from ganray.errors import ConfigError
from ganray.settings import _flag, _keys, load


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("GANRAY_"):
            monkeypatch.delenv(name)


def test_defaults_come_from_the_preset():
    config = load("train", TrainConfig, [])
    assert config.preset == "demo-32"
    assert config.model.patch == 2
    assert load("train", TrainConfig, ["--preset", "mlp-28"]).model.name == "mlp"


def test_flags_win_over_variables_over_file_over_preset(tmp_path, monkeypatch):
    path = tmp_path / "run.yaml"
    path.write_text("kimg: 1\nbatch: 64\nseed: 3\nmodel: {z_dim: 7, embed_dim: 9}\n")
    monkeypatch.setenv("GANRAY_TRAIN_BATCH", "128")
    monkeypatch.setenv("GANRAY_TRAIN_MODEL__Z_DIM", "11")
    config = load("train", TrainConfig, ["--config", str(path), "--seed", "5"])
    assert (config.kimg, config.batch, config.seed) == (1.0, 128, 5)
    assert (config.model.z_dim, config.model.embed_dim, config.model.patch) == (11, 9, 2)


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_with_another_model_the_networks_are_those_that_were_said(tmp_path, monkeypatch, how):
    """A preset gives everything else."""
    path, words = tmp_path / "run.yaml", ["--model.title-pieces", "9"]
    path.write_text("from: there\n" if how == "file" else "kimg: 1\n")
    if how == "variable":
        monkeypatch.setenv("GANRAY_TRAIN_FROM", "there")
    config = load("train", TrainConfig, ["--config", str(path), *(["--from", "there"] if how == "flag" else []), *words])
    assert (config.from_model, config.batch, config.model.model_fields_set) == ("there", 16, {"title_pieces"})
    monkeypatch.delenv("GANRAY_TRAIN_FROM", raising=False)
    assert load("train", TrainConfig, words).model.patch == 2
    with pytest.raises(ConfigError, match="--from-model: no such option"):
        load("train", TrainConfig, ["--from-model", "there"])


def test_one_file_may_hold_a_section_per_verb(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("ingest: {resolution: 48}\ntrain: {preset: mlp-28, kimg: 2}\n")
    assert load("ingest", IngestConfig, ["--config", str(path)]).resolution == 48
    config = load("train", TrainConfig, [f"--config={path}"])
    assert (config.preset, config.model.resolution, config.kimg) == ("mlp-28", 28, 2.0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--attributes", "category,colour"], ("category", "colour")),
        (["--attributes", '["a"]'], ("a",)),
        (["--attributes="], ()),
        ([], None),
    ],
)
def test_lists(words, expected):
    assert load("train", TrainConfig, words).attributes == expected


def test_a_list_from_a_variable(monkeypatch):
    monkeypatch.setenv("GANRAY_TRAIN_MODEL__WIDTHS", "32,16")
    assert load("train", TrainConfig, []).model.widths == (32, 16)


def test_switches():
    assert load("train", TrainConfig, ["--resume"]).resume
    assert load("train", TrainConfig, ["--no-gpu"]).gpu is False
    assert load("train", TrainConfig, []).gpu is None
    told = load("benchmark", BenchmarkConfig, ["input", "--json"])
    assert (told.name, told.json_lines) == ("input", True)
    assert load("benchmark", BenchmarkConfig, []).name == "all"


def test_a_variable_is_read_under_its_own_name_only(monkeypatch):
    monkeypatch.setenv("JSON", "{}")
    assert not load("benchmark", BenchmarkConfig, []).json_lines
    monkeypatch.setenv("GANRAY_BENCHMARK_JSON", "true")
    assert load("benchmark", BenchmarkConfig, []).json_lines


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--kimgs", "3"], ["--kimgs", "did you mean --kimg?", "--help"]),
        (["--batch", "many"], ["batch", "'many'", "flag --batch", "integer", "--help"]),
        (["--model.z-dim", "-4"], ["model.z_dim", "'-4'", "greater than 0"]),
        (["--loss.name", "hinge"], ["loss.name", "hinge", "'relativistic' or 'bce'"]),
        (["--preset", "big"], ["preset", "big", "demo-32"]),
        (["--config", "/nowhere.yaml"], ["/nowhere.yaml", "No such file"]),
        (["stray"], ["stray"]),
    ],
)
def test_a_wrong_flag_is_one_clear_line(words, parts):
    with pytest.raises(ConfigError) as error:
        load("train", TrainConfig, words)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize("prefix", ["shop", "", "/shop/", "//", "/a//b", "/../a", "/v1.2", "/{name}", "/-/routes", "/a b", "/a\n"])
def test_a_prefix_is_a_plain_path(prefix):
    assert load("serve", ServeConfig, ["--prefix", "/shop/v-2_B"]).prefix == "/shop/v-2_B"
    with pytest.raises(ConfigError, match=r"from flag --prefix: must be / or a path like /shop/v2") as error:
        load("serve", ServeConfig, ["--prefix", prefix])
    assert repr(prefix) in error.value.message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("kimgs: 3", ["kimgs", "did you mean kimg?"]),
        ("model: {zdim: 3}", ["model.zdim", "no such key"]),
        ("batch: many", ["batch", "'many'", "run.yaml"]),
        ("- a\n- b", ["list", "key: value"]),
        ("a: [", ["not valid YAML"]),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, text, parts):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load("train", TrainConfig, ["--config", str(path)])
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_a_rule_between_keys_is_one_clear_line():
    with pytest.raises(ConfigError) as error:
        load("train", TrainConfig, ["--workers", "3", "--batch", "2"])
    assert str(error.value) == "train: 3 workers cannot share a batch of 2. Use a larger batch, or fewer workers"


def test_the_command_line_is_named_as_the_source_of_a_word_without_a_flag():
    with pytest.raises(ConfigError, match=r"benchmark: name = 'trian' from the command line: must be one of all, input, train, "):
        load("benchmark", BenchmarkConfig, ["trian"])


def test_a_wrong_variable_is_one_clear_line(monkeypatch):
    monkeypatch.setenv("GANRAY_TRAIN_KIMGS", "3")
    with pytest.raises(ConfigError, match="GANRAY_TRAIN_KIMGS='3': no such option .did you mean GANRAY_TRAIN_KIMG"):
        load("train", TrainConfig, [])
    monkeypatch.delenv("GANRAY_TRAIN_KIMGS")
    monkeypatch.setenv("GANRAY_TRAIN_BATCH", "x")
    with pytest.raises(ConfigError, match="batch = 'x' from variable GANRAY_TRAIN_BATCH"):
        load("train", TrainConfig, [])


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        load(verb, VERBS[verb].load_config(), ["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--config" in text

    def walk(model, prefix=""):
        for name, field in model.model_fields.items():
            assert field.description, f"{verb}: {prefix}{name} has no description"
            if hasattr(field.annotation, "model_fields"):
                walk(field.annotation, f"{prefix}{name}.")
            else:
                told = (prefix + (field.alias or name)).replace("_", "-")
                positional = any("Positional" in str(each) for each in field.metadata)
                assert (told.upper() if positional else f"--{told}") in text or "--no-" in text

    walk(VERBS[verb].load_config())


def choices(model, prefix=""):
    """(key, what it may be) of every option that is one of a few."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from choices(field.annotation, f"{prefix}{name}.")
        elif get_origin(field.annotation) is Literal:
            yield from ((prefix + name, value) for value in get_args(field.annotation))


@pytest.mark.parametrize("verb", VERBS)
def test_every_choice_can_be_made_by_a_flag(verb):
    """A flag is text, also where the choice is one of numbers."""
    model = VERBS[verb].load_config()
    for key, value in choices(model):
        try:
            found = load(verb, model, [f"{_flag(key)}={value}"])
        except ConfigError as error:
            assert "input should be" not in str(error)  # it may ask for something else beside it
            continue
        for name in key.split("."):
            found = getattr(found, name)
        assert found == value


def test_flags_that_errors_and_the_readme_name_exist():
    known = {_flag(key) for verb in VERBS.values() for key in _keys(verb.load_config())} | {"--help", "--version", "--config", "--no-gpu"}
    root = Path(__file__).parents[1]
    texts = {path: path.read_text() for path in (root / "README.md", *(root / "ganray").rglob("*.py"))}
    named = {(flag, path.name) for path, text in texts.items() for flag in re.findall(r"(?<![\w-])--[a-z][a-z_-]*\.[a-z._-]*[a-z]", text)}
    assert len(named) > 10
    assert not [(flag, name) for flag, name in sorted(named) if flag not in known]
