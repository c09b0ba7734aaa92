"""MLflow and Weights & Biases beside TensorBoard, for who asks with `--track`. Each is set up by its own environment variables.

A tracker lives in a thread of its own behind a bounded queue: one that fails, hangs or does not keep up is said once and left behind, and
neither the training nor the recorder ever waits for it. A resumed training goes on in the tracker's same run (`logs/NAME.json` names it).
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ganray import __version__
from ganray.config import TrainConfig
from ganray.errors import ConfigError, GanrayError, ObjectNotFound
from ganray.storage import Store

QUEUE_LENGTH = 512  # messages that a tracker may be behind: at the usual pace, hours
FINISH_S = 60.0  # seconds that the end of a run gives it to catch up
EXPERIMENT = "ganray"  # unless the tracker's own variable names another
Row = dict[str, float]


class Tracker(Protocol):
    """What a tracker does. `run` is its own name of the run, to resume it later."""

    run: str
    place: str

    def log(self, row: Row) -> None:
        """Take figures of the moment row["kimg"]."""

    def picture(self, path: Path, kimg: float) -> None:
        """Take a labelled PNG as it is: its bytes carry the label."""

    def close(self, ok: bool) -> None:
        """The run has ended."""


@dataclass(frozen=True)
class TrackerSpec:
    """A row of TRACKERS: the packages it needs (module: distribution), and how to begin a run ("" = a new one, else one to go on with)."""

    needs: dict[str, str]
    begin: Callable[[TrainConfig, str], Tracker]


class Mlflow:
    """A run in the experiment `ganray` (or MLFLOW_EXPERIMENT_NAME) of the server or database at MLFLOW_TRACKING_URI."""

    def __init__(self, config: TrainConfig, run: str) -> None:
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # else they tell of every table that they make
        self._client = MlflowClient()
        self.run = self._known(run) or self._new(config, os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
        self.place = f"run {self.run} at {self._client.tracking_uri}"

    def _known(self, run: str) -> str:
        """The run to go on with, opened again; "" where this server has none of that name."""
        from mlflow.exceptions import MlflowException

        if not run:
            return ""
        try:
            self._client.update_run(run, status="RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return ""
        return run

    def _new(self, config: TrainConfig, experiment: str) -> str:
        from mlflow.entities import Param

        found = self._client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else self._client.create_experiment(experiment)
        run: str = self._client.create_run(number, run_name=name_of(config), tags={"ganray": __version__}).info.run_id
        params = [Param(name, str(value)) for name, value in flat(config.model_dump(mode="json"))]
        for start in range(0, len(params), 100):  # as many as one call takes
            self._client.log_batch(run, params=params[start : start + 100])
        return run

    def log(self, row: Row) -> None:
        """See `Tracker`: the step is images seen."""
        from mlflow.entities import Metric

        now, step = round(time.time() * 1000), round(1000 * row["kimg"])
        self._client.log_batch(self.run, metrics=[Metric(name, value, now, step) for name, value in row.items()])

    def picture(self, path: Path, kimg: float) -> None:
        """See `Tracker`."""
        self._client.log_artifact(self.run, str(path), "grids")

    def close(self, ok: bool) -> None:
        """See `Tracker`."""
        self._client.set_terminated(self.run, "FINISHED" if ok else "FAILED")


class Wandb:
    """A run in the project `ganray` (or WANDB_PROJECT); online, or into a folder with WANDB_MODE=offline."""

    def __init__(self, config: TrainConfig, run: str) -> None:
        import wandb

        self._wandb = wandb
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", EXPERIMENT),
            id=run or None,
            resume="allow" if run else None,
            name=name_of(config),
            config=config.model_dump(mode="json"),
            settings=wandb.Settings(silent=True, console="off"),  # else it takes over the output that the bar is drawn on
        )
        self._run.define_metric("kimg")
        self._run.define_metric("*", step_metric="kimg")  # a run that was interrupted goes back a little, which wandb's own steps cannot
        self.run = str(self._run.id)
        self.place = f"run {self.run} in {Path(self._run.dir).parent}" if self._run.offline else str(self._run.url)

    def log(self, row: Row) -> None:
        """See `Tracker`."""
        self._run.log(row)

    def picture(self, path: Path, kimg: float) -> None:
        """See `Tracker`: given as a file, it is copied and not encoded again."""
        self._run.log({"kimg": kimg, "grid": self._wandb.Image(str(path))})

    def close(self, ok: bool) -> None:
        """See `Tracker`."""
        self._run.finish(exit_code=0 if ok else 1)


TRACKERS: dict[str, TrackerSpec] = {
    "mlflow": TrackerSpec({"mlflow": "mlflow-skinny", "sqlalchemy": "sqlalchemy", "alembic": "alembic"}, Mlflow),
    "wandb": TrackerSpec({"wandb": "wandb"}, Wandb),
}


def require(names: Iterable[str]) -> None:
    """Raises ConfigError unless the packages of these trackers are installed."""
    for name in names:
        missing = [package for module, package in TRACKERS[name].needs.items() if importlib.util.find_spec(module) is None]
        if missing:
            raise ConfigError(
                f"train: track = {name} needs {', '.join(missing)}, not installed",
                f"Run pip install {' '.join(missing)}, or leave {name} out of --track",
            )


class Tracking:
    """All trackers of a run; no method raises or waits, but `close`, which waits for at most `PATIENCE` seconds."""

    def __init__(self, config: TrainConfig, store: Store, say: Callable[[str], None]) -> None:
        self._threads = [_Follower(name, config, store, say) for name in dict.fromkeys(config.track)]

    def log(self, row: Row) -> None:
        """Send figures; row["kimg"] is the moment."""
        for thread in self._threads:
            thread.send(lambda tracker: tracker.log(row))

    def picture(self, name: str, png: bytes, kimg: float) -> None:
        """Send a picture, with its label in its bytes."""

        def show(tracker: Tracker) -> None:
            with tempfile.TemporaryDirectory(prefix="ganray-picture-") as folder:
                path = Path(folder, name)
                path.write_bytes(png)
                tracker.picture(path, kimg)

        for thread in self._threads:
            thread.send(show)

    def close(self, ok: bool) -> None:
        """End the runs."""
        for thread in self._threads:
            thread.send(lambda tracker: tracker.close(ok))
            thread.send(None)
        end = time.monotonic() + FINISH_S
        for thread in self._threads:
            thread.finish(end)


class _Follower:
    """One tracker in its thread."""

    def __init__(self, name: str, config: TrainConfig, store: Store, say: Callable[[str], None]) -> None:
        self._name, self._config, self._store, self._say = name, config, store, say
        self._queue: queue.Queue[Callable[[Tracker], None] | None] = queue.Queue(QUEUE_LENGTH)
        self._left = False  # this tracker gets nothing more
        self._thread = threading.Thread(target=self._follow, name=f"track-{name}", daemon=True)
        self._thread.start()

    def send(self, call: Callable[[Tracker], None] | None) -> None:
        if self._left:
            return
        try:
            self._queue.put_nowait(call)
        except queue.Full:
            self._leave(f"does not keep up, {QUEUE_LENGTH} messages wait for it")

    def finish(self, end: float) -> None:
        self._thread.join(max(0.0, end - time.monotonic()))
        if self._thread.is_alive() and not self._left:
            self._leave(f"has not taken its last message within {FINISH_S:g} s")

    def _follow(self) -> None:
        try:
            tracker = TRACKERS[self._name].begin(self._config, self._known())
            self._say(f"{self._name}: {tracker.place}")
            self._keep(tracker.run)
            while not self._left and (call := self._queue.get()) is not None:
                call(tracker)
        except Exception as error:  # whatever it is, it is theirs, and no reason to stop a training
            self._leave(f"failed ({' '.join(str(error).split())[:300] or type(error).__name__})")

    def _leave(self, why: str) -> None:
        if not self._left:
            self._left = True
            self._say(f"{self._name} {why}: it gets no more of this run, which goes on")

    def _known(self) -> str:
        """The tracker's own name of the run that is resumed, "" for a new one."""
        if not self._config.resume:
            return ""
        try:
            return str(json.loads(self._store.get(self._key()))["run"])
        except (ObjectNotFound, ValueError, KeyError, TypeError):
            return ""

    def _keep(self, run: str) -> None:
        try:
            self._store.put(self._key(), json.dumps({"run": run}).encode())
        except GanrayError as error:
            self._say(f"{self._name}: a resumed training will begin a new run: {error}")

    def _key(self) -> str:
        return f"logs/{self._name}.json"


def name_of(config: TrainConfig) -> str:
    """What a person knows the run by: the last two names of the model folder's place."""
    return "/".join(config.out.rstrip("/").split("/")[-2:])


def flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested keys as `section.key`."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
