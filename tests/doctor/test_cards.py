"""nvidia-smi, also as a program of a test's own that answers, fails, hangs or is not there."""

import os

import pytest

from ganray.doctor import cards as module
from ganray.doctor.cards import Card, interpret, read_cards
from ganray.doctor.programs import ProgramOutput
from tests.tools import gpu_samples as samples
from tests.tools.gpu_samples import answered


def test_a_card_is_read():
    found = answered(samples.H100)
    assert (found.how, found.driver, found.cards) == ("answered", "580.65.06", (Card(0, "NVIDIA H100 80GB HBM3", 81559 << 20, (9, 0)),))


def test_a_card_without_memory_of_its_own_is_read():
    assert answered(samples.GB10).cards == (Card(0, "NVIDIA GB10", 0, (12, 1)),)


def test_instances_of_mig_are_counted():
    found = answered(samples.A100_MIG, samples.MIG_LISTING)
    assert found.cards[0].mig and found.instances == 2
    assert not answered(samples.H100).cards[0].mig


@pytest.mark.parametrize(
    ("code", "text", "how"),
    [
        (18, samples.MISMATCH, "failed"),
        (9, samples.NO_MODULE, "failed"),
        (15, samples.LOST, "failed"),
        (6, "No devices were found\n", "failed"),
        (0, "No devices were found\n", "failed"),
        (None, "", "hung"),
        (0, "", "garbage"),
        (0, "\x00\x01,,,,,,\n0, a, b, c\n, , , \n", "garbage"),
        (0, "x, NVIDIA L4, 23034, 580.65.06, 8.9, [N/A]\n", "garbage"),
    ],
)
def test_other_answers_are_told_apart(code, text, how):
    found = interpret(ProgramOutput(code, text), "", 1, samples.MODULE)
    assert (found.how, found.cards, found.driver) == (how, (), "535.183.01")
    assert len(found.message) <= 200


def test_lines_beside_the_table_do_no_harm():
    assert len(answered("WARNING: infoROM is corrupted at gpu 0000:00:1E.0\n" + samples.UNLIKE).cards) == 2


def test_the_kernel_s_module_is_read_without_the_program():
    assert interpret(None, "", 1, samples.OPEN_MODULE).driver == "580.65.06"
    assert interpret(None, "", 0, "").driver == ""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a shell script first into PATH, as nvidia-smi."""

    def write(script: str):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return write


def test_a_program_that_answers_is_asked_once_for_all(install):
    install(f'case "$1" in -L) cat <<E\n{samples.MIG_LISTING}E\n;; *) printf "{samples.A100_MIG}";; esac')
    found = read_cards()
    assert (found.how, found.instances, found.cards[0].memory) == ("answered", 2, 40960 << 20)


def test_an_old_driver_is_asked_for_less(install):
    install(
        f"""case "$1" in *compute_cap*) echo '{samples.OLD_DRIVER.strip()}'; exit 2;; *) echo '0, Tesla K80, 11441, 470.256.02';; esac"""
    )
    assert read_cards().cards == (Card(0, "Tesla K80", 11441 << 20, None),)


def test_a_program_that_hangs_is_left(install, monkeypatch):
    monkeypatch.setattr(module, "LIMIT_S", 0.3)
    install("sleep 600")
    assert read_cards().how == "hung"


def test_a_machine_without_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_cards().how == "absent"
