import pytest
import torch

from ganray.config import TrainConfig
from ganray.doctor.compiler import Compiler, compiler_findings, read_compiler
from ganray.doctor.finding import State
from ganray.training.compiling import compiles


@pytest.mark.parametrize(("there", "cc"), [("", None), ("gcc", None), ("clang", None), ("cc-12", "cc-12"), ("gcc", "cc-12")])
def test_it_is_the_compiler_that_training_asks_for(there, cc, tmp_path, monkeypatch):
    """The rule is training/compiling.py's: `--compile auto` compiles on a GPU where there is a compiler."""
    if there:
        (tmp_path / there).write_text("#!/bin/sh\n")
        (tmp_path / there).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    if cc:
        monkeypatch.setenv("CC", cc)
    found = read_compiler()
    assert bool(found.path and found.headers) is compiles(TrainConfig(kimg=20_000.0), torch.device("cuda"))


@pytest.mark.parametrize(
    ("compiler", "gpus", "state"),
    [
        (Compiler("/usr/bin/gcc", True), 1, State.OK),
        (Compiler("/usr/bin/gcc", False), 1, State.NOTE),
        (Compiler("", False), 1, State.NOTE),
        (Compiler("", False), 0, State.OK),
        (Compiler("/usr/bin/gcc", False), 0, State.OK),
    ],
)
def test_only_a_gpu_needs_one(compiler, gpus, state):
    (finding,) = compiler_findings(compiler, gpus)
    assert finding.state is state
    assert state is State.OK or "gpu-compile" in finding.remedy
