"""Scripts that start a Ray cluster of their own, whose nodes come and go."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path


def run_script(code, *words):
    """The output of a script in a process group of its own, all of which is ended."""
    tmpdir = tempfile.mkdtemp(prefix="g-", dir="/tmp")  # a socket's path holds 107 bytes
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_TMPDIR": tmpdir, "PYTHONPATH": str(Path(__file__).parents[2])}
    if "num_gpus" in code:  # Ray refuses a node that names its GPUs where conftest.py has hidden all of them
        environment.pop("CUDA_VISIBLE_DEVICES", None)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=300)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(tmpdir, ignore_errors=True)
    assert process.returncode == 0, out + err
    return out, err
