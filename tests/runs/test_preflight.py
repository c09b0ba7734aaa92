import json

from ganray.config import TrainConfig
from ganray.runs.preflight import RUN_FACTS, check_folder
from ganray.storage import open_store


def said_when_resumed(store, capsys, noted: dict) -> str:
    """What is told of settings when a run with these facts goes on with the defaults."""
    check_folder(TrainConfig(), store, "d", {"catalog_digest": "d", "config": noted}, ())
    assert json.loads(store.get(RUN_FACTS))["config"] == TrainConfig().model_dump(mode="json")
    return capsys.readouterr().err


def test_only_settings_that_have_changed_are_told(tmp_path, capsys):
    store, noted = open_store(str(tmp_path)), TrainConfig().model_dump(mode="json")
    assert said_when_resumed(store, capsys, noted) == ""
    older = noted | {"editor": {name: value for name, value in noted["editor"].items() if not name.startswith(("teacher", "quality"))}}
    assert said_when_resumed(store, capsys, older) == ""
    assert "seed 5 -> 0" in said_when_resumed(store, capsys, older | {"seed": 5})
    assert "seed 5 -> 0" in said_when_resumed(store, capsys, older | {"seed": 5, "of_another_version": 1})
