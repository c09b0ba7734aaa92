"""What the texts for people name exists: every command parses, and every file, verb, flag, edit and preset is there."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from ganray.commands import VERBS
from ganray.config.networks import NetworkFile, Networks
from ganray.edits import EDITS
from ganray.errors import GanrayError
from ganray.presets import PRESETS
from ganray.requests import EditRequest, GenerateRequest
from ganray.settings import _flag, _keys, load

ROOT = Path(__file__).parents[1]
TEXTS = ("README.md", "jobs/README.md", "ganray/README.md", "cluster/README.md", "CONTRIBUTING.md")
OTHER_FLAGS = {"--help", "--config", "--address", "--working-dir", "--head", "--generate", "--logdir", "--json", "--no-gpu", "--long"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text()


def commands() -> list[str]:
    """Every line of a code block that runs a verb, as `ganray VERB ...` or `jobs/VERB.py ...`."""
    blocks = [block for name in TEXTS for block in text_of(name).split("```")[1::2] if block.startswith("\n")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.match(r"(\w+=\S+ )*ganray \w|.* python jobs/\w+\.py", line)]


def arguments(line: str) -> tuple[str, list[str]]:
    """The verb of a command line and its options; what follows a # is for people."""
    words = shlex.split(line, comments=True)
    start = next(place for place, word in enumerate(words) if word == "ganray" or word.startswith("jobs/"))
    if words[start] == "ganray":
        return words[start + 1], words[start + 2 :]
    return next(verb.name for verb in VERBS.values() if words[start] == f"jobs/{verb.job}"), words[start + 1 :]


def test_there_are_commands():
    assert len(commands()) > 15


@pytest.mark.parametrize("line", commands())
def test_every_command_parses(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text("train: {model: {z_dim: 128}}")
    verb, options = arguments(line)
    try:
        load(verb, VERBS[verb].load_config(), [option for option in options if option not in ("[options]", "...")])
    except GanrayError as error:
        raise AssertionError(f"{line}: {error}") from None


@pytest.mark.parametrize("name", TEXTS)
def test_flags_exist(name):
    known = {_flag(key) for verb in VERBS.values() for key in _keys(verb.load_config())} | OTHER_FLAGS
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]", text_of(name)))
    outside = {"--shm-size", "--chain"} if name == "cluster/README.md" else set()
    assert named <= known | outside


@pytest.mark.parametrize("name", TEXTS)
def test_paths_exist(name):
    """Paths of the repository in backticks, written from its root or from `ganray/`."""
    named = set(re.findall(r"`((?:[\w-]+/)+[\w*-]*(?:\.\w+)?)`", text_of(name)))
    ours = {path for path in named if (ROOT / path.split("/")[0]).is_dir() or (ROOT / "ganray" / path.split("/")[0]).is_dir()}
    missing = [
        path
        for path in ours
        if not {"NAME", "VERB"} & set(re.findall("[A-Z]+", path)) and not [*ROOT.glob(path), *(ROOT / "ganray").glob(path)]
    ]
    assert not [path for path in missing if path not in ("editor/",)]


def test_the_reference_has_every_verb_edit_field_and_preset():
    text = text_of("jobs/README.md")
    assert all(f"| `{verb.name}` | `{verb.job}` |" in text for verb in VERBS.values())
    assert all(f"`{preset}`" in text for preset in PRESETS)
    assert all(f"`{field}`" in text for kind in (GenerateRequest, EditRequest) for field in kind.model_fields)
    table = text.split("## Edits and their parameters")[1].split("\n## ")[0]
    rows = {
        edit: cells[1]
        for cells in (line.split("|")[1:] for line in table.splitlines())
        if len(cells) > 1
        for edit in re.findall(r"`(\w+)`", cells[0])
    }
    assert rows.keys() == EDITS.keys()
    for name, edit in EDITS.items():
        if name != "relabel":  # its parameters are attributes
            assert set(re.findall(r"`(\w+)`", rows[name])) == edit.params.model_fields.keys(), name


def test_the_reference_has_every_key_of_own_networks_and_its_examples_are_valid():
    text = text_of("jobs/README.md").split("## Own networks")[1].split("\n## ")[0]
    table = {key for line in text.splitlines() if line.startswith("| `") for key in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert table == NetworkFile.model_fields.keys()
    blocks = [part.split("```")[0] for part in text.split("```yaml")[1:]]
    examples = [Networks.model_validate(yaml.safe_load(block.replace("SHA256", "ab" * 32))) for block in blocks]
    assert {task for example in examples for task in example.rows()} == {"matte", "inpaint", "upscale"}


def test_the_reference_has_every_exit_code():
    text = text_of("jobs/README.md").split("## Exit codes")[1].split("\n## ")[0]

    def classes(kind: type[GanrayError]) -> set[type[GanrayError]]:
        return {kind}.union(*(classes(child) for child in kind.__subclasses__() if child.__module__ == "ganray.errors"))

    named = {int(code) for line in text.splitlines() for code in re.findall(r"\d+", line.split("|")[1] if "|" in line else "")}
    assert {kind.exit_code for kind in classes(GanrayError)} <= named
