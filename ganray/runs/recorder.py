"""What a training run leaves behind while it runs: the live bar, TensorBoard scalars, a JSON line a report, sample grids, a page, a film.

Workers send messages to a mailbox and never wait; a thread of the driver drains it and writes to the run's store. Trackers (trackers.py)
have threads of their own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboardX import SummaryWriter

from ganray.config import TrainConfig
from ganray.errors import GanrayError, NonFiniteError
from ganray.metrics import MERIT, RUN_FIGURES
from ganray.progress import Progress
from ganray.runs.ending import RunOutcome
from ganray.runs.history import LOGS, METRICS, RunHistory, append_row, grid_key, load_history
from ganray.runs.live_page import LivePage
from ganray.runs.mailbox import Mailbox, MailboxClosed
from ganray.runs.messages import Checkpointed, CheckpointWritten, Failed, Grid, HandedOver, Log, Message, Note, Result, Row, Score, Started
from ganray.runs.run_page import seconds_left
from ganray.runs.trackers import Tracking
from ganray.storage import Store

POLL_S = 0.5
METRIC = "ganray_train"  # the name of the live numbers
STOPPED = "stopped"  # how the state of a run begins that an error has ended
SYNC_S, SYNC_SHARE = 30.0, 0.05  # between copies of the logs, and the most of the time that they may take: logs of long runs grow


class LiveNumbers:
    """What alerts on a run look at: its newest row, when that came, when a checkpoint was whole, and how the run ended.

    `publish` takes all of them each time. Times are seconds since 1970: who reads them knows the age even where the run is silent.
    """

    def __init__(self, config: TrainConfig, publish: Callable[[dict[str, float]], None] = lambda numbers: None) -> None:
        self._publish, self._now = publish, time.time
        now, minutes = self._now(), config.checkpoint_minutes
        self._numbers = {"goal_kimg": config.kimg, "checkpoint_minutes": minutes, "checkpoint_time": now, "updated": now}
        self._numbers |= {"running": 1.0, "failed": 0.0, "non_finite": 0.0, "starts": 0.0}
        publish(dict(self._numbers))  # workers that never start are a stall, too

    def take(self, message: Message) -> None:
        """Take what a worker has sent."""
        match message:
            case Started(kimg):
                changes = {"kimg": kimg, "starts": self._numbers["starts"] + 1, "updated": self._now()}
            case Log(row):
                changes = row | {"updated": self._now()}
            case CheckpointWritten(kimg):
                changes = {"checkpoint_kimg": kimg, "checkpoint_time": self._now()}
            case Failed(error):
                changes = {"non_finite": float(isinstance(error, NonFiniteError))}
            case _:
                return
        self._numbers |= changes
        self._publish(dict(self._numbers))

    def end(self, failed: bool) -> None:
        """The run has ended; `failed` where neither a model came of it nor a person stopped it."""
        self._numbers |= {"running": 0.0, "failed": float(failed)}
        self._publish(dict(self._numbers))


class Recorder:
    """`with Recorder(...)`: drains the mailbox until the block ends; `outcome` tells how the run ended.

    The history of a resumed run begins with what it left before.
    """

    def __init__(self, mailbox: Mailbox, store: Store, config: TrainConfig, numbers: LiveNumbers | None = None) -> None:
        self._mailbox, self._store, self._config = mailbox, store, config
        self._numbers = numbers or LiveNumbers(config)
        self._folder = Path(tempfile.mkdtemp(prefix="ganray-logs-"))
        self._writer = SummaryWriter(logdir=str(self._folder))
        self._lines: list[str] = []
        self._run = time.strftime("%Y%m%d-%H%M%S")
        self._bar: Progress | None = None
        self._counted = 0.0  # thousand images that the bar has counted
        self._began = time.monotonic()
        self._synced, self._sync_took = self._began, 0.0
        self._page = LivePage(store, config)
        self._draining = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="recorder", daemon=True)
        self._outcome = RunOutcome()
        self.history = RunHistory()

    @property
    def outcome(self) -> RunOutcome:
        """How the run ended, as far as is known now."""
        return replace(self._outcome, rows=tuple(self.history.rows), grids=tuple(self.history.grids))

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
            self.history.state = self._ending(error)
            self._guard(self._page.write, self.history)
        self._tracking.close(ok=self._outcome.result is not None)
        self._guard(self._numbers.end, self._ending(error).startswith(STOPPED))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ending(self, error: BaseException | None) -> str:
        if self._outcome.result is not None:
            return "finished"
        if self._outcome.error is not None:
            return f"{STOPPED}: {self._outcome.error}"
        return "interrupted: --resume goes on" if error is None or isinstance(error, KeyboardInterrupt) else f"{STOPPED}: {error}"

    def _remember(self) -> None:
        self.history = load_history(self._store)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_S):
            self.drain()
        self.drain()

    def drain(self) -> None:
        """Take and record the messages that are there."""
        with self._draining:  # in their order, whoever drains
            try:
                messages = self._mailbox.drain()
            except MailboxClosed:  # the run is going down; whoever waits for it learns why
                return
            for message in messages:
                self._guard(self._record, message)
            if self._lines and time.monotonic() - self._synced > max(SYNC_S, self._sync_took / SYNC_SHARE):
                self._guard(self._sync)
                self._guard(self._show)

    def _record(self, message: Message) -> None:
        match message:
            case Log(row):
                self._log(row)
            case Grid(kimg, png):
                self._add_grid(kimg, png)
            case Score(row):
                self._add_score(row)
            case Checkpointed():
                self._sync()
                self._show()
            case Note(text):
                self._say(text)
            case Started(kimg):
                self._start(kimg)
            case Result():
                self._outcome = replace(self._outcome, result=message)
            case Failed(error):
                self._outcome = replace(self._outcome, error=error)
            case HandedOver(kimg):
                self._say(f"stopped at {kimg:g} kimg, after a checkpoint")
                self._outcome = replace(self._outcome, handed_over_kimg=kimg)
        self._numbers.take(message)  # a row has the time that is left by now

    def _guard(self, take: Callable[..., None], *item: Any) -> None:
        """What cannot be recorded is reported, and training goes on: its checkpoints are written elsewhere."""
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

    def _log(self, row: Row) -> None:
        kimg = row["kimg"]
        if self._bar is None:
            self._bar = Progress("train", self._config.kimg, "kimg", start=self._counted)
        self._bar.update(kimg - self._counted, note(row))
        self._counted = kimg
        append_row(self.history.rows, row)
        row["eta_s"] = seconds_left(self.history.rows, self._config, time.monotonic() - self._began)
        self._lines.append(json.dumps(row))
        self._scalars(row)

    def _scalars(self, row: Row, prefix: str = "") -> None:
        """To TensorBoard, and to trackers."""
        for name, value in row.items():
            if name != "kimg":
                self._writer.add_scalar(prefix + name, value, global_step=round(row["kimg"] * 1000))
        self._tracking.log({name if name == "kimg" else prefix + name: value for name, value in row.items()})

    def _add_grid(self, kimg: float, png: bytes) -> None:
        key = grid_key(kimg)
        self._store.put(key, png)
        self.history.grids = [*(other for other in self.history.grids if other < key), key]  # a run that was thrown back draws them again
        self._tracking.picture(key.rpartition("/")[2], png, kimg)
        self._page.add(key, png)
        self._show()

    def _show(self) -> None:
        """Page and film, as often as their share of the time allows."""
        if self._page.due():
            self._page.write(self.history)

    def _add_score(self, row: Row) -> None:
        """Scores of a moment of the run: its line is kept by the process that measured it."""
        append_row(self.history.scores, row)
        self._scalars(row, "score/")
        self._say(f"at {row['kimg']:g} kimg: " + ", ".join(f"{title} {row[name]:.3g}" for name, title in SCORES.items() if name in row))

    def _start(self, kimg: float) -> None:
        """The workers begin: at 0, or at the last checkpoint."""
        if kimg:
            self._say(f"resumed at {kimg:g} kimg")
        if self._bar is None:
            self._counted, self._began = kimg, time.monotonic()

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
