import numpy as np
import pytest

from ganray.edits.palette import hex_of, rgb_of


def test_names_and_hex_numbers_are_the_same_colours():
    assert hex_of("white") == hex_of("#FFFFFF").lower() == "#ffffff"
    assert rgb_of("#0a10ff").tolist() == [10, 16, 255] and rgb_of("white").dtype == np.uint8


@pytest.mark.parametrize("colour", ["", "whiteish", "#12345", "#gggggg"])
def test_other_text_is_not_a_colour(colour):
    with pytest.raises(ValueError, match="is not a known colour: use #rrggbb or one of"):
        hex_of(colour)
