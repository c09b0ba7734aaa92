import yaml

from ganray.cli import main
from ganray.profiles import PROFILES


def test_the_table_has_every_profile(capsys):
    assert main(["profiles"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in PROFILES())


def test_one_in_full_with_source_and_date(capsys):
    assert main(["profiles", "--profile", "google-main"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown["source"].startswith("https://support.google.com") and shown["version"] and shown["changes"]


def test_an_unknown_one_lists_the_known_ones(capsys):
    assert main(["profiles", "--profile", "amazn"]) == 6
    assert "amazon-main" in capsys.readouterr().err
