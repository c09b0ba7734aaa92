"""Fixtures of the benchmarks of edits and of serving."""

import importlib

import pytest

from ganray.benchmark_table import BENCHMARKS
from ganray.benchmarks import edit_fixtures
from ganray.catalog.sample import draw, product
from ganray.config import BenchmarkConfig
from ganray.images.codec import encode
from ganray.storage import open_store


@pytest.fixture
def edit_config(tmp_path, editor_folder, monkeypatch):
    """Three photos and two cut-outs, small composites of them, and an editor that has learned nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(edit_fixtures, "COMPOSITE", 200)
    photos, cutouts = open_store(str(tmp_path / "photos")), open_store(str(tmp_path / "cutouts"))
    for index in range(3):
        photos.put(f"{index}.png", encode(draw(product(1, index, cluttered=1.0), 160)[0], "png"))
    for index in range(2):
        pixels, mask = draw(product(2, index), 120)
        cutouts.put(f"{index}.png", encode(pixels, "png", alpha=mask))
    return BenchmarkConfig(editor=editor_folder, photos=photos.url, cutouts=cutouts.url, images=3)


@pytest.fixture
def check_row(tmp_path):
    """The first row of a benchmark of edits has a figure in its unit, and a sheet."""

    def check(rows: list[dict], unit: str) -> None:
        assert rows[0]["unit"] == unit and abs(rows[0]["value"]) < float("inf")
        assert (tmp_path / rows[0]["sheet"]).stat().st_size > 1000

    return check


@pytest.fixture
def short_form(monkeypatch):
    """The rows of a benchmark of serving in its short form: without Ray, or with it alone; the figures mean nothing, the shape does."""

    def measure(name: str, seconds: float = 0.5, executor: str = "local") -> list[dict]:
        module = importlib.import_module(BENCHMARKS[name].module)
        monkeypatch.setattr(module, "EXECUTORS", (executor,), raising=False)
        rows = module.measure(BenchmarkConfig(name=name, repeats=1, seconds=seconds))
        assert {row["name"] for row in rows} == {name}
        assert all(row["ratio"] >= 0 and row["unit"] for row in rows)
        return rows

    return measure
