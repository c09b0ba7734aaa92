import cProfile
import pstats

import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.errors import CatalogError, CheckpointError, ConfigError, NonFiniteError
from ganray.model_folder import load_model
from ganray.runs.preflight import check_catalog
from ganray.verbs.train import train
from tests.tools.commands import run_command
from tests.tools.runs import TINY, checkpoints, differing, learned, rows, tiny, weights


@pytest.fixture(scope="module")
def run(small_catalog, tmp_path_factory):
    """One finished run, with what it returned."""
    out = tmp_path_factory.mktemp("train") / "model"
    return out, train(tiny(small_catalog, out))


def test_the_model_folder_is_whole(run, small_catalog):
    out, result = run
    generator, info = load_model(str(out))
    assert (info.num_images, result["kimg"]) == (192, 0.192)
    assert list(info.attributes) == ["category", "colour"]
    assert info.histograms["category"]["mug"] == 16
    assert info.catalog_digest == Catalog.open(small_catalog).info.digest
    assert generator(torch.zeros(2, 8), torch.zeros(2, 2, dtype=torch.int64)).shape == (2, 3, 32, 32)
    assert [row["kimg"] for row in rows(out)] == pytest.approx([0.032 * n for n in range(1, 7)])
    assert list(out.glob("logs/*/events.out.tfevents.*"))
    assert [path.name for path in sorted(out.glob("grids/*.png"))] == ["kimg-00000.096.png", "kimg-00000.192.png"]
    assert "What it can be asked for" in (out / "README.md").read_text()
    assert "Finished, as of" in (out / "progress.html").read_text()
    assert (out / "film.webp").read_bytes().startswith(b"RIFF")
    assert sorted(path.name for path in out.glob("checkpoints/*/*")) == ["state.json"] * 2 + ["state.safetensors"] * 2  # `keep`


def test_a_finished_run_resumed_is_the_same_model(run, small_catalog):
    out = run[0]
    before = weights(out)
    train(tiny(small_catalog, out, resume=True))
    after = weights(out)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_interrupted_run_resumed_ends_where_the_whole_one_does(run, small_catalog, tmp_path):
    train(tiny(small_catalog, tmp_path / "m", kimg=0.064, optimizer={"decay_kimg": 0.192}))
    train(tiny(small_catalog, tmp_path / "m", resume=True, optimizer={"decay_kimg": 0.192}))
    assert differing(learned(run[0]), learned(tmp_path / "m")) == []


def test_another_run_is_not_overwritten(run, small_catalog):
    with pytest.raises(CheckpointError, match="holds a run already.*--resume"):
        train(tiny(small_catalog, run[0]))


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
        train(tiny(small_catalog, run[0], resume=True, kimg=1, **changes))
    assert load_model(str(run[0]))[1].num_images == 192


def test_a_loss_that_is_not_finite_stops_the_run(small_catalog, tmp_path):
    with pytest.raises(NonFiniteError, match="non-finite between 0 and"):
        train(tiny(small_catalog, tmp_path / "m", optimizer={"lr": 1e30, "lr_final": 1e30}))
    assert not (tmp_path / "m" / "model.json").exists()


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ConfigError, match="3 workers cannot share a batch of 2"):
        tiny("c", "m", batch=2, workers=3, executor="ray")


def test_memory_is_not_shared_with_workers():
    with pytest.raises(ConfigError, match="memory://x: memory is not shared"):
        tiny("memory://x", "m")


def test_catalog_and_model_must_fit(small_catalog):
    catalog = Catalog.open(small_catalog)
    with pytest.raises(CatalogError, match="holds 32 px images, the model .* is for 64 px"):
        check_catalog(tiny("c", "m", model=TINY["model"] | {"resolution": 64, "widths": (16, 16, 16, 16)}), catalog)
    with pytest.raises(CatalogError, match="'size'.*category, colour"):
        check_catalog(tiny("c", "m", attributes=("size",)), catalog)
    assert check_catalog(tiny("c", "m", attributes=()), catalog) == {}


def test_a_nan_in_a_batch_stops_the_run_and_is_not_kept(small_catalog, tmp_path, monkeypatch):
    """In the seventh batch, after the checkpoint of 64 images; with --resume, and no NaN, the run goes on from there."""
    from ganray.training import loop

    original, taken = loop.to_float, []

    def to_float(images, channels):
        taken.append(images)
        real = original(images, channels)
        if len(taken) == 7:
            real[0] = float("nan")
        return real

    with monkeypatch.context() as patch:
        patch.setattr(loop, "to_float", to_float)
        with pytest.raises(NonFiniteError, match=r"became non-finite between 96 and 128 images.*Resume from the last checkpoint"):
            train(tiny(small_catalog, tmp_path / "m"))
    assert checkpoints(tmp_path / "m") == [64]
    train(tiny(small_catalog, tmp_path / "m", resume=True))
    assert all(tensor.isfinite().all() for tensor in learned(tmp_path / "m").values())


def test_several_workers_do_not_fit_into_one_process():
    with pytest.raises(ConfigError, match="executor = local with workers = 2: one process has one. Use --executor ray, or --workers 1"):
        tiny("c", "m", workers=2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_a_gpu_that_is_not_there_is_refused(small_catalog, tmp_path):
    with pytest.raises(ConfigError, match="gpu: torch finds no GPU on this machine. Use --no-gpu"):
        train(tiny(small_catalog, tmp_path / "m", gpu=True))


def test_a_profiler_sees_the_steps(small_catalog, tmp_path):
    """The worker runs in the thread that calls `train`."""
    profile = cProfile.Profile()
    profile.runcall(train, tiny(small_catalog, tmp_path / "m", kimg=0.032))
    calls = {name: count for (_, _, name), (count, *_) in pstats.Stats(profile).stats.items()}
    assert calls["train_step"] == 2


IMPORTS = """
import sys
for name in [name for name in sys.modules if name.partition(".")[0] in ("ray", "ganray")]:
    del sys.modules[name]
import ganray.verbs.train, ganray.verbs.train_editor, ganray.runs.local
assert "ganray.training.loop" in sys.modules
sys.exit(3 if "ray" in sys.modules else 0)
"""


def test_local_training_imports_no_ray(tmp_path):
    """In a process that has torch, and no module of ganray or of ray."""
    (tmp_path / "program.py").write_text(IMPORTS)
    done = run_command([tmp_path / "program.py"])
    assert done.returncode == 0, done.stderr
