import sys

import pytest

from ganray.benchmarks.peer_environment import find_python
from ganray.errors import ConfigError


def test_an_environment_that_is_not_there_is_told_how_to_make(tmp_path):
    with pytest.raises(ConfigError, match="no environment") as error:
        find_python(tmp_path / "peers")
    assert "python -m ganray.benchmarks.peer_environment" in error.value.remedy


def test_what_is_missing_in_it_is_named(tmp_path):
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')  # an interpreter without packages
    python.chmod(0o755)
    with pytest.raises(ConfigError, match="litserve bentoml ganray is missing"):
        find_python(tmp_path)
