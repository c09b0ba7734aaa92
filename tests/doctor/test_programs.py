import os
import sys
import time
from pathlib import Path

from ganray.doctor.programs import KILL_S, run_program


def test_both_streams_and_the_status_are_kept():
    output = run_program([sys.executable, "-c", "import sys; print('out', flush=True); sys.exit('err')"], 20)
    assert (output.code, output.text) == (1, "out\nerr\n")


def test_a_program_that_is_not_there_is_none(tmp_path):
    assert run_program([str(tmp_path / "nvidia-smi")], 5) is None
    (tmp_path / "nvidia-smi").write_text("")
    assert run_program([str(tmp_path / "nvidia-smi")], 5) is None  # not executable


def test_bytes_that_are_no_text_are_read():
    assert run_program(["printf", r"\377\376"], 5).text == "\ufffd\ufffd"


def test_one_that_hangs_is_ended_with_its_children(tmp_path):
    begin = time.monotonic()
    output = run_program(["sh", "-c", f"echo before; sleep 600 & echo $! > {tmp_path}/child; wait"], 0.5)
    assert output.code is None and output.text == "before\n"
    assert time.monotonic() - begin < 0.5 + KILL_S + 3
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(child)


def running(process: int) -> bool:
    """Whether it is there and no zombie, which waits for its parent alone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_environment_is_the_given_one():
    assert (
        run_program(["sh", "-c", "echo $CUDA_VISIBLE_DEVICES"], 5, {"PATH": os.environ["PATH"], "CUDA_VISIBLE_DEVICES": "3"}).text == "3\n"
    )
