import json
import time

import numpy as np

from ganray.config import TrainConfig
from ganray.errors import NonFiniteError
from ganray.images.provenance import Label, encode_labelled
from ganray.runs import trackers
from ganray.runs.mailbox import LocalMailbox
from ganray.runs.messages import Checkpointed, CheckpointWritten, Failed, Grid, HandedOver, Log, Note, Result, Score, Started
from ganray.runs.recorder import LiveNumbers, Recorder, note
from ganray.storage import open_store

SCORE = {"kimg": 0.5, "frechet": 3.21, "frechet_floor": 0.6, "coverage": 0.55, "coverage_floor": 0.96, "merit": 0.25}
ROW = {"kimg": 0.5, "loss_d": 0.7, "loss_g": 0.69, "img_per_s": 100.0}
RESULT = Result(1.0, 0.5, 1000)
GRID = encode_labelled(np.full((32, 32, 3), 90, np.uint8), "png", Label("in training", "grid", 0))


def at(kimg, **more):
    return ROW | {"kimg": kimg} | more


def record(url, messages, config=None, publish=lambda numbers: None):
    """What a recorder has taken of a run that sends `messages`."""
    mailbox = LocalMailbox()
    config = config or TrainConfig(kimg=1.0, out=str(url))
    with Recorder(mailbox, open_store(str(url)), config, LiveNumbers(config, publish)) as recorder:
        for message in messages:
            mailbox.send(message)
    return recorder


def test_what_is_sent_is_written_to_the_store(tmp_path, capsys):
    messages = [Started(0.0), Log(at(0.5)), Grid(0.5, GRID), Score(SCORE), Note("a word"), Log(at(1.0))]
    recorder = record(tmp_path, [*messages, RESULT])
    store = open_store(str(tmp_path))
    assert [row["kimg"] for row in recorder.outcome.rows] == [0.5, 1.0]
    assert [row["eta_s"] for row in recorder.outcome.rows] == [5.0, 0.0]
    assert recorder.history.scores == [SCORE]
    assert recorder.outcome.result == RESULT
    assert store.get("grids/kimg-00000.500.png") == GRID
    keys = [info.key for info in store.list("logs")]
    metrics = next(key for key in keys if key.endswith("metrics.jsonl"))
    assert [json.loads(line)["kimg"] for line in store.get(metrics).decode().splitlines()] == [0.5, 1.0]
    events = store.get(next(key for key in keys if "events.out.tfevents" in key))
    assert all(name in events for name in (b"loss_d", b"eta_s", b"score/coverage"))
    said = capsys.readouterr().err
    assert "at 0.5 kimg: Frechet distance 3.21, of photos 0.6, coverage 0.55, merit 0.25" in said
    assert "train: a word" in said
    assert "not recorded" not in said
    page = store.get("progress.html").decode()
    assert "Finished, as of" in page
    assert "<figcaption>Losses</figcaption>" in page and "<figcaption>Coverage</figcaption>" in page
    assert store.get("film.webp").startswith(b"RIFF")


def test_a_resumed_run_goes_on_with_the_curves_and_pictures_that_it_left(tmp_path):
    record(tmp_path, [Started(0.0), Log(at(0.5)), Grid(0.5, GRID), Log(at(0.6)), Checkpointed(ROW)])
    assert "Interrupted: --resume goes on" in (tmp_path / "progress.html").read_text()
    messages = [Started(0.5), Log(at(0.6, loss_d=0.1)), Log(at(0.7)), Grid(0.7, GRID)]
    again = record(tmp_path, messages, TrainConfig(kimg=1.0, resume=True, out=str(tmp_path)))
    assert [(row["kimg"], row["loss_d"]) for row in again.outcome.rows] == [(0.5, 0.7), (0.6, 0.1), (0.7, 0.7)]
    assert list(again.outcome.grids) == ["grids/kimg-00000.500.png", "grids/kimg-00000.700.png"]
    assert [row["kimg"] for row in record(tmp_path, messages).outcome.rows] == [0.6, 0.7]  # a new run would not


def test_a_run_that_is_thrown_back_to_its_checkpoint_counts_once(tmp_path, capsys):
    messages = [
        Started(0.0),
        Log(at(0.5)),
        Log(at(0.6)),
        Grid(0.6, GRID),
        Started(0.5),
        Log(at(0.6)),
        Grid(0.6, GRID),
    ]
    recorder = record(tmp_path, messages)
    assert [row["kimg"] for row in recorder.outcome.rows] == [0.5, 0.6]
    assert list(recorder.outcome.grids) == ["grids/kimg-00000.600.png"]
    assert "resumed at 0.5 kimg" in capsys.readouterr().err


def test_what_stopped_a_run_stands_on_its_page(tmp_path):
    recorder = record(tmp_path, [Log(ROW), Failed(NonFiniteError("loss_d became non-finite", "Resume"))])
    assert recorder.outcome.result is None
    assert "Stopped: loss_d became non-finite. Resume" in (tmp_path / "progress.html").read_text()


def test_a_run_that_was_stopped_tells_where(tmp_path, capsys):
    outcome = record(tmp_path, [Log(at(0.5)), HandedOver(0.5)]).outcome
    assert (outcome.handed_over_kimg, outcome.result, outcome.error) == (0.5, None, None)
    assert "train: stopped at 0.5 kimg, after a checkpoint" in capsys.readouterr().err


def test_what_cannot_be_recorded_is_said_and_the_rest_is_recorded(tmp_path, capsys):
    recorder = record(tmp_path, [Grid(0.5, b"no picture"), Log(ROW)])
    assert [row["kimg"] for row in recorder.outcome.rows] == [0.5]
    said = capsys.readouterr().err
    assert "not recorded: UnidentifiedImageError" in said
    assert (tmp_path / "progress.html").exists()


def test_trackers_are_told_what_tensorboard_is(tmp_path, monkeypatch):
    told = []

    class Listener:
        run, place = "x", "here"

        def log(self, row):
            told.append(row)

        def picture(self, path, kimg):
            told.append((path.name, path.read_bytes(), kimg))

        def close(self, ok):
            told.append(ok)

    monkeypatch.setitem(trackers.TRACKERS, "wandb", trackers.TrackerSpec({}, lambda config, run: Listener()))
    messages = [Log(dict(ROW)), Grid(0.5, GRID), Score(SCORE), RESULT]
    record(tmp_path, messages, TrainConfig(kimg=1.0, track=("wandb",), out=str(tmp_path)))
    row, picture, score, ok = told
    assert row == ROW | {"eta_s": 5.0}
    assert picture == ("kimg-00000.500.png", GRID, 0.5)
    assert score == {"kimg": 0.5} | {f"score/{name}": value for name, value in SCORE.items() if name != "kimg"}
    assert ok is True


def test_the_note_behind_the_bar_tells_speed_game_and_waiting():
    row = ROW | {"logit": 1.5, "r1": 0.25, "r2": 0.5, "data_wait": 0.0123, "grad_d": 3.0}
    assert note(row) == "img/s 100, D 0.7, G 0.69, logit 1.5, R1 0.25, R2 0.5, data wait 1.2 %"
    assert note(row | {"r1": 0.0, "r2": 0.0, "gpu_gib": 12.34}) == "img/s 100, D 0.7, G 0.69, logit 1.5, GPU GiB 12.3, data wait 1.2 %"


def test_the_newest_row_and_the_age_of_the_last_checkpoint_are_published(tmp_path):
    published, before = [], time.time()
    messages = [Started(0.0), Log(at(0.5)), CheckpointWritten(0.4), Note("a word"), Started(0.4), Log(at(0.6, img_per_s=90.0)), RESULT]
    record(tmp_path, messages, publish=published.append)
    assert len(published) == 7  # a note has no numbers; a run has some before its workers start, and when it ends
    begin, first, *_, last = published
    assert (begin["running"], begin["starts"]) == (1.0, 0.0) and "kimg" not in begin
    assert (first["running"], first["starts"], first["kimg"], first["goal_kimg"]) == (1.0, 1.0, 0.0, 1.0)
    assert (last["kimg"], last["img_per_s"], last["loss_d"], last["starts"]) == (0.6, 90.0, 0.7, 2.0)
    assert last["eta_s"] > 0
    assert (last["running"], last["failed"], last["non_finite"]) == (0.0, 0.0, 0.0)
    assert last["checkpoint_kimg"] == 0.4 and "checkpoint_kimg" not in first
    assert before <= first["checkpoint_time"] < last["checkpoint_time"] < last["updated"] <= time.time()


def test_a_loss_that_is_not_finite_is_published_as_such_and_a_person_s_stop_is_no_failure(tmp_path):
    published = []
    record(tmp_path, [Started(0.0), Failed(NonFiniteError("loss_d became non-finite", "Resume"))], publish=published.append)
    record(tmp_path, [Started(0.0), Log(ROW), HandedOver(0.5)], publish=published.append)
    ends = [row for row in published if not row["running"]]
    assert [(row["failed"], row["non_finite"]) for row in ends] == [(1.0, 1.0), (0.0, 0.0)]
