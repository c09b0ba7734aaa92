from ganray.benchmarks import check
from ganray.benchmarks.planted_faults import FAULTS
from ganray.config import BenchmarkConfig
from ganray.profiles import Content, content, reading


def test_planted_faults_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "SIDE", 320)
    monkeypatch.setattr(check, "EACH", 1)
    monkeypatch.setattr(reading, "is_there", lambda: False)
    monkeypatch.setattr(content, "can_find", lambda: False)
    found, clean = check.measure(BenchmarkConfig(name="check", images=4))
    assert found["baseline"] == len(FAULTS) and found["value"] >= 7 and "border 1/1" in found["recall"]
    assert "text" in found["not_checked"] and (tmp_path / found["sheet"]).stat().st_size > 1000
    assert clean["value"] == 0 and clean["at_most"] == 0.02


def test_every_fault_is_a_rule():
    assert FAULTS.keys() <= Content.model_fields.keys()
