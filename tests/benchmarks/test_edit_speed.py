from ganray.benchmarks import edit_speed
from ganray.benchmarks.edit_speed import DRAWN, stages


def test_every_stage_has_a_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(edit_speed, "SIDE", 500)
    edit_speed.shoot(tmp_path / "photos", DRAWN + 1)
    files = [path.read_bytes() for path in sorted((tmp_path / "photos").iterdir())]
    assert len(files) == DRAWN + 1 and files[0] == files[DRAWN] != files[1]
    rates = stages((files[:1], 0.01))
    assert rates.keys() == {"decode", "edit", "encode"} and all(rate > 0 for rate in rates.values())
