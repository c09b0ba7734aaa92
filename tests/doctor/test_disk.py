from dataclasses import replace

import pytest

from ganray.doctor.disk import TemporaryFolder, disk_findings, open_files_findings
from ganray.doctor.finding import State
from ganray.doctor.memory import GIB

FOLDER = TemporaryFolder("/tmp", 200 * GIB, 100 * GIB, "", "/tmp/ray", "/tmp/ray")


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, State.OK, "/tmp, 100 GiB of 200 GiB free"),
        ({"free": 5 * GIB, "size": 20 * GIB}, State.NOTE, "little for large jobs"),
        ({"free": 8 * GIB}, State.NOTE, "over 95% full"),
        ({"free": GIB // 2}, State.PROBLEM, "do not fit"),
        ({"error": "Read-only file system"}, State.PROBLEM, "/tmp cannot be written: Read-only file system"),
    ],
)
def test_space_is_judged(changes, state, words):
    space, sockets = disk_findings(replace(FOLDER, **changes))
    assert space.state is state and words in space.text
    assert sockets.state is State.OK


def test_a_path_that_is_too_long_for_sockets_is_told():
    _, finding = disk_findings(replace(FOLDER, default="/scratch/" + "a" * 90 + "/ray", sockets="/tmp/ray-1000"))
    assert finding.state is State.NOTE and "too long" in finding.text and "--temp-dir" in finding.remedy
    _, finding = disk_findings(replace(FOLDER, sockets="", sockets_error="Ray has no folder for its sockets"))
    assert finding.state is State.PROBLEM and "RAY_TMPDIR" in finding.remedy


def test_sockets_are_not_looked_for_in_a_folder_that_is_not_there():
    assert len(disk_findings(TemporaryFolder("/absent", error="No such file or directory"))) == 1


@pytest.mark.parametrize(
    ("soft", "hard", "state"),
    [(65536, 65536, State.OK), (1024, 1048576, State.OK), (-1, -1, State.OK), (1024, 4096, State.NOTE), (256, 256, State.PROBLEM)],
)
def test_few_open_files_are_told(soft, hard, state):
    (finding,) = open_files_findings(soft, hard)
    assert finding.state is state
    assert state is State.OK or "ulimit -n 65536" in finding.remedy
