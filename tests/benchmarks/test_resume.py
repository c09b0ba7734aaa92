from pathlib import Path

import pytest

from ganray.benchmarks import resume
from ganray.benchmarks.worker_kills import draw_kills
from ganray.presets import preset


def test_kills_that_were_not_done_are_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kills = draw_kills(0, 3, 1, 4, 16, 0.1)
    done = []

    def ended(config, worker):
        for kill in done:
            Path("out/benchmark/kills", kill.name).touch()
        return "digest", b"weights"

    monkeypatch.setattr(resume, "ended", ended)
    with pytest.raises(AssertionError, match="some kills were not done"):
        resume.killed(preset("demo-32"), kills)
    done = kills
    assert resume.killed(preset("demo-32"), kills) == ("digest", b"weights")
