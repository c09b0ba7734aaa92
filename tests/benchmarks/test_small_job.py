import pytest

from ganray.benchmarks import edit_speed, small_job
from ganray.benchmarks.edit_speed import shoot
from ganray.benchmarks.random_model import make_model
from ganray.config import BenchmarkConfig
from ganray.errors import GanrayError
from ganray.images.provenance import read_label
from ganray.storage import open_store


def test_the_bare_scripts_save_labelled_images(tmp_path, monkeypatch):
    monkeypatch.setattr(edit_speed, "SIDE", 200)
    monkeypatch.setattr(edit_speed, "DRAWN", 2)
    shoot(tmp_path / "photos", 2)
    make_model(str(tmp_path / "model"))
    small_job.bare_edit(str(tmp_path / "photos"), str(tmp_path / "edited"))
    small_job.bare_generate(str(tmp_path / "model"), str(tmp_path / "drawn"))
    for folder, number in (("edited", 2), ("drawn", small_job.IMAGES)):
        images = small_job._images(str(tmp_path / folder))
        assert len(images) == number
        assert all(read_label(data) for data in images.values())


def test_sides_whose_images_differ_are_no_measurement(tmp_path, monkeypatch):
    def run(code, arguments):
        open_store(arguments[-1]).put(f"images/00000/a{len(arguments)}.png", b"x")
        return 1.0

    monkeypatch.setattr(small_job, "_run", run)
    with pytest.raises(GanrayError, match="edit: the images of the job are not those of the bare script"):
        small_job._row(BenchmarkConfig(name="small-job"), "edit", 1, ["--edits", "white"], [], str(tmp_path / "out"))


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_both_sides_are_measured():
    rows = small_job.measure(BenchmarkConfig(name="small-job", repeats=1))
    assert [(row["name"], row["verb"], row["images"]) for row in rows] == [("small-job", "edit", 8), ("small-job", "generate", 16)]
    assert all(row["value"] > 0 and row["ratio"] == pytest.approx(row["value"] / row["baseline"]) for row in rows)
