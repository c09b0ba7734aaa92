import hashlib
import json
from pathlib import Path

import pytest
import ray
import torch

from ganray.catalog.order import Share
from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.errors import CatalogError, CheckpointError, ConfigError, NonFiniteError
from ganray.model_folder import load_model
from ganray.on_ray import train as module
from ganray.on_ray.train import train
from ganray.runs.preflight import check, check_catalog

ROOT = Path(__file__).parents[2]
TINY = {
    "kimg": 0.192,
    "batch": 16,
    "checkpoint_kimg": 0.064,
    "log_kimg": 0.032,
    "grid_kimg": 0.096,
    "threads": 1,
    "model": {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4},
    "data": {"window": 48},
}


def config(catalog, out, **changes) -> TrainConfig:
    return TrainConfig.model_validate({**TINY, "catalog": catalog, "out": str(out), **changes})


def weights(url):
    return load_model(str(url))[0].state_dict()


@pytest.fixture(scope="module")
def run(cluster, small_catalog, tmp_path_factory):
    """One finished run, with what it printed at the end, and its board."""
    out, boards, original = tmp_path_factory.mktemp("train") / "model", [], module.make_board
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "make_board", lambda: boards.append(original()) or boards[0])
        result = train(config(small_catalog, out))
    return out, result, boards[0]


@pytest.mark.ray
def test_the_model_folder_is_whole(run, small_catalog):
    out, result, _ = run
    generator, info = load_model(str(out))
    assert (info.num_images, result["kimg"]) == (192, 0.192)
    assert list(info.attributes) == ["category", "colour"]
    assert info.histograms["category"]["mug"] == 16
    assert info.catalog_digest == Catalog.open(small_catalog).info.digest
    assert generator(torch.zeros(2, 8), torch.zeros(2, 2, dtype=torch.int64)).shape == (2, 3, 32, 32)
    rows = [json.loads(line) for path in out.glob("logs/*/metrics.jsonl") for line in path.read_text().splitlines()]
    assert [row["kimg"] for row in rows] == pytest.approx([0.032 * n for n in range(1, 7)])
    assert list(out.glob("logs/*/events.out.tfevents.*"))
    assert [path.name for path in sorted(out.glob("grids/*.png"))] == ["kimg-00000.096.png", "kimg-00000.192.png"]
    assert "What it can be asked for" in (out / "README.md").read_text()
    assert "Finished, as of" in (out / "progress.html").read_text()
    assert (out / "film.webp").read_bytes().startswith(b"RIFF")
    assert sorted(path.name for path in out.glob("checkpoints/*/*")) == ["state.json"] * 2 + ["state.safetensors"] * 2  # `keep`


@pytest.mark.ray
def test_a_run_leaves_no_actor_behind(run):
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(run[2].take.remote())


@pytest.mark.ray
def test_a_finished_run_resumed_is_the_same_model(run, small_catalog):
    out = run[0]
    before = weights(out)
    train(config(small_catalog, out, resume=True))
    after = weights(out)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.ray
def test_an_interrupted_run_resumed_ends_where_the_whole_one_does(run, small_catalog, tmp_path):
    train(config(small_catalog, tmp_path / "m", kimg=0.064, optimizer={"decay_kimg": 0.192}))
    train(config(small_catalog, tmp_path / "m", resume=True, optimizer={"decay_kimg": 0.192}))
    halves, whole = weights(tmp_path / "m"), weights(run[0])
    assert all(torch.equal(halves[name], whole[name]) for name in whole)


@pytest.mark.ray
def test_another_run_is_not_overwritten(run, small_catalog):
    with pytest.raises(CheckpointError, match="holds a run already.*--resume"):
        train(config(small_catalog, run[0]))


@pytest.mark.ray
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": TINY["model"] | {"z_dim": 9}}, "model.z_dim"),
        ({"attributes": ("category",)}, r"conditioned on \['category', 'colour'\], this run on \['category'\]"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(run, small_catalog, changes, said):
    """And nothing of the run is lost."""
    with pytest.raises(CheckpointError, match=said):
        train(config(small_catalog, run[0], resume=True, kimg=1, **changes))
    assert load_model(str(run[0]))[1].num_images == 192


def on_workers(monkeypatch, change):
    """Run `change(train_worker module)` in every worker before it starts."""

    def worker(told):
        from ganray.on_ray import worker as train_worker

        change(train_worker)
        train_worker.train_worker(told)

    monkeypatch.setattr("ganray.on_ray.train.train_worker", worker)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_two_workers_keep_equal_weights_and_resume_exactly(cluster, small_catalog, tmp_path, monkeypatch):
    """Each rank writes a digest of its weights at the end: equal between ranks, and between a whole run and one in two halves."""
    folder = str(tmp_path)

    def change(train_worker):
        original = train_worker.fit

        def fit(state, batches, config, context):
            done = original(state, batches, config, context)
            tensors, _ = state.export()
            digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in tensors.values())).hexdigest()
            Path(folder, f"{Path(config.out).name}-{context.rank}").write_text(digest)
            return done

        train_worker.fit = fit

    on_workers(monkeypatch, change)
    same = {"workers": 2, "optimizer": {"decay_kimg": 0.192}}
    train(config(small_catalog, tmp_path / "whole", **same))
    train(config(small_catalog, tmp_path / "halves", kimg=0.064, **same))
    train(config(small_catalog, tmp_path / "halves", resume=True, **same))
    digests = {(tmp_path / f"{name}-{rank}").read_text() for name in ("whole", "halves") for rank in (0, 1)}
    assert len(digests) == 1


@pytest.mark.ray
@pytest.mark.slow
def test_an_error_on_one_rank_ends_the_run_at_once(cluster, small_catalog, tmp_path, monkeypatch):
    def change(train_worker):
        original = train_worker.stream

        def stream(source, share, *rest):
            if share.lanes.start:
                raise CatalogError("rank 1 has no way to the catalog")
            return original(source, share, *rest)

        train_worker.stream = stream

    on_workers(monkeypatch, change)
    with pytest.raises(CatalogError, match="rank 1 has no way"):
        train(config(small_catalog, tmp_path / "m", workers=2))


def test_the_mean_over_workers_is_by_their_shares(tmp_path):
    """Two processes of gloo: `average_` on tensors of different shapes."""
    torch.multiprocessing.spawn(_average, args=(str(tmp_path / "store"),), nprocs=2)


def _average(rank, path):
    from ganray.on_ray.worker import RayContext

    torch.distributed.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    context = RayContext.__new__(RayContext)
    context.world_size = 2
    context.share = Share.of_rank(rank, 2, 3, 12)  # one lane of three, and two
    tensors = [torch.full((2, 3), float(rank)), torch.tensor([10.0 * rank, 1.0])]
    context.average_(tensors)
    assert torch.allclose(tensors[0], torch.full((2, 3), 2 / 3))
    assert torch.allclose(tensors[1], torch.tensor([20 / 3, 1.0]))
    torch.distributed.destroy_process_group()


@pytest.mark.ray
def test_a_loss_that_is_not_finite_stops_the_run(cluster, small_catalog, tmp_path):
    with pytest.raises(NonFiniteError, match="non-finite between 0 and"):
        train(config(small_catalog, tmp_path / "m", optimizer={"lr": 1e30, "lr_final": 1e30}))
    assert not (tmp_path / "m" / "model.json").exists()


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ConfigError, match="3 workers cannot share a batch of 2"):
        check(config("c", "m", batch=2, workers=3))


def test_memory_is_not_shared_with_workers():
    with pytest.raises(ConfigError, match="memory://x: memory is not shared"):
        check(config("memory://x", "m"))


def test_catalog_and_model_must_fit(small_catalog):
    catalog = Catalog.open(small_catalog)
    with pytest.raises(CatalogError, match="holds 32 px images, the model .* is for 64 px"):
        check_catalog(config("c", "m", model=TINY["model"] | {"resolution": 64, "widths": (16, 16, 16, 16)}), catalog)
    with pytest.raises(CatalogError, match="'size'.*category, colour"):
        check_catalog(config("c", "m", attributes=("size",)), catalog)
    assert check_catalog(config("c", "m", attributes=()), catalog) == {}
