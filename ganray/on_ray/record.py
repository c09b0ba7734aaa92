"""What a training run leaves behind while it runs: the live bar, TensorBoard scalars, a JSON line a report, sample grids.

Workers post to a board (board.py) and never wait; a thread of the driver takes what is there and writes it to the run's store.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import ray
from tensorboardX import SummaryWriter

from ganray.config import TrainConfig
from ganray.errors import GanrayError
from ganray.on_ray.progress import Progress
from ganray.storage import Store

POLL_S = 0.5
SYNC_S = 30.0


class Recorder:
    """`with Recorder(...)`: takes from the board until the block ends; then `rows`, `grids`, `result` and `error` tell what came."""

    def __init__(self, board: Any, store: Store, config: TrainConfig) -> None:
        self._board, self._store, self._config = board, store, config
        self._folder = Path(tempfile.mkdtemp(prefix="ganray-logs-"))
        self._writer = SummaryWriter(logdir=str(self._folder))
        self._lines: list[str] = []
        self._run = time.strftime("%Y%m%d-%H%M%S")
        self._bar: Progress | None = None
        self._seen = 0.0
        self._synced = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="recorder", daemon=True)
        self.rows: list[dict[str, float]] = []
        self.scores: list[dict[str, float]] = []
        self.grids: list[str] = []
        self.result: dict[str, Any] | None = None
        self.error: GanrayError | None = None
        self.left: float | None = None  # the clock, where a signal ended the run after a checkpoint

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._bar is not None:
            self._bar.close()
        self._writer.close()
        if self.rows:
            self._guard(self._sync)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_S):
            self.drain()
        self.drain()

    def drain(self) -> None:
        """Take and record what is on the board."""
        try:
            items = ray.get(self._board.take.remote(), timeout=30)
        except ray.exceptions.RayError:  # the cluster is going down; fit() says why
            return
        for kind, item in items:
            self._guard(getattr(self, f"_on_{kind}"), item)
        if self._lines and time.monotonic() - self._synced > SYNC_S:
            self._guard(self._sync)

    def _guard(self, take: Callable[..., None], *item: Any) -> None:
        """A log that cannot be written is said, and training goes on: its checkpoints have their own way."""
        try:
            take(*item)
        except GanrayError as error:
            self._say(f"not recorded: {error}")

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.update(0.0, text)
        print(f"train: {text}", file=sys.stderr, flush=True)

    def _on_log(self, row: dict[str, float]) -> None:
        kimg = row["kimg"]
        if self._bar is None:
            self._bar = Progress("train", self._config.kimg, "kimg", start=self._seen)
        note = ", ".join(f"{name} {row[key]:.3g}" for key, name in NOTES.items() if key in row)
        self._bar.update(kimg - self._seen, note)
        self._seen = kimg
        self.rows.append(row)
        self._lines.append(json.dumps(row))
        for name, value in row.items():
            if name != "kimg":
                self._writer.add_scalar(name, value, global_step=round(kimg * 1000))

    def _on_grid(self, item: tuple[float, bytes]) -> None:
        kimg, png = item
        key = f"grids/kimg-{kimg:09.3f}.png"
        self._store.put(key, png)
        self.grids.append(key)

    def _on_score(self, row: dict[str, float]) -> None:
        """Scores of a moment of the run: its line is kept by the actor that measured it."""
        self.scores.append(row)
        for name, value in row.items():
            if name != "kimg":
                self._writer.add_scalar(f"score/{name}", value, global_step=round(row["kimg"] * 1000))
        self._say(f"at {row['kimg']:g} kimg: " + ", ".join(f"{title} {row[name]:.3g}" for name, title in SCORES.items() if name in row))

    def _on_note(self, text: str) -> None:
        self._say(text)

    def _on_checkpoint(self, row: dict[str, float]) -> None:
        self._sync()

    def _on_start(self, kimg: float) -> None:
        """A worker group begins: at 0, or where the last checkpoint was."""
        if kimg:
            self._say(f"resumed at {kimg:g} kimg")
        if self._bar is None:
            self._seen = kimg

    def _on_result(self, result: dict[str, Any]) -> None:
        self.result = result

    def _on_left(self, kimg: float) -> None:
        self._say(f"left at {kimg:g} kimg, after a checkpoint")
        self.left = kimg

    def _on_error(self, error: GanrayError) -> None:
        self.error = error

    def _sync(self) -> None:
        """Copy the logs into the run's store: appended locally, put whole (they are small)."""
        self._synced = time.monotonic()
        self._store.put(f"logs/{self._run}/metrics.jsonl", ("\n".join(self._lines) + "\n").encode())
        self._writer.flush()
        for path in self._folder.glob("events.*"):
            self._store.put(f"logs/{self._run}/{path.name}", path.read_bytes())


NOTES = {"img_per_s": "img/s", "loss_d": "D", "loss_g": "G"}
SCORES = {
    "fd": "Frechet distance",
    "fd_floor": "of photos",
    "coverage": "coverage",
    "accuracy": "accuracy",
    "nn_ratio": "neighbour ratio",
    "merit": "merit",
}
