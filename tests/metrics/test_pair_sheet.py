import numpy as np
from PIL import ImageFont

from ganray.metrics.pair_sheet import SheetRow, fitted, pair_sheet, strip

RED, BLUE = (np.full((16, 16, 3), colour, np.uint8) for colour in ((200, 0, 0), (0, 0, 200)))


def test_a_strip_has_each_image_left_of_its_photo_and_pairs_apart():
    picture = strip([(RED, BLUE), (BLUE, RED)], tile=48)
    assert len(picture) == 48
    colours = [tuple(colour) for colour in picture[24]]
    changes = [colour for place, colour in enumerate(colours) if place == 0 or colour != colours[place - 1]]
    assert changes == [(200, 0, 0), (255, 255, 255), (0, 0, 200), (255, 255, 255), (0, 0, 200), (255, 255, 255), (200, 0, 0)]
    white = [place for place, colour in enumerate(colours) if colour == (255, 255, 255)]
    assert sum(place < 60 for place in white) < sum(60 < place < 150 for place in white)


def test_a_sheet_has_a_row_for_each_value_and_room_for_labels():
    rows = [SheetRow("shoes", ("41 %, photos 88 %",), [(RED, BLUE)] * 4), SheetRow("hat " * 99, ("90 %",), [(BLUE, RED)])]
    sheet = pair_sheet(rows)
    assert 800 < sheet.shape[1] < 1130  # the page is as wide
    assert (sheet == BLUE[0, 0]).all(2).sum() > 4 * 90**2
    assert (pair_sheet(rows[:1], tile=64) < 250).any(2)[:28].any()  # headers


def test_long_labels_end_in_dots():
    font = ImageFont.load_default(14)
    assert fitted("shoes", font, 100) == "shoes"
    assert fitted("shoes " * 30, font, 100).endswith("...")
    assert font.getlength(fitted("shoes " * 30, font, 100)) <= 100
