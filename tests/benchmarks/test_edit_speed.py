from ganray.benchmarks import edit_speed
from ganray.benchmarks.edit_speed import stages


def test_every_stage_has_a_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(edit_speed, "SIDE", 500)
    monkeypatch.setattr(edit_speed, "DRAWN", 3)
    edit_speed.shoot(tmp_path / "photos", 4)
    files = [path.read_bytes() for path in sorted((tmp_path / "photos").iterdir())]
    assert len(files) == 4 and files[0] == files[3] != files[1]
    rates = stages((files[:1], 0.01))
    assert rates.keys() == {"decode", "edit", "encode"} and all(rate > 0 for rate in rates.values())
