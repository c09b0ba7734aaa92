import importlib.util
import json
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.images.provenance import Label, encode_labelled, read_label
from ganray.runs import trackers
from ganray.runs.resolve import resolve_run
from ganray.runs.trackers import TRACKERS, TrackerSpec, Tracking, require
from ganray.storage import open_store

ROWS = [{"kimg": 0.5, "loss_d": 0.7}, {"kimg": 1.0, "loss_d": 0.6, "score/frechet": 3.5}]
GRID = encode_labelled(np.full((16, 16, 3), 90, np.uint8), "png", Label("in training", "grid", 0))
# packages of others, warning about themselves
foreign = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning", "ignore::UserWarning"
)


def installed(name):
    missing = [package for module, package in TRACKERS[name].needs.items() if importlib.util.find_spec(module) is None]
    return pytest.mark.skipif(bool(missing), reason=f"pip install {' '.join(missing)}")


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine takes its time to make a database."""
    monkeypatch.setattr(trackers, "FINISH_S", 300.0)


def config(tmp_path, *track, **changes) -> TrainConfig:
    return TrainConfig(track=track, out=str(tmp_path / "shop" / "model"), catalog="c", seed=7, **changes)


def tell(config, rows=ROWS, ok=True):
    """What a run sends its trackers, and what it says about them."""
    said: list[str] = []
    tracking = Tracking(config, open_store(config.out), said.append)
    for row in rows:
        tracking.log(row)
    tracking.picture("kimg-00000.500.png", GRID, 0.5)
    tracking.close(ok)
    return said


@foreign
@installed("mlflow")
@pytest.mark.slow
@pytest.mark.parametrize("store", ["file:{}/runs", pytest.param("sqlite:///{}/runs.db", marks=pytest.mark.long)], ids=["files", "database"])
def test_mlflow_gets_the_settings_the_figures_and_the_pictures(tmp_path, monkeypatch, store):
    """What it takes them into is MLflow's own; to make the tables of a database takes it five seconds."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.format(tmp_path))
    monkeypatch.chdir(tmp_path)
    said = tell(config(tmp_path, "mlflow"))
    assert len(said) == 1 and said[0].startswith("mlflow: run ")
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("ganray").experiment_id])
    assert (run.info.run_name, run.info.status) == ("shop/model", "FINISHED")
    assert (run.data.params["seed"], run.data.params["model.z_dim"]) == ("7", "64")
    assert [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "loss_d")] == [(500, 0.7), (1000, 0.6)]
    assert [each.value for each in client.get_metric_history(run.info.run_id, "score/frechet")] == [3.5]
    picture = Path(client.download_artifacts(run.info.run_id, "grids/kimg-00000.500.png", str(tmp_path)))
    assert picture.read_bytes() == GRID

    tell(config(tmp_path, "mlflow", resume=True), [{"kimg": 1.5, "loss_d": 0.5}], ok=False)
    (again,) = client.search_runs([run.info.experiment_id])
    assert again.info.status == "FAILED"
    assert len(client.get_metric_history(run.info.run_id, "loss_d")) == 3

    # as of another server
    (tmp_path / "shop" / "model" / "logs" / "mlflow.json").write_text(json.dumps({"run": "0" * 32}))
    assert len(tell(config(tmp_path, "mlflow", resume=True))) == 1
    assert len(client.search_runs([run.info.experiment_id])) == 2


@foreign
@installed("wandb")
@pytest.mark.slow
def test_wandb_gets_the_settings_the_figures_and_the_pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    said = tell(config(tmp_path, "wandb"))
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert len(said) == 1 and str(folder) in said[0]
    kinds = wandb_records(folder)
    settings = {item.key: json.loads(item.value_json) for record in kinds["run"][:1] for item in record.run.config.update}
    assert settings["seed"] == 7
    assert settings["model"]["z_dim"] == 64
    assert kinds["run"][0].run.project == "ganray"
    history = [
        {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in one.history.item} for one in kinds["history"]
    ]
    assert [(row["kimg"], row["loss_d"]) for row in history if "loss_d" in row] == [(0.5, 0.7), (1.0, 0.6)]
    (picture,) = folder.glob("files/media/images/*.png")
    assert read_label(picture.read_bytes())["Iptc4xmpExt:DigitalSourceType"].endswith("trainedAlgorithmicMedia")

    first = kinds["run"][0].run.run_id
    while time.strftime("-%Y%m%d_%H%M%S-") in str(folder):  # its folders carry a time in whole seconds
        time.sleep(0.05)
    tell(config(tmp_path, "wandb", resume=True))
    assert {wandb_records(each)["run"][0].run.run_id for each in (tmp_path / "wandb").glob("offline-run-*")} == {first}


def wandb_records(folder):
    """The records of an offline run by kind, when its last one is there: wandb's own process writes some of them after it has said so."""
    deadline = time.monotonic() + 20
    while "exit" not in (kinds := written_records(folder)):
        assert time.monotonic() < deadline, f"only {list(kinds)}"
        time.sleep(0.05)
    return kinds


def written_records(folder):
    """The records that are whole. The file is LevelDB's log after 7 bytes: blocks of 32 KiB, each a sequence of parts of
    records with a header of checksum (4 bytes), length (2) and kind (1: 1 whole, 2 first, 3 middle, 4 last part)."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, record, kinds = next(folder.glob("*.wandb")).read_bytes(), 7, b"", {}
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, part = struct.unpack_from("<4xHB", data, at)
        if at + 7 + length > len(data):
            break
        record = (record if part in (3, 4) else b"") + data[at + 7 : at + 7 + length]
        if part in (1, 4):
            read = Record.FromString(record)
            kinds.setdefault(read.WhichOneof("record_type"), []).append(read)
        at += 7 + length
    return kinds


@foreign
@installed("wandb")
def test_a_tracker_that_cannot_begin_is_said_once_and_left(tmp_path, monkeypatch):
    import wandb

    wandb.teardown()  # it reads its variables once a process
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "no key is as short")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (said,) = tell(config(tmp_path, "wandb"))
    assert said.startswith("wandb failed (") and said.endswith("it gets no more of this run, which goes on")


@foreign
@installed("mlflow")
def test_a_server_that_is_not_there_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (said,) = tell(config(tmp_path, "mlflow"))
    assert said.startswith("mlflow failed (API request to")
    assert "\n" not in said


@pytest.mark.parametrize("name", TRACKERS)
def test_an_absent_package_is_one_line_with_the_command(name, monkeypatch):
    packages = " ".join(TRACKERS[name].needs.values())
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"track = {name} needs .*not installed. Run pip install {packages}, or leave {name} out"):
        require([name])


def test_a_training_is_refused_before_it_starts(tmp_path, monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="track = wandb needs wandb, not installed"):
        resolve_run(config(tmp_path, "wandb"))


def test_what_a_tracker_has_not_taken_in_time_is_said(tmp_path, monkeypatch):
    """A tracker that hangs: the run does not wait for it, and its end waits no longer than its patience."""
    hang, begun = threading.Event(), threading.Event()

    def begin(config, run):
        begun.set()
        hang.wait(30)
        raise OSError("gone")

    monkeypatch.setitem(trackers.TRACKERS, "wandb", TrackerSpec({}, begin))
    monkeypatch.setattr(trackers, "FINISH_S", 0.2)
    started = time.monotonic()
    said = tell(config(tmp_path, "wandb"))
    assert begun.is_set()
    assert time.monotonic() - started < 15  # half of the time for which it hangs
    assert said == ["wandb has not taken its last message within 0.2 s: it gets no more of this run, which goes on"]
    hang.set()


def test_a_tracker_that_does_not_keep_up_is_left(tmp_path, monkeypatch):
    hang = threading.Event()
    monkeypatch.setitem(trackers.TRACKERS, "wandb", TrackerSpec({}, lambda config, run: hang.wait(30)))
    monkeypatch.setattr(trackers, "FINISH_S", 0.1)
    said = tell(config(tmp_path, "wandb"), ROWS * trackers.QUEUE_LENGTH)
    hang.set()
    assert said == [f"wandb does not keep up, {trackers.QUEUE_LENGTH} messages wait for it: it gets no more of this run, which goes on"]
