"""The checkpoints of a run in its store: written beside training by a thread, found again whole or not at all.

Ray Train's own way holds up every rank until the upload is done, ends the worker group where it fails, and rewrites its list of
checkpoints in place: a driver killed meanwhile leaves a run that cannot go on. Here a checkpoint is a folder with two objects, of which
`state.json` is written last; the newest folder that has it is where a run goes on.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ganray.checkpoint import STATE, Attributes, Restorable, Saveable, Snapshot, load_state, save_state
from ganray.config import TrainConfig
from ganray.errors import GanrayError, ObjectCorrupt, StorageError
from ganray.runs.background import LatestItemWorker
from ganray.storage import Store, retry
from ganray.storage.local import LocalStore

FOLDER = "checkpoints"
MOST_MISSED = 3  # checkpoints in a row that were not kept, and no patience left: then the run ends


@dataclass(frozen=True)
class CheckpointRef:
    """A checkpoint in the store: its folder, and the clock when it was taken."""

    folder: str
    num_images: int

    @staticmethod
    def new(num_images: int) -> CheckpointRef:
        """A folder that no other attempt has: a run that was thrown back comes by the same clock again."""
        return CheckpointRef(f"{FOLDER}/kimg-{num_images / 1000:09.3f}-{time.time_ns():x}", num_images)


def places(store: Store) -> list[CheckpointRef]:
    """Whole checkpoints, the newest first."""
    found = []
    for info in store.list(FOLDER, suffix="/" + STATE):
        folder = info.key.removesuffix("/" + STATE)
        with suppress(ValueError, IndexError):
            found.append(CheckpointRef(folder, round(1000 * float(folder.rpartition("/kimg-")[2].split("-")[0]))))
    return sorted(found, key=lambda place: (place.num_images, place.folder), reverse=True)


def restore(
    state: Restorable, store: Store, config: TrainConfig, attributes: Attributes, say: Callable[[str], None]
) -> CheckpointRef | None:
    """Put the newest checkpoint that is undamaged into `state`; None where there is none yet.

    Raises CheckpointError where it is of another model, or where all are damaged.
    """
    damage: ObjectCorrupt | None = None
    for place in places(store):
        try:
            load_state(state, store.child(place.folder), config, attributes)
            return place
        except ObjectCorrupt as error:
            damage = error
            say(f"the checkpoint of {place.num_images / 1000:g} kimg is damaged, an older one is taken: {error.message}")
    if damage:
        raise damage
    return None


class Checkpoints:
    """Keeps the newest states of a run: `keep` returns at once, a thread writes.

    A store that fails is tried again, with pauses, until it works or the next checkpoint takes the place of this one; training goes on
    meanwhile. `say` gets lines for a person, `written` the moment of each checkpoint that is whole. Use by one thread, on rank 0 alone.
    """

    def __init__(
        self,
        store: Store,
        config: TrainConfig,
        attributes: Attributes,
        say: Callable[[str], None],
        written: Callable[[float], None] = lambda kimg: None,
    ) -> None:
        self._store, self._config, self._attributes, self._say, self._written = store, config, attributes, say, written
        self._missed, self._kept_at = 0, time.monotonic()
        self._problem: GanrayError | None = None
        self._writer: LatestItemWorker[Snapshot] = LatestItemWorker("checkpoints", self._write)

    def keep(self, state: Saveable) -> None:
        """Take a copy of the state and leave it to the thread. Raises StorageError where none could be written for too long."""
        if self._missed >= MOST_MISSED and time.monotonic() - self._kept_at > retry.PATIENCE_S:
            raise self._given_up()
        self._writer.submit(Snapshot.of(state))

    def flush(self, limit_s: float = retry.PATIENCE_S) -> None:
        """Return when the pending checkpoint is in the store. Raises StorageError where it is not there after `limit_s` seconds."""
        if not self._writer.flush(limit_s):
            raise self._given_up()

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._writer.close()

    def _given_up(self) -> StorageError:
        cause = self._problem.message if self._problem else "the store does not answer"
        seconds = time.monotonic() - self._kept_at
        return StorageError(f"no checkpoint could be kept for {seconds:.0f} s: {cause}", "Mend the store, then go on with --resume")

    def _write(self, taken: Snapshot) -> None:
        started, kimg = time.monotonic(), taken.num_images / 1000
        for pause in retry.pauses():
            try:
                self._write_once(taken)
                break
            except GanrayError as error:
                if self._problem is None:
                    self._say(f"the checkpoint of {kimg:g} kimg could not be written, trying again: {error.message}")
                self._problem = error
            if self._writer.superseded(pause):
                self._missed += 1
                self._say(f"the checkpoint of {kimg:g} kimg was not kept, the next one takes its place")
                return
        if self._problem:
            self._say(f"the checkpoint of {kimg:g} kimg is written, after {time.monotonic() - started:.0f} s")
        self._problem, self._missed, self._kept_at = None, 0, time.monotonic()
        self._written(kimg)

    def _write_once(self, taken: Snapshot) -> None:
        save_state(taken, self._store.child(CheckpointRef.new(taken.num_images).folder), self._config, self._attributes)
        with suppress(GanrayError):  # what is left over costs space only, and the next checkpoint tries again
            self._remove_old()

    def _remove_old(self) -> None:
        """Delete all but the newest `keep` whole checkpoints, and what unfinished ones have left that are older than those."""
        whole = [place.folder for place in places(self._store)]
        kept = whole[: self._config.keep]
        for folder in sorted(set(folders(self._store)) - set(kept)):
            if folder in whole or folder < min(kept):
                remove(self._store, folder)


def folders(store: Store) -> Iterator[str]:
    """Every checkpoint's folder, whole or not."""
    if isinstance(store, LocalStore):  # a killed writer may have left nothing but a hidden file
        yield from (f"{FOLDER}/{path.name}" for path in (store.root / FOLDER).glob("kimg-*"))
    else:
        yield from (info.key.rpartition("/")[0] for info in store.list(FOLDER) if info.key.count("/") == 2)


def remove(store: Store, folder: str) -> None:
    """Delete a checkpoint, first the part that makes it whole."""
    store.delete(f"{folder}/{STATE}")
    for info in list(store.list(folder)):
        store.delete(info.key)
    if isinstance(store, LocalStore):
        shutil.rmtree(store.root / folder, ignore_errors=True)
