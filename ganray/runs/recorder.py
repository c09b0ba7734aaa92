"""What a training run leaves behind while it runs: the live bar, TensorBoard scalars, a JSON line a report, sample grids, a page, a film.

Workers post to a board (board.py) and never wait; a thread of the driver takes what is there and writes it to the run's store. Trackers
(trackers.py) are told by threads of their own.
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
from ganray.metrics import MERIT, RUN_FIGURES
from ganray.progress import Progress
from ganray.runs.history import LOGS, METRICS, RunHistory, append_row, grid_key, load_history
from ganray.runs.live_page import LivePage
from ganray.runs.run_page import seconds_left
from ganray.runs.trackers import Tracking
from ganray.storage import Store

POLL_S = 0.5
SYNC_S, SYNC_SHARE = 30.0, 0.05  # between copies of the logs, and the most of the time that they may take: logs of long runs grow


class Recorder:
    """`with Recorder(...)`: takes from the board until the block ends; then `seen`, `result` and `error` tell what came.

    A resumed run's `seen` has what it left before.
    """

    def __init__(self, board: Any, store: Store, config: TrainConfig) -> None:
        self._board, self._store, self._config = board, store, config
        self._folder = Path(tempfile.mkdtemp(prefix="ganray-logs-"))
        self._writer = SummaryWriter(logdir=str(self._folder))
        self._lines: list[str] = []
        self._run = time.strftime("%Y%m%d-%H%M%S")
        self._bar: Progress | None = None
        self._counted = 0.0  # thousand images that the bar has counted
        self._began = time.monotonic()
        self._synced, self._sync_took = self._began, 0.0
        self._watch = LivePage(store, config)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="recorder", daemon=True)
        self.seen = RunHistory()
        self.result: dict[str, Any] | None = None
        self.error: GanrayError | None = None
        self.left: float | None = None  # the clock, where a signal ended the run after a checkpoint

    @property
    def rows(self) -> list[dict[str, float]]:
        """Rows with ascending "kimg"."""
        return self.seen.rows

    @property
    def scores(self) -> list[dict[str, float]]:
        """Scores with ascending "kimg"."""
        return self.seen.scores

    @property
    def grids(self) -> list[str]:
        """Keys of sample grids, the latest last."""
        return self.seen.grids

    def __enter__(self) -> Recorder:
        if self._config.resume:
            self._guard(self._remember)
        self._tracking = Tracking(self._config, self._store, self._say)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._bar is not None:
            self._bar.close()
        self._writer.close()
        if self._lines:
            self._guard(self._sync)
            self.seen.state = self._ending(error)
            self._guard(self._watch.write, self.seen)
        self._tracking.close(ok=self.result is not None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ending(self, error: BaseException | None) -> str:
        if self.result is not None:
            return "finished"
        if self.error is not None:
            return f"stopped: {self.error}"
        return "interrupted: --resume goes on" if error is None or isinstance(error, KeyboardInterrupt) else f"stopped: {error}"

    def _remember(self) -> None:
        self.seen = load_history(self._store)

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
            self._guard(self._record, kind, item)
        if self._lines and time.monotonic() - self._synced > max(SYNC_S, self._sync_took / SYNC_SHARE):
            self._guard(self._sync)
            self._guard(self._show)

    def _record(self, kind: str, item: Any) -> None:
        getattr(self, f"_on_{kind}")(item)

    def _guard(self, take: Callable[..., None], *item: Any) -> None:
        """A log that cannot be written is said, and training goes on: its checkpoints have their own way."""
        try:
            take(*item)
        except GanrayError as error:
            self._say(f"not recorded: {error}")
        except Exception as error:  # a defect of ours, a disk that is full: the thread that records must outlive both
            self._say(f"not recorded: {type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.update(0.0, text)
        print(f"train: {text}", file=sys.stderr, flush=True)

    def _on_log(self, row: dict[str, float]) -> None:
        kimg = row["kimg"]
        if self._bar is None:
            self._bar = Progress("train", self._config.kimg, "kimg", start=self._counted)
        self._bar.update(kimg - self._counted, note(row))
        self._counted = kimg
        append_row(self.rows, row)
        row["eta_s"] = seconds_left(self.rows, self._config, time.monotonic() - self._began)
        self._lines.append(json.dumps(row))
        self._scalars(row)

    def _scalars(self, row: dict[str, float], prefix: str = "") -> None:
        """To TensorBoard, and to trackers."""
        for name, value in row.items():
            if name != "kimg":
                self._writer.add_scalar(prefix + name, value, global_step=round(row["kimg"] * 1000))
        self._tracking.log({name if name == "kimg" else prefix + name: value for name, value in row.items()})

    def _on_grid(self, item: tuple[float, bytes]) -> None:
        kimg, png = item
        key = grid_key(kimg)
        self._store.put(key, png)
        self.seen.grids = [*(other for other in self.grids if other < key), key]  # a run that was thrown back draws them again
        self._tracking.picture(key.rpartition("/")[2], png, kimg)
        self._watch.add(key, png)
        self._show()

    def _show(self) -> None:
        """Page and film, as often as their share of the time allows."""
        if self._watch.due():
            self._watch.write(self.seen)

    def _on_score(self, row: dict[str, float]) -> None:
        """Scores of a moment of the run: its line is kept by the actor that measured it."""
        append_row(self.seen.scores, row)
        self._scalars(row, "score/")
        self._say(f"at {row['kimg']:g} kimg: " + ", ".join(f"{title} {row[name]:.3g}" for name, title in SCORES.items() if name in row))

    def _on_note(self, text: str) -> None:
        self._say(text)

    def _on_checkpoint(self, row: dict[str, float]) -> None:
        self._sync()
        self._show()

    def _on_start(self, kimg: float) -> None:
        """A worker group begins: at 0, or where the last checkpoint was."""
        if kimg:
            self._say(f"resumed at {kimg:g} kimg")
        if self._bar is None:
            self._counted, self._began = kimg, time.monotonic()

    def _on_result(self, result: dict[str, Any]) -> None:
        self.result = result

    def _on_left(self, kimg: float) -> None:
        self._say(f"left at {kimg:g} kimg, after a checkpoint")
        self.left = kimg

    def _on_error(self, error: GanrayError) -> None:
        self.error = error

    def _sync(self) -> None:
        """Copy the logs into the run's store: appended locally, put whole (they are small)."""
        started = time.monotonic()
        try:
            self._store.put(f"{LOGS}/{self._run}/{METRICS}", ("\n".join(self._lines) + "\n").encode())
            self._writer.flush()
            for path in self._folder.glob("events.*"):
                self._store.put(f"{LOGS}/{self._run}/{path.name}", path.read_bytes())
        finally:
            self._synced = time.monotonic()
            self._sync_took = self._synced - started


def note(row: dict[str, float]) -> str:
    """What stands behind the bar; penalties that are not taken are not shown."""
    parts = [f"{name} {row[key]:.3g}" for key, name in NOTES.items() if row.get(key)]
    return ", ".join([*parts, *([f"data wait {100 * row['data_wait']:.2g} %"] if "data_wait" in row else [])])


NOTES = {"img_per_s": "img/s", "loss_d": "D", "loss_g": "G", "logit": "logit", "r1": "R1", "r2": "R2", "gpu_gib": "GPU GiB"}
SCORES = {
    "frechet": RUN_FIGURES["frechet"].in_text,
    "frechet_floor": "of photos",
    **{name: RUN_FIGURES[name].in_text for name in ("coverage", "accuracy", "neighbour_ratio", MERIT)},
}
