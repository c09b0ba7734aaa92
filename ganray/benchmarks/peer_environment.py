"""LitServe and BentoML, for the benchmark `serve-peers`, in a virtual environment of their own: BentoML's pins are not ganray's.

`python -m ganray.benchmarks.peer_environment` makes it in out/peers. It sees the packages of the environment that makes it, so that torch
is not installed twice.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from ganray.errors import ConfigError

FOLDER = Path("out/peers")
PACKAGES = ("litserve==0.2.19", "bentoml==1.4.40")
REMEDY = "Make it by `python -m ganray.benchmarks.peer_environment`"


def find_python(folder: Path = FOLDER) -> str:
    """The interpreter of the environment. Raises ConfigError where it is not there or has not both."""
    python = folder / "bin" / "python"
    if not python.is_file():
        raise ConfigError(f"serve-peers needs LitServe and BentoML, and there is no environment {folder}", REMEDY)
    check = "import importlib.util as u; print(*[n for n in ('litserve', 'bentoml', 'ganray') if u.find_spec(n) is None])"
    missing = subprocess.run([python, "-c", check], capture_output=True, text=True, check=True).stdout.strip()
    if missing:
        raise ConfigError(f"serve-peers: {missing} is missing in {folder}", REMEDY)
    return str(python.absolute())  # not resolved: a link to the interpreter that the environment was made of


def has_peers() -> bool:
    """Whether it is there with both."""
    try:
        find_python()
    except ConfigError:
        return False
    return True


def make_environment(folder: Path = FOLDER) -> None:
    """Make it, or bring it up to date. Raises CalledProcessError where pip cannot."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    inside = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    parent = sysconfig.get_path("purelib")
    (inside / "parent.pth").write_text(f"import site; site.addsitedir({parent!r})\n")  # also what it has in a mode to edit
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES], check=True)


if __name__ == "__main__":
    make_environment()
    print(find_python())
