import json

from ganray.runs.history import append_row, grid_key, kimg_of, load_history, read_lines
from ganray.storage import open_store


def lines(*kimg, **more):
    return "".join(json.dumps({"kimg": each, **more}) + "\n" for each in kimg).encode()


def test_a_folder_without_a_past_is_empty(tmp_path):
    seen = load_history(open_store(str(tmp_path / "model")))
    assert (seen.rows, seen.scores, seen.grids) == ([], [], [])


def test_the_parts_of_a_run_are_one_curve(tmp_path):
    store = open_store(str(tmp_path))
    store.put("logs/20261125-100000/metrics.jsonl", lines(0.5, 1.0, 1.5, part=1))
    store.put("logs/20261125-110000/metrics.jsonl", lines(1.0, 1.5, 2.0, part=2))  # it went on from a checkpoint at 0.5
    store.put("logs/wandb.json", b'{"run": "x"}')
    store.put("scores.jsonl", lines(1.0))
    for key in (grid_key(10.0), grid_key(2.0), "grids/of mine.png", "grids/kimg-mine.png"):
        store.put(key, b"")
    seen = load_history(store)
    assert [(row["kimg"], row["part"]) for row in seen.rows] == [(0.5, 1), (1.0, 2), (1.5, 2), (2.0, 2)]
    assert [row["kimg"] for row in seen.scores] == [1.0]
    assert [kimg_of(key) for key in seen.grids] == [2.0, 10.0]


def test_a_run_that_was_thrown_back_counts_once():
    rows = []
    for kimg in (1.0, 2.0, 3.0, 2.0, 2.5):
        append_row(rows, {"kimg": kimg})
    assert [row["kimg"] for row in rows] == [1.0, 2.0, 2.5]


def test_a_line_that_was_cut_off_is_left_out():
    assert list(read_lines(lines(1.0) + b'{"kimg": 2.0, "los')) == [{"kimg": 1.0}]
    assert list(read_lines(b'[]\n3\n{"other": 1}\n\xff\n')) == []
