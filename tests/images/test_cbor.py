import math

import numpy as np
import pytest

from ganray.images.cbor import MAX_DEPTH, MAX_ITEMS, load_cbor
from tests.tools.manifest_store import cbor

VALUES = [
    0,
    23,
    24,
    255,
    256,
    2**32,
    2**64 - 1,
    -1,
    -500,
    True,
    False,
    None,
    1.5,
    b"",
    b"ab",
    "",
    "größe",
    [1, [2, ["x"]]],
    {"a": {"b": [1]}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_was_written_is_read(value):
    assert load_cbor(cbor(value)) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("9f0102ff", [1, 2]),
        ("bf6161016162 02ff", {"a": 1, "b": 2}),
        ("7f61616162ff", "ab"),
        ("5f41014102ff", b"\x01\x02"),
        ("c11a514b67b0", 1363896240),  # a tag: its content
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("f7", None),
        ("f8ff", None),
        ("a201020363616263", {}),  # keys that are numbers
    ],
)
def test_forms_of_the_standard(data, value):
    assert load_cbor(bytes.fromhex(data)) == value


@pytest.mark.parametrize("data", ["", "18", "62 61", "82 01", "1c", "1f", "a1 61 61", "82 01 ff", "5b ffffffffffffffff", "ff"])
def test_broken_bytes_are_an_error(data):
    with pytest.raises(ValueError, match="CBOR"):
        load_cbor(bytes.fromhex(data))


def test_depth_and_items_are_bounded():
    assert load_cbor(b"\x81" * MAX_DEPTH + b"\x00")
    for data in (b"\x81" * 100_000 + b"\x00", b"\xc1" * 100_000 + b"\x00", b"\x9f" + b"\x00" * (MAX_ITEMS + 1) + b"\xff"):
        with pytest.raises(ValueError, match="too deep or too many"):
            load_cbor(data)


def test_random_bytes_give_a_value_or_the_error():
    rng = np.random.default_rng(0)
    read = 0
    for _ in range(2000):
        try:
            value = load_cbor(rng.bytes(rng.integers(1, 40)))
        except ValueError:
            continue
        read += not (isinstance(value, float) and math.isnan(value))
    assert read > 100
