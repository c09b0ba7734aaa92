"""One spelling of a value, whatever file it comes from."""

import datetime
from decimal import Decimal

import pytest

from ganray.tables.spelling import (
    MISSING,
    column_name,
    fold,
    lost_digits,
    spell,
    spell_id,
    spell_number,
    spell_time,
    spell_value,
    spell_values,
)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (" mug ", "mug"),
        ("\ufeffmug\u200b", "mug"),
        ("Hu\u0308te", "Hüte"),
        ("two\nlines", "two lines"),
        ("a\x00b", "a b"),
        ("N/A", ""),
        ("nan", ""),
        ("NA", "NA"),
        ("None", "None"),
        ("007", "007"),
        ("1.0", "1.0"),
        ("4006381333931.0", "4006381333931"),
        ("2026-07-01 00:00:00", "2026-07-01"),
        ("2026-07-01T00:00:00.000000", "2026-07-01"),
        ("2026-07-01 08:30:00", "2026-07-01 08:30:00"),
    ],
)
def test_texts(text, spelled):
    assert spell(text) == spelled
    assert spell(spelled) == spelled


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("4.006381333931e+12", "4006381333931"), ("4,006381333931E+12", "4006381333931"), ("12.0", "12"), ("0012", "0012"), ("1e3", "1e3")],
)
def test_ids(text, spelled):
    assert spell_id(text) == spelled


def test_a_number_that_a_spreadsheet_has_cut_is_told():
    assert lost_digits("4.00638E+12") and spell_id("4.00638E+12") == "4.00638E+12"
    assert not lost_digits("4.006381333931E+12") and not lost_digits("SKU-1E5")


@pytest.mark.parametrize(
    ("text", "spelled"), [("42", "42"), ("42.0", "42"), ("0.5", "0.5"), ("nan", ""), ("inf", "inf"), ("1e+22", "1" + "0" * 22)]
)
def test_numbers(text, spelled):
    assert spell_number(text) == spelled


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (True, "true"),
        (42.0, "42"),
        (float("nan"), ""),
        (Decimal("1.50"), "1.50"),
        (datetime.datetime(2026, 7, 1), "2026-07-01"),
        (datetime.date(2026, 7, 1), "2026-07-01"),
        ([1], [1]),
        (None, None),
    ],
)
def test_values_of_structs_are_spelled_as_columns(value, spelled):
    assert spell_value(value) == spelled


def test_a_whole_column_is_spelled_as_a_typed_one():
    assert spell_values(["True", "FALSE", ""]) == {"True": "true", "FALSE": "false", "": ""}
    assert spell_values(["42.0", "7.0"]) == {"42.0": "42", "7.0": "7"}
    assert spell_values(["42.0", "wide"]) == {"42.0": "42.0", "wide": "wide"}


def test_times_and_names_of_columns():
    assert spell_time("2026-07-01 08:30:00.000000") == "2026-07-01 08:30:00"
    assert column_name(" Image\n  Src ") == "Image Src"


def test_folding_makes_spellings_of_one_value_equal():
    assert fold("Hu\u0308TE ") == fold("hüte") == "hüte"
    assert fold("42.0") == fold("42")
    assert fold("2026-07-01T00:00:00") == fold("2026-07-01")
    assert all(spell(word) == "" for word in MISSING)
