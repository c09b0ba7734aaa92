"""Commands in forked processes behave as commands that a user types."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.tools.commands import STDOUT, run_command, start_command


def test_a_command_has_its_exit_code_and_streams():
    done = run_command(["--version"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0.")
    assert run_command(["trian"]).returncode == 2


def test_a_job_file_has_its_own_arguments():
    done = run_command(["jobs/edit.py", "--nonsense"])
    assert done.returncode == 2
    assert done.stderr.startswith("ganray edit: error: edit: --nonsense: no such option")


def test_a_command_has_its_own_environment_and_folder(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text("import os\nprint(os.getcwd(), os.environ.get('COLOUR'))\n")
    monkeypatch.setenv("COLOUR", "red")
    assert run_command([tmp_path / "program.py"]).stdout == f"{Path.cwd()} red\n"
    assert run_command([tmp_path / "program.py"], env={}, cwd=tmp_path).stdout == f"{tmp_path} None\n"
    assert run_command(["check"], env=os.environ | {"GANRAY_CHECK_DAY": "soon"}).stderr.startswith(
        "ganray check: error: check: day = 'soon'"
    )


def test_both_streams_can_be_one():
    with start_command(["trian"], stderr=STDOUT) as process:
        text, none = process.communicate(60)
    assert "unknown verb" in text and none is None


def test_a_program_keeps_its_traceback(tmp_path):
    (tmp_path / "program.py").write_text("import sys\nprint(sys.argv[1], __name__)\n1 / 0\n")
    done = run_command([tmp_path / "program.py", "a b"])
    assert done.stdout == "a b __main__\n"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


WAIT = "import atexit, os, time\natexit.register(print, 'bye')\nprint(os.getpid() == os.getsid(0), flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize(("number", "last"), [(signal.SIGKILL, ""), (signal.SIGTERM, ""), (signal.SIGINT, "bye\n")])
def test_signals_are_the_command_s_own(tmp_path, number, last):
    (tmp_path / "program.py").write_text(WAIT)
    with start_command([tmp_path / "program.py"], start_new_session=True) as process:
        assert process.stdout.readline() == "True\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        process.send_signal(number)
        out, error = process.communicate(60)
    assert out == last
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in error) == (number == signal.SIGINT)
    process.kill()  # it has ended: nobody else is hit


def test_commands_run_side_by_side(tmp_path):
    (tmp_path / "program.py").write_text("import random, time\ntime.sleep(0.3)\nprint(random.random())\n")
    with start_command([tmp_path / "program.py"]) as one, start_command([tmp_path / "program.py"]) as two:
        numbers = {one.communicate(60)[0], two.communicate(60)[0]}
    assert len(numbers) == 2
