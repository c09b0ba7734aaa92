"""Runs through Ray Train: the same bits as in one process, several workers, and what happens on one of them."""

import hashlib
from functools import partial
from pathlib import Path

import pytest
import ray
import torch

from ganray.errors import CatalogError, NonFiniteError
from ganray.on_ray.worker_group import RayWorkerGroup
from ganray.runs.mailbox import MailboxClosed
from ganray.verbs.train import train
from tests.tools.runs import checkpoints, differing, learned, tiny, weights

pytestmark = pytest.mark.ray


def on_workers(change):
    """A worker group that runs `change(rank)` in every worker before it starts."""

    def worker(config):
        import ray.train

        from ganray.on_ray.worker import train_worker

        change(ray.train.get_context().get_world_rank())
        train_worker(config)

    return partial(RayWorkerGroup, worker=worker)


def test_one_worker_learns_the_same_bits_on_ray_and_in_this_process(cluster, small_catalog, tmp_path):
    """Two thirds of a run on Ray, begun in this process. No actor is left behind."""
    groups = []

    def make_group(config):
        groups.append(RayWorkerGroup(config))
        return groups[-1]

    train(tiny(small_catalog, tmp_path / "local"))
    both = tiny(small_catalog, tmp_path / "both", optimizer={"decay_kimg": 0.192}, resume=True)
    train(both.model_copy(update={"kimg": 0.064}))
    train(both, make_group)
    assert differing(learned(tmp_path / "local"), learned(tmp_path / "both")) == []
    with pytest.raises(MailboxClosed):
        groups[0].mailbox.drain()


@pytest.mark.slow
@pytest.mark.long
def test_a_run_that_was_begun_on_ray_is_ended_in_this_process(cluster, small_catalog, tmp_path):
    train(tiny(small_catalog, tmp_path / "ray", executor="ray"))
    both = tiny(small_catalog, tmp_path / "both", optimizer={"decay_kimg": 0.192})
    train(both.model_copy(update={"kimg": 0.064, "executor": "ray"}))
    train(both.model_copy(update={"resume": True}))
    assert differing(learned(tmp_path / "ray"), learned(tmp_path / "both")) == []


@pytest.mark.slow
@pytest.mark.long
def test_two_workers_keep_equal_weights_and_resume_exactly(cluster, small_catalog, tmp_path):
    """Each rank writes a digest of its weights at the end: equal between ranks, and between a whole run and one in two halves."""
    folder = str(tmp_path)

    def change(rank):
        from ganray.runs import worker

        original = worker.fit

        def fit(state, batches, config, context, step):
            done = original(state, batches, config, context, step)
            tensors, _ = state.export()
            digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in tensors.values())).hexdigest()
            Path(folder, f"{Path(config.out).name}-{rank}").write_text(digest)
            return done

        worker.fit = fit

    group, same = on_workers(change), {"executor": "ray", "workers": 2, "optimizer": {"decay_kimg": 0.192}}
    train(tiny(small_catalog, tmp_path / "whole", **same), group)
    train(tiny(small_catalog, tmp_path / "halves", kimg=0.064, **same), group)
    train(tiny(small_catalog, tmp_path / "halves", resume=True, **same), group)
    digests = {(tmp_path / f"{name}-{rank}").read_text() for name in ("whole", "halves") for rank in (0, 1)}
    assert len(digests) == 1


@pytest.mark.slow
def test_an_error_on_one_rank_ends_the_run_at_once(cluster, small_catalog, tmp_path):
    def change(rank):
        from ganray.on_ray import worker

        def stream(*rest):
            raise CatalogError("rank 1 has no way to the catalog")

        if rank:
            worker.stream = stream

    with pytest.raises(CatalogError, match="rank 1 has no way"):
        train(tiny(small_catalog, tmp_path / "m", executor="ray", workers=2), on_workers(change))


@pytest.mark.slow
@pytest.mark.long
def test_a_nan_in_one_worker_s_batch_stops_all_and_is_not_kept(cluster, small_catalog, tmp_path):
    """In the last worker's seventh batch, after the checkpoint of 64 images; with --resume, and no NaN, the run goes on from there."""

    def change(rank):
        from ganray.training import loop

        original, taken = loop.to_float, []

        def to_float(images, channels):
            taken.append(images)
            real = original(images, channels)
            if rank == 1 and len(taken) == 7:
                real[0] = float("nan")
            return real

        loop.to_float = to_float

    config = tiny(small_catalog, tmp_path / "m", executor="ray", workers=2)
    with pytest.raises(NonFiniteError, match=r"became non-finite between 96 and 128 images.*Resume from the last checkpoint"):
        train(config, on_workers(change))
    assert checkpoints(tmp_path / "m") == [64]
    train(config.model_copy(update={"resume": True, "workers": 1, "executor": "local"}))
    assert all(tensor.isfinite().all() for tensor in learned(tmp_path / "m").values())


@pytest.mark.slow
@pytest.mark.long
def test_another_number_of_workers_goes_on_with_the_same_batches(cluster, small_catalog, tmp_path, capfd):
    whole, changed = tmp_path / "whole", tmp_path / "changed"
    train(tiny(small_catalog, whole))
    train(tiny(small_catalog, changed, kimg=0.064, executor="ray", workers=2, optimizer={"decay_kimg": 0.192}))
    capfd.readouterr()
    train(tiny(small_catalog, changed, optimizer={"decay_kimg": 0.192}, resume=True))
    output = capfd.readouterr().err
    assert "resuming with other settings: workers 2 -> 1" in output
    assert "resumed at 0.064 kimg" in output
    ours, theirs = weights(whole), weights(changed)
    apart = sum((ours[name] - theirs[name]).double().square().sum() for name in ours).sqrt()
    assert apart < 0.01 * torch.stack([tensor.double().norm() for tensor in ours.values()]).norm()


def test_tasks_come_back_in_their_order(cluster, small_catalog):
    group = RayWorkerGroup(tiny(small_catalog, "unused"))
    ended: list[int] = []
    assert group.run_tasks([partial(list, word) for word in ("ab", "c")], ended.append) == [["a", "b"], ["c"]] and sum(ended) == 2
    group.close()
    with pytest.raises(ray.exceptions.RayActorError):
        group.mailbox.failed()
