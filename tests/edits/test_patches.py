import numpy as np
import pytest

from ganray.edits.patches import SIDE, Library, Matches, explore, find_all, patches_at, patches_of, pixels_in, propagate


def scene(pull=0.0):
    """A picture of noise as a library, and matches for patches of it, whose best source is themselves."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)
    rows = patches_of(picture)
    columns = 40 - SIDE + 1
    means = rng.integers(0, 256, (len(rows), 3)).astype(np.float32)
    library = Library(rows, columns, np.ones(len(rows), bool), np.arange(len(rows)), means, pull)
    places = np.array([row * columns + column for row in range(5, 15) for column in range(8, 18)])
    number = np.full(len(rows), -1, np.int32)
    number[places] = np.arange(len(places))
    start = np.zeros(len(places), np.intp)
    matches = Matches(places, rows[places].astype(np.float32), means[places], start, np.full(len(places), np.inf, np.float32), number)
    matches.costs[:] = library.costs(matches.wanted, matches.around, matches.sources)
    return picture, library, matches


def test_patches_lie_in_the_order_of_their_corners():
    picture, library, _ = scene()
    rows, columns = np.array([0, 3, 23]), np.array([0, 5, 33])
    expected = [picture[row : row + SIDE, column : column + SIDE].ravel() for row, column in zip(rows, columns, strict=True)]
    assert np.array_equal(patches_at(picture, rows, columns), expected)
    assert np.array_equal(library.rows[rows * library.columns + columns], expected)


def test_pixels_of_a_mask_are_counted_in_each_patch():
    mask = np.zeros((12, 15), bool)
    mask[4:6, 7] = True
    counts = pixels_in(mask)
    assert counts.shape == (6, 9) and counts.max() == 2 and counts[0, 0] == 0 and counts[4, 3] == 2 and counts[5, 7] == 1


@pytest.mark.parametrize("pull", [0.0, 0.5])
def test_among_all_sources_the_best_is_found(pull):
    _, library, matches = scene(pull)
    find_all(matches, library)
    assert np.array_equal(matches.sources, matches.places) and (matches.costs == 0).all()


def test_what_one_patch_has_found_its_neighbours_take_over():
    _, library, matches = scene()
    matches.sources[0] = matches.places[0]
    matches.costs[0] = 0
    for _ in range(20):
        propagate(matches, library, 1)
    assert np.array_equal(matches.sources, matches.places)


def test_exploring_never_makes_a_match_worse_or_takes_what_may_not_be_copied():
    _, library, matches = scene()
    library.usable[::2] = False
    before = matches.costs.copy()
    for radius in (0, 8, 1):
        explore(matches, library, np.random.default_rng(1), radius)
    assert (matches.costs <= before).all() and (matches.costs < before).any()
    assert library.usable[matches.sources[matches.costs < before]].all()
