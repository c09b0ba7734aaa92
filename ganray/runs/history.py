"""The history of a run: rows, scores and grids. A resumed run starts with what its earlier parts left in the folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ganray.errors import ObjectNotFound
from ganray.metrics import with_current_names
from ganray.storage import Store

LOGS, GRIDS, SCORES = "logs", "grids", "scores.jsonl"
METRICS = "metrics.jsonl"
GRID_KEY = re.compile(rf"{GRIDS}/kimg-(\d+\.\d+)\.png")
RUNNING = "running"
Row = dict[str, float]


@dataclass
class RunHistory:
    """What a run has shown of itself: rows and scores with ascending "kimg", keys of grids, and how it is doing."""

    rows: list[Row] = field(default_factory=list)
    scores: list[Row] = field(default_factory=list)
    grids: list[str] = field(default_factory=list)
    state: str = RUNNING


def load_history(store: Store) -> RunHistory:
    """Rows of all parts, scores and keys of grids; empty where there are none. Raises StorageError."""
    rows: list[Row] = []
    for info in store.list(LOGS, suffix="/" + METRICS):  # parts are named by the time they began
        for row in read_lines(store.get(info.key)):
            append_row(rows, row)
    try:
        scores = [with_current_names(row) for row in read_lines(store.get(SCORES))]
    except ObjectNotFound:
        scores = []
    return RunHistory(rows, scores, [info.key for info in store.list(GRIDS) if GRID_KEY.fullmatch(info.key)])


def grid_key(kimg: float) -> str:
    """Where the sample grid of a moment lies; keys sort by it."""
    return f"{GRIDS}/kimg-{kimg:09.3f}.png"


def kimg_of(key: str) -> float:
    """Thousand images, by the key of a grid."""
    return float(key.rpartition("/kimg-")[2].removesuffix(".png"))


def append_row(rows: list[Row], row: Row) -> None:
    """Append; a run that was thrown back to a checkpoint comes by the same images again, and what it did there before counts no longer."""
    while rows and rows[-1]["kimg"] >= row["kimg"]:
        rows.pop()
    rows.append(row)


def read_lines(data: bytes) -> Iterator[Row]:
    """Rows of JSON lines; a line that is none is left out."""
    for line in data.decode(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("kimg"), int | float):
            yield row
