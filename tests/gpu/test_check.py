"""The short form of what is to be run on a GPU, on the CPU: so that it still runs when a GPU is at hand."""

from __future__ import annotations

from tests.gpu.check import SECTIONS, main


def test_the_check_runs_in_small(capsys):
    assert main(["--small", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "left out" not in said
    assert said.count("holds") >= 7
    assert said.rstrip().endswith("nothing")
    assert len(SECTIONS) == 8
