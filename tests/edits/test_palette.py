import numpy as np
import pytest

from ganray.edits.fabric_colours import FABRICS
from ganray.edits.palette import CSS, hex_of, lab_of, rgb_of
from ganray.images.lab import chroma, to_lab


def test_hex_numbers_are_themselves():
    assert hex_of("#AABBCC") == "#aabbcc"
    assert rgb_of("#0a10ff").tolist() == [10, 16, 255] and rgb_of("white").dtype == np.uint8


def test_names_are_colours_of_cloth_and_css_is_asked_for():
    assert hex_of("css:red") == "#ff0000" and hex_of("css: light gray") == "#d3d3d3" and hex_of("css:dark-green") == "#006400"
    assert chroma(lab_of("red")) < 70 < chroma(lab_of("css:red"))
    assert lab_of("Dark Green").tolist() == lab_of("dark-green").tolist() == pytest.approx(FABRICS["darkgreen"])
    assert lab_of("light gray").tolist() == lab_of("lightgrey").tolist()
    assert all(hex_of(f"css:{name}") == value for name, value in CSS.items())


@pytest.mark.parametrize("name", FABRICS)
def test_cloth_can_be_shown_and_is_neither_paper_nor_ink(name):
    lab = lab_of(name)
    assert 10 < lab[0] < 96.5 and chroma(lab) < 80
    np.testing.assert_allclose(to_lab(rgb_of(name)), lab, atol=3)


@pytest.mark.parametrize("colour", ["", "whiteish", "#12345", "#gggggg", "css:", "css:camel", "css:#112233"])
def test_other_text_is_not_a_colour(colour):
    with pytest.raises(ValueError, match="is not a known colour: use #rrggbb, css:NAME or one of black, charcoal"):
        lab_of(colour)
