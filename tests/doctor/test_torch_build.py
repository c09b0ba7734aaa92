import importlib.metadata
import json
import sys

import pytest

from ganray.doctor.programs import ProgramOutput, run_program
from ganray.doctor.torch_build import SCRIPT, TorchBuild, interpret_build, read_torch_build


def test_the_installed_torch_is_asked_without_importing_it(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    build = read_torch_build(ask_driver=True, every_gpu=False)
    assert build.version.partition("+")[0] == importlib.metadata.version("torch").partition("+")[0]
    assert not build.error and build.visible == "0"
    assert build.cuda or build.sees is None


def test_a_torch_that_cannot_be_loaded_says_why(tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
    output = run_program([sys.executable, "-c", SCRIPT, "ask"], 30, {"PYTHONPATH": str(tmp_path)})
    assert interpret_build(output) == TorchBuild(error="ImportError: libcudart.so.13: cannot open shared object file")


CUDA_TORCH = """
import types, warnings
__version__ = "2.13.0+cu130"
class version: cuda, hip = "13.0", None
class _C: _cuda_getArchFlags = staticmethod(lambda: "sm_75 sm_90 compute_90")
class cuda:
    nccl = types.SimpleNamespace(version=lambda: (2, 29, 7))
    @staticmethod
    def is_available():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found version 12020)")
        return False
"""


@pytest.mark.parametrize("asked", ["ask", ""])
def test_a_build_for_cuda_is_read(tmp_path, asked):
    """A package that answers as torch's build for CUDA does where the driver is too old: there is none on this machine."""
    (tmp_path / "torch.py").write_text(CUDA_TORCH)
    build = interpret_build(run_program([sys.executable, "-c", SCRIPT, asked], 30, {"PYTHONPATH": str(tmp_path)}))
    assert (build.version, build.cuda_major, build.archs, build.nccl) == ("2.13.0+cu130", 13, ("sm_75", "sm_90", "compute_90"), "2.29.7")
    assert (build.sees, build.warning[:19]) == ((0, "CUDA initialization") if asked else (None, ""))


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, "cannot be started"),
        (ProgramOutput(None, ""), "takes longer than"),
        (ProgramOutput(-11, ""), "ends with status -11: it prints nothing"),
        (ProgramOutput(1, "Fatal Python error\nIllegal instruction"), "ends with status 1: Illegal instruction"),
    ],
)
def test_a_child_that_ends_early_is_an_error(output, words):
    assert words in interpret_build(output).error


def test_lines_of_libraries_do_no_harm():
    text = f"some warning\nganray:{json.dumps({'version': '2', 'cuda': '', 'hip': '', 'archs': [], 'nccl': ''})}\nat exit\n"
    assert interpret_build(ProgramOutput(0, text)) == TorchBuild("2")
