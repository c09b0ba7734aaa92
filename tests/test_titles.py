from unicodedata import category

import numpy as np
import pytest

from ganray.titles import NONE, Pieces, drop_title_words, words_of

READ = Pieces(48)


def shared(first: str, second: str) -> float:
    """The share of pieces that two titles have in common."""
    ours, theirs = set(READ.of(first)) - {NONE}, set(READ.of(second)) - {NONE}
    return len(ours & theirs) / len(ours | theirs)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Red long-sleeve SHIRT", ("red", "long", "sleeve", "shirt")),
        ("  ", ()),
        ("!? — ★", ()),
        ("Ｆｕｌｌ ﬁne №5", ("full", "fine", "no5")),  # NFKC
        ("Straße STRASSE", ("strasse", "strasse")),
        ("caf\u0065\u0301 café", ("café", "café")),
        ("हिन्दी कुर्ता", ("हिन्दी", "कुर्ता")),  # vowel signs are no ends of words
        ("赤い シャツ", ("赤い", "シャツ")),
    ],
)
def test_words_are_compared_without_case_form_or_punctuation(title, words):
    assert words_of(title) == words


def test_folding_twice_changes_nothing():
    """Of every sign that Unicode has given a meaning; what is left of a sign that folding leaves alone is not folded again."""
    signs = [chr(code) for code in range(0x110000) if category(chr(code)) not in ("Cn", "Co", "Cs")]
    assert len(signs) > 140_000
    assert not [sign for sign in signs for words in [words_of(sign)] if words != (sign,) and words != words_of(" ".join(words))]


def test_pieces_are_a_set_of_numbers():
    pieces = READ.of("Red shirt")
    assert pieces.shape == (48,)
    assert pieces.dtype == np.int64
    used = pieces[pieces > NONE]
    assert len(used) == 2 + 3 + 5  # two words, <re red ed>, <sh shi hir irt rt>
    assert (np.diff(used) > 0).all()
    assert used.max() <= 4096
    assert np.array_equal(READ.of("SHIRT, red -- red"), pieces)  # order and number do not count
    assert not READ.of("?").any()


def test_the_hash_is_stable():
    """Other numbers here make every model that reads titles draw something else."""
    assert Pieces(8).of("mug").tolist() == [0, 0, 0, 0, 2050, 2772, 3246, 3341]
    assert Pieces(4, buckets=10).of("mug").tolist() == [0, 6, 8, 9]


def test_near_words_share_pieces_and_far_ones_do_not():
    assert shared("shirts", "shirt") > 0.4
    assert shared("tshirt", "t-shirt") > 0.3
    assert shared("mug", "lamp") == 0


def test_a_long_title_keeps_its_words_before_their_trigrams_and_the_first_before_the_last():
    few = Pieces(3)
    words = {int(Pieces(1).of(word)[0]) for word in ("alpha", "beta", "gamma")}
    assert set(few.of("alpha beta gamma delta")) == words


def conditions_of(labels, titles, sizes, seed=0, drop=0.0):
    return drop_title_words(
        np.array(labels, np.int64).reshape(len(titles), len(sizes)), titles, sizes, READ, drop, np.random.default_rng(seed)
    )


def test_a_third_is_told_by_the_title_a_third_by_attributes_and_a_third_by_both():
    num = 6000
    conditions = conditions_of([[1, 2]] * num, ["red mug"] * num, (3, 4))
    titled, category, colour = conditions[:, 2:].any(axis=1), conditions[:, 0] != 3, conditions[:, 1] != 4
    assert np.mean(titled) == pytest.approx(2 / 3, abs=0.03)
    assert (category & colour)[~titled].all()  # where nothing else tells, attributes do
    assert np.mean(titled & ~category & ~colour) == pytest.approx(1 / 3 + 1 / 12, abs=0.03)
    assert np.mean(titled & category & ~colour) == pytest.approx(1 / 12, abs=0.02)
    assert set(conditions[category, 0]) == {1}
    assert set(conditions[colour, 1]) == {2}
    assert {tuple(row) for row in conditions[titled][:, 2:]} == {tuple(READ.of("red mug"))}


def test_without_attributes_titles_tell_but_for_a_tenth():
    conditions = conditions_of([[]] * 4000, ["red mug"] * 4000, ())
    assert conditions.shape == (4000, 48)
    assert np.mean(conditions.any(axis=1)) == pytest.approx(0.9, abs=0.02)


def test_an_image_without_a_title_is_told_by_its_attributes():
    conditions = conditions_of([[1]] * 300, [""] * 300, (3,))
    assert set(conditions[:, 0]) == {1}
    assert not conditions[:, 1:].any()


def test_words_are_left_out_one_by_one():
    conditions = conditions_of([[]] * 3000, ["red mug"] * 3000, (), drop=0.2)
    seen = {tuple(READ.of(title)): 0 for title in ("red mug", "red", "mug", "")}
    for row in conditions:
        seen[tuple(row)] += 1
    assert [count / 3000 for count in seen.values()] == pytest.approx([0.9 * 0.64, 0.9 * 0.16, 0.9 * 0.16, 0.1 + 0.9 * 0.04], abs=0.03)


def test_what_is_said_depends_on_the_seed_alone():
    arguments = [[0, 1], [2, 0]] * 20, ["red mug", ""] * 20, (3, 2)
    assert np.array_equal(conditions_of(*arguments, seed=1, drop=0.3), conditions_of(*arguments, seed=1, drop=0.3))
    assert not np.array_equal(conditions_of(*arguments, seed=1, drop=0.3), conditions_of(*arguments, seed=2, drop=0.3))
