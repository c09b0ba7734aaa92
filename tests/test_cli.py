import subprocess
import sys
from pathlib import Path

import pytest

from ganray import cli, settings
from ganray.commands import VERBS
from ganray.errors import CatalogError

ROOT = Path(__file__).parents[1]


def test_without_a_verb_it_lists_them(capsys):
    assert cli.main([]) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in VERBS)


def test_an_unknown_verb_is_one_line(capsys):
    assert cli.main(["trian"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_wrong_option_is_one_line_and_exit_2(capsys):
    assert cli.main(["ingest", "--resolution", "huge"]) == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "resolution" in text and "huge" in text


@pytest.mark.parametrize("verb", ["train-editor", "edit"])
def test_a_job_is_its_verb(verb):
    """With an interpreter of its own; of every verb in tests/test_commands.py, in this one."""
    run = subprocess.run(
        [sys.executable, f"jobs/{VERBS[verb].job}", "--nonsense"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith(f"ganray {verb}: error: {verb}: --nonsense: no such option")


def test_an_error_that_ray_wrapped_is_still_one_line(capsys):
    from ray.exceptions import RayTaskError

    wrapped = RayTaskError("task", "a long\ntraceback", CatalogError("the catalog is empty", "Ingest again")).as_instanceof_cause()
    assert cli._report(VERBS["train"], wrapped) == 4
    assert capsys.readouterr().err == "ganray train: error: the catalog is empty. Ingest again\n"


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli._report(VERBS["train"], ZeroDivisionError())


def test_interrupting_says_how_to_go_on(monkeypatch, capsys):
    def load(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(settings, "load", load)
    assert cli.main(["train"]) == 130
    assert "--resume" in capsys.readouterr().err


def test_who_stops_reading_ends_it_without_a_traceback():
    command = [sys.executable, "-c", "from ganray.cli import entry; entry()", "key", "--name", "shop-a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == ("", 141)
