import numpy as np
import pytest
import torch

from ganray.metrics.features import extract
from ganray.metrics.gate import ROWS, SAME_PHOTO, Gate, Limits, Reference

ASKED = {"colour": ("red", "green", "blue", "grey"), "shape": ("square", "disc", "cross")}  # a generator's own order
EXTRACTORS = {"shape": ("cross", "disc", "square"), "colour": ("blue", "green", "grey", "red")}


@pytest.fixture(scope="module")
def reference(trained, shapes):
    return Reference.of(extract(trained, shapes(600, seed=0)[0]))


def labelled(labels):
    """Labels of the extractor's heads, as columns of the generator's."""
    columns = []
    for name, values in ASKED.items():
        known = EXTRACTORS[name]
        places = np.array([values.index(value) for value in known])
        columns.append(places[labels[:, list(EXTRACTORS).index(name)]])
    return np.stack(columns, axis=1)


def gate(trained, reference, **limits):
    return Gate(trained, reference, ASKED, Limits(**limits))


def test_other_photos_pass_and_wrong_colours_do_not(trained, reference, shapes):
    images, labels = shapes(240, seed=1)
    requested = labelled(labels)
    right = gate(trained, reference).look(images, requested)
    assert np.mean([verdict.reason == "" for verdict in right]) > 0.85
    assert all(0 < verdict.score <= 1 for verdict in right if not verdict.reason)
    requested[:, 0] = (requested[:, 0] + 1) % 4
    wrong = gate(trained, reference).look(images, requested)
    assert np.mean([verdict.reason in ("not_recognised", "copy") for verdict in wrong]) > 0.9


def test_what_is_left_unsaid_matches_anything(trained, reference, shapes):
    images, labels = shapes(60, seed=1)
    requested = labelled(labels)
    requested[:, 0] = len(ASKED["colour"])  # one beyond its values
    assert {verdict.match for verdict in gate(trained, reference).look(images, requested)} == {1.0}


def test_copies_are_refused_whatever_they_show(trained, reference, shapes):
    images, labels = shapes(600, seed=0)
    verdicts = gate(trained, reference).look(images[:50], labelled(labels[:50]))
    assert {(verdict.reason, verdict.score) for verdict in verdicts} == {("copy", 0.0)}
    through = gate(trained, reference, copies=0.0).look(images[:50], labelled(labels[:50]))
    assert "copy" not in {verdict.reason for verdict in through}


def test_noise_is_unlike_the_catalog(trained, reference):
    noise = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    labels = np.full((40, 2), 9)
    assert {verdict.reason for verdict in gate(trained, reference, far=1.2).look(noise, labels)} == {"unlike_catalog"}
    assert {verdict.reason for verdict in gate(trained, reference, far=1e6).look(noise, labels)} == {""}


@pytest.mark.parametrize("num", [1, 3, ROWS, ROWS + 5])
def test_a_verdict_does_not_depend_on_company(trained, reference, shapes, num):
    """Promised: the gate computes in one padded shape, so that its figures are bit-equal in any company."""
    images, labels = shapes(200, seed=2)
    requested = labelled(labels)
    whole = gate(trained, reference).look(images, requested)
    assert gate(trained, reference).look(images[-num:], requested[-num:]) == whole[-num:]


def test_an_extractor_that_knows_other_values_judges_by_distance_alone(trained, reference, shapes):
    images, labels = shapes(30, seed=1)
    other = Gate(trained, reference, {"colour": ("mauve", "red")}, Limits())
    assert {verdict.match for verdict in other.look(images, labels[:, 1:])} == {1.0}


def test_the_reference_survives_its_bytes(reference):
    again = Reference.from_bytes(reference.to_bytes())
    assert torch.equal(again.features, reference.features)
    assert torch.equal(again.usual, reference.usual)
    assert (again.usual.diff() >= 0).all()
    assert again.usual[0] > 0  # a photo is no neighbour of itself


@pytest.mark.parametrize("alone", [False, True], ids=["in the same batch shape", "one by one"])
def test_twice_the_same_photo_is_no_neighbour(trained, shapes, alone):
    """Also where its features were computed in another batch shape, and so are not promised to be equal but up to rounding."""
    images = shapes(100, seed=0)[0]
    features = extract(trained, images)
    again = torch.cat([extract(trained, images[row : row + 1]) for row in range(100)]) if alone else extract(trained, images)
    once, twice = Reference.of(features), Reference.of(torch.cat([features, again]), probes=200)
    torch.testing.assert_close(twice.usual[::2], once.usual, rtol=0, atol=SAME_PHOTO)
