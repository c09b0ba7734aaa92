import pytest

from ganray.metrics.summary import MOST_CHARACTERS, shown, summary


def row(generated, photos, verdict):
    return {"num": 50, "generated": generated, "photos": photos, "verdict": verdict}


GOOD, SHOES = row(0.9, 0.9, "as_photos"), row(0.41, 0.88, "worse")
COVERED = "; coverage 39 % against 97 %"


def line(found=0, **attributes):
    accuracy = {name: {"generated": 0.5, "photos": 0.9, "values": values} for name, values in attributes.items()}
    scores, floors = {"frechet": 29.51, "coverage": 0.389}, {"frechet": 0.6612, "coverage": 0.97}
    return summary({"scores": scores, "floors": floors, "accuracy": accuracy, "copies": {"found": found}, "num": 64})


def test_it_says_how_many_values_and_the_weakest():
    values = {"shoes": SHOES, "bags": row(0.7, 0.88, "worse")} | {str(place): GOOD for place in range(5)}
    assert line(category=values) == (
        f"5 of 7 values of category are recognised as well as photos are; weakest: shoes (41 % against 88 %){COVERED}"
    )
    assert line(category={"shoes": SHOES, "hat": GOOD}).startswith("1 of 2 values of category is recognised")
    assert line(category={"cap": GOOD, "hat": GOOD}) == f"2 of 2 values of category are recognised as well as photos are{COVERED}"


def test_further_attributes_follow_and_the_weakest_names_its_own():
    assert line(category={"cap": GOOD, "hat": GOOD}, colour={"red": SHOES, "blue": GOOD}) == (
        "2 of 2 values of category are recognised as well as photos are, 1 of 2 of colour; "
        f"weakest: red (colour, 41 % against 88 %){COVERED}"
    )


def test_values_that_cannot_be_judged_do_not_count():
    values = {"cap": GOOD, "hat": GOOD, "bag": row(0.0, 0.0, "unknown"), "shoes": row(0.0, 0.6, "few")}
    assert line(category=values).startswith("2 of the 2 values of category that can be judged are recognised as well")
    assert line(category={"cap": SHOES, "hat": values["bag"]}).startswith(
        "the only value of category that can be judged is not recognised as well as photos are; weakest: cap"
    )
    assert line(category={"bag": values["bag"]}).startswith("no value of category can be judged: there are too few photos")


def test_without_attributes_it_is_about_distance_coverage_and_copies():
    assert line() == f"Frechet distance 29.5 against 0.661 of held-out photos{COVERED}"
    assert line(found=1).endswith("; 1 of 64 images is a copy of a photo")
    assert line(found=3).endswith("; 3 of 64 images are copies of a photo")


@pytest.mark.parametrize(("value", "text"), [("", "(none)"), ("a\nb  c", "a b c"), ("x" * 99, f"{'x' * (MOST_CHARACTERS - 1)}…")])
def test_values_stay_in_a_line(value, text):
    assert shown(value) == text
