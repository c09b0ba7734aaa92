import pickle
import subprocess
import sys
from pathlib import Path

from ganray.doctor.cards import interpret
from ganray.doctor.disk import TemporaryFolder
from ganray.doctor.machine import examine, read_temporary_folder, summarize
from ganray.doctor.memory import GIB, Memory
from tests.tools.gpu_samples import UNLIKE, answered

ROOT = Path(__file__).parents[2]


def test_this_machine_is_examined():
    found = examine()
    names = {finding.name for finding in found.findings}
    assert {"processors", "memory", "torch", "compiler", "shared memory", "temporary files", "open files", "versions"} <= names
    assert pickle.loads(pickle.dumps(found)) == found  # it comes from nodes


def test_a_machine_is_summarized():
    assert summarize(4, Memory(32 * GIB, GIB, 16 * GIB), interpret(None, "", 0, "")) == "4 cores, 16.0 GiB, no GPU"
    assert summarize(4, Memory(32 * GIB, GIB), answered(UNLIKE)).endswith("1 x NVIDIA L4, 1 x NVIDIA A10G")


def test_a_tmpdir_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert read_temporary_folder().error == ""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    assert read_temporary_folder() == TemporaryFolder(str(tmp_path / "absent"), error="No such file or directory")
    assert not (tmp_path / "absent").exists()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert read_temporary_folder().default == f"{tmp_path}/ray"


def test_neither_torch_nor_ray_is_imported():
    """So no CUDA context is made in this process, and a broken torch is a line of the page."""
    code = "import sys\nfrom ganray.doctor.machine import examine\nexamine()\nprint([m for m in ('torch', 'ray') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[]\n"
