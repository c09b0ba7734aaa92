"""constraints-gpu.txt: whole beside constraints.txt, and, in the long form, what pip finds for torch's CUDA wheel."""

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# NVIDIA's wheels are tagged for many releases of glibc; the image's Debian 12 has 2.36.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(5, 37)]
TIMEOUT_S = 600


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    return {canonical(package): version for package, version in (line.split("==") for line in lines)}


def test_every_line_is_an_exact_pin_in_order_and_no_package_is_pinned_twice():
    gpu = pins("constraints-gpu.txt")
    assert all(re.fullmatch(r"[0-9.]+", version) for version in gpu.values())
    assert list(gpu) == sorted(gpu)
    assert not gpu.keys() & pins("constraints.txt").keys()


def test_cudas_parts_are_of_the_toolkits_release():
    """A major release of CUDA for all: libraries of two do not live in one process."""
    gpu = pins("constraints-gpu.txt")
    major = gpu["cuda-toolkit"].split(".")[0]
    assert gpu["cuda-bindings"].split(".")[0] == gpu["nvidia-cuda-runtime"].split(".")[0] == gpu["nvidia-nvjitlink"].split(".")[0] == major
    assert gpu["nvidia-cuda-nvrtc"].rpartition(".")[0] == gpu["nvidia-cuda-runtime"].rpartition(".")[0]
    assert {name.rpartition("-cu")[2] for name in gpu if "-cu1" in name} == {major}


def test_nothing_that_torch_asks_for_on_any_platform_is_left_open():
    """As torch is installed here; what only the CUDA wheel asks for, the long form sees."""
    asked = {canonical(re.split(r"[^\w.-]", line)[0]) for line in requires("torch") if "extra ==" not in line}
    assert asked <= (pins("constraints.txt") | pins("constraints-gpu.txt")).keys()


@pytest.mark.long
def test_pip_finds_exactly_these_for_the_cuda_wheel(tmp_path):
    """Metadata alone. `===` is the version as it is written: with `==` an index of CPU wheels answers with its +cpu."""
    both = pins("constraints.txt") | pins("constraints-gpu.txt")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--only-binary", ":all:"]
    command += ["--python-version", "3.11", "--target", str(tmp_path / "none"), "--report", str(tmp_path / "report.json")]
    command += [word for platform in [*PLATFORMS, "manylinux2014_x86_64"] for word in ("--platform", platform)]
    command += ["-c", "constraints.txt", "-c", "constraints-gpu.txt", f"torch==={both['torch']}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if "No matching distribution found for torch" in done.stderr:
        pytest.skip("the index has no CUDA wheel of torch")
    assert done.returncode == 0, done.stderr[-2000:]
    metadata = [entry["metadata"] for entry in json.loads((tmp_path / "report.json").read_text())["install"]]
    found = {canonical(entry["name"]): entry["version"] for entry in metadata}
    assert found == {name: both[name] for name in found}
    assert pins("constraints-gpu.txt").keys() <= found.keys()
