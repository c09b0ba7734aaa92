"""Checkpoints of a run in real stores: kept beside training, retried, thinned out, found again."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest
import torch

from ganray.checkpoint import STATE, TENSORS
from ganray.config import ModelConfig, TrainConfig
from ganray.errors import CheckpointError, ObjectCorrupt, StorageError
from ganray.runs import checkpoints as module
from ganray.runs.checkpoints import CheckpointRef, Checkpoints, folders, places, restore
from ganray.storage import open_store, retry
from ganray.storage.local import LocalStore
from ganray.training.state import create_state

MODEL = ModelConfig(resolution=8, widths=(16, 16), z_dim=4, embed_dim=4, group_channels=8)
CONFIG = TrainConfig(model=MODEL, kimg=1, keep=2)
ATTRIBUTES = {"category": ("mug", "shirt")}
FULL = Path("/dev/full")


def state(num_images=0):
    made = create_state(CONFIG.model_copy(update={"seed": num_images}), (2,))
    made.num_images = num_images
    for network, optimizer in ((made.generator, made.opt_g), (made.discriminator, made.opt_d)):
        for parameter in network.parameters():
            optimizer.state[parameter] = {
                "step": torch.tensor(1.0),
                "exp_avg": torch.rand_like(parameter),
                "exp_avg_sq": torch.rand_like(parameter),
            }
    return made


@pytest.fixture
def said():
    return []


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return open_store(str(tmp_path) if request.param == "local" else f"memory://{request.node.name}")


@pytest.fixture
def quick(monkeypatch):
    """Attempts in quick succession, so that a test need not wait."""
    monkeypatch.setattr(retry, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 0.02)


def keep(store, said, *clocks):
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    for clock in clocks:
        kept.keep(state(clock))
        kept.flush(20)
    kept.close()


def test_the_newest_state_comes_back_bit_equal(store, said):
    keep(store, said, 16, 100_000_032, 48)
    fresh = state()
    place = restore(fresh, store, CONFIG, ATTRIBUTES, said.append)
    assert place.num_images == fresh.num_images == 100_000_032
    ours, theirs = state(100_000_032).export()[0], fresh.export()[0]
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if not name.startswith("opt"))
    assert said == []


def test_a_checkpoint_is_announced_when_it_is_whole(store, said):
    written = []

    def announce(kimg):
        assert next(place.num_images for place in places(store)) == 1000 * kimg
        written.append(kimg)

    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append, announce)
    for clock in (100, 200):
        kept.keep(state(clock))
        kept.flush()
    kept.close()
    assert written == [0.1, 0.2]


def test_a_run_that_has_none_begins_at_the_start(store, said):
    assert restore(state(), store, CONFIG, ATTRIBUTES, said.append) is None


def test_only_the_newest_are_kept_and_nothing_of_the_others(store, said):
    unfinished = CheckpointRef.new(8).folder
    store.put(f"{unfinished}/{TENSORS}", b"cut off")
    keep(store, said, 16, 32, 48, 64)
    assert [place.num_images for place in places(store)] == [64, 48]
    assert len(set(folders(store))) == 2


def test_the_same_clock_again_is_another_folder(store, said):
    keep(store, said, 16, 16)
    assert [place.num_images for place in places(store)] == [16, 16]


def test_what_a_killed_writer_left_hidden_goes_too(tmp_path, said):
    left = tmp_path / CheckpointRef.new(8).folder
    left.mkdir(parents=True)
    (left / ".ganray-0123").write_bytes(b"half")
    keep(LocalStore(tmp_path), said, 16)
    assert not left.exists()


def test_an_unfinished_checkpoint_is_none(store, said):
    keep(store, said, 16)
    store.put(f"{CheckpointRef.new(32).folder}/{TENSORS}", b"no description yet")
    fresh = state()
    assert restore(fresh, store, CONFIG, ATTRIBUTES, said.append).num_images == 16


def test_a_damaged_checkpoint_gives_way_to_an_older_one(store, said):
    keep(store, said, 16, 32)
    newest = f"{places(store)[0].folder}/{TENSORS}"
    store.put(newest, store.get(newest)[:-4] + b"ruin")
    fresh = state()
    assert restore(fresh, store, CONFIG, ATTRIBUTES, said.append).num_images == 16
    assert "the checkpoint of 0.032 kimg is damaged" in said[0]
    oldest = f"{places(store)[1].folder}/{TENSORS}"
    store.put(oldest, b"")
    with pytest.raises(ObjectCorrupt, match="has digest"):
        restore(fresh, store, CONFIG, ATTRIBUTES, said.append)


def test_a_checkpoint_of_another_model_is_refused_and_not_passed_over(store, said):
    keep(store, said, 16, 32)
    other = CONFIG.model_copy(update={"model": MODEL.model_copy(update={"z_dim": 8})})
    with pytest.raises(CheckpointError, match=r"model\.z_dim 4, this run has 8"):
        restore(create_state(other, (2,)), store, other, ATTRIBUTES, said.append)


def test_what_training_does_next_is_not_in_it(store, said):
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    training = state(16)
    before = {name: tensor.clone() for name, tensor in training.export()[0].items()}
    kept.keep(training)
    with torch.no_grad():
        for parameter in training.generator.parameters():
            parameter.zero_()
    kept.flush(20)
    fresh = state()
    restore(fresh, store, CONFIG, ATTRIBUTES, said.append)
    assert all(torch.equal(before[name], tensor) for name, tensor in fresh.export()[0].items())


class Failing(LocalStore):
    """A folder whose disk is full while `full` is set."""

    def __init__(self, root):
        super().__init__(root)
        self.full, self.attempts = threading.Event(), 0

    def put(self, key, data):
        if self.full.is_set() and key.endswith(TENSORS):
            self.attempts += 1
            with self._reported(key), FULL.open("wb", buffering=0) as device:  # a real ENOSPC
                device.write(data[:4096])
        return super().put(key, data)

    def child(self, prefix):
        return _Child(self, prefix)


class _Child(LocalStore):
    def __init__(self, parent, prefix):
        super().__init__(parent.root / prefix)
        self.parent, self.prefix = parent, prefix

    def put(self, key, data):
        return self.parent.put(f"{self.prefix}/{key}", data)


needs_dev_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


@needs_dev_full
def test_a_full_disk_is_tried_again_until_there_is_room(tmp_path, said, quick):
    store = Failing(tmp_path)
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    store.full.set()
    started = time.monotonic()
    kept.keep(state(16))
    assert time.monotonic() - started < retry.PATIENCE_S / 10  # not held up: a write in this thread is tried for PATIENCE_S
    while store.attempts < 3:
        time.sleep(0.01)
    assert places(store) == []
    store.full.clear()
    kept.flush(20)
    kept.close()
    assert [place.num_images for place in places(store)] == [16]
    assert "the checkpoint of 0.016 kimg could not be written, trying again" in said[0]
    assert "the disk is full" in said[0]
    assert "the checkpoint of 0.016 kimg is written, after" in said[1]
    assert len(said) == 2


@needs_dev_full
def test_the_next_checkpoint_takes_the_place_of_one_that_cannot_be_written(tmp_path, said, quick):
    store = Failing(tmp_path)
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    kept.keep(state(16))
    kept.flush(20)
    store.full.set()
    kept.keep(state(32))
    while not store.attempts:
        time.sleep(0.01)
    kept.keep(state(48))
    while not any("was not kept" in line for line in said):
        time.sleep(0.01)
    store.full.clear()
    kept.flush(20)
    kept.close()
    assert [place.num_images for place in places(store)] == [48, 16]
    assert any("the checkpoint of 0.032 kimg was not kept, the next one takes its place" in line for line in said)


@needs_dev_full
def test_a_run_that_keeps_nothing_for_long_ends_and_says_why(tmp_path, said, quick, monkeypatch):
    monkeypatch.setattr(retry, "PATIENCE_S", 0.5)
    store = Failing(tmp_path)
    store.full.set()
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    with pytest.raises(StorageError, match=r"no checkpoint could be kept for \d+ s: .*the disk is full.*--resume"):
        for clock in itertools.count(16, 16):
            kept.keep(state(clock))
            time.sleep(0.1)
    kept.close()


@needs_dev_full
def test_settling_has_a_limit(tmp_path, said, quick):
    store = Failing(tmp_path)
    store.full.set()
    kept = Checkpoints(store, CONFIG, ATTRIBUTES, said.append)
    kept.keep(state(16))
    with pytest.raises(StorageError, match="the disk is full"):
        kept.flush(0.3)
    kept.close()


def test_a_defect_is_raised_where_training_is(tmp_path, said, monkeypatch):
    kept = Checkpoints(LocalStore(tmp_path), CONFIG, ATTRIBUTES, said.append)
    monkeypatch.setattr(module, "save_state", lambda *args: 1 / 0)
    kept.keep(state(16))
    with pytest.raises(ZeroDivisionError):
        kept.flush(20)
    assert not (tmp_path / CheckpointRef.new(16).folder / STATE).exists()
    kept.close()
