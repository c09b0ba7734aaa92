import json

import pytest

from ganray.checkpoint import ModelInfo
from ganray.config import TrainConfig
from ganray.on_ray.board import Board, make_board
from ganray.on_ray.card import model_card
from ganray.on_ray.record import Recorder
from ganray.storage import open_store

SCORE = {"kimg": 0.5, "fd": 3.21, "fd_floor": 0.6, "coverage": 0.55, "coverage_floor": 0.96, "merit": 0.25}
ROW = {"kimg": 0.5, "loss_d": 0.7, "loss_g": 0.69, "img_per_s": 100.0}


def test_a_board_gives_each_item_once():
    board = Board()
    board.post("log", 1)
    board.post("grid", 2)
    assert board.take() == [("log", 1), ("grid", 2)]
    assert board.take() == []


@pytest.mark.ray
def test_what_is_posted_is_written_to_the_store(cluster, tmp_path, capsys):
    import ray

    store, board = open_store(str(tmp_path)), make_board()
    with Recorder(board, store, TrainConfig(kimg=1.0)) as recorder:
        news = [("log", ROW), ("grid", (0.5, b"png")), ("score", SCORE), ("note", "a word"), ("log", ROW | {"kimg": 1.0})]
        for kind, item in (*news, ("result", {"kimg": 1.0})):
            ray.get(board.post.remote(kind, item))
    assert [row["kimg"] for row in recorder.rows] == [0.5, 1.0]
    assert recorder.scores == [SCORE]
    assert recorder.result == {"kimg": 1.0}
    assert store.get("grids/kimg-00000.500.png") == b"png"
    keys = [info.key for info in store.list("logs")]
    metrics = next(key for key in keys if key.endswith("metrics.jsonl"))
    assert [json.loads(line)["kimg"] for line in store.get(metrics).decode().splitlines()] == [0.5, 1.0]
    events = store.get(next(key for key in keys if "events.out.tfevents" in key))
    assert b"loss_d" in events
    assert b"score/coverage" in events
    said = capsys.readouterr().err
    assert "at 0.5 kimg: Frechet distance 3.21, of photos 0.6, coverage 0.55, merit 0.25" in said
    assert "train: a word" in said


def test_a_card_names_what_can_be_asked_for():
    config = TrainConfig()
    info = ModelInfo(model=config.model, attributes={"category": ("cap", "mug")}, num_images=500, digest="abc", train=config)
    card = model_card(info, [ROW], ["grids/kimg-00000.500.png"])
    assert "- **category** (2): cap, mug" in card
    assert "![samples at the end](grids/kimg-00000.500.png)" in card
    assert "`abc`" in card
    assert "Scores at" not in card
    assert "unconditional" in model_card(info.model_copy(update={"attributes": {}}), [], [])


def test_a_card_tells_the_scores_that_the_model_was_chosen_by():
    info = ModelInfo(model=TrainConfig().model, attributes={}, metrics=SCORE | {"nn_ratio": 1.2})
    card = model_card(info, [], [])
    assert "Scores at 0.5 thousand images" in card
    assert "| Frechet distance | 3.21 | 0.6 |" in card
    assert "| neighbour ratio | 1.2 | 1 |" in card
    assert "accuracy" not in card
