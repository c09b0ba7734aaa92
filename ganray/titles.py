"""Titles as numbers: words and their character trigrams, hashed to the rows of a table. Needs no vocabulary and no download.

A title is normalised (Unicode NFKC), case-folded and split at characters other than letters, marks and digits: "Long-Sleeve SHIRT" is
"long sleeve shirt". The pieces of a word are itself and the trigrams of <word> (Bojanowski et al. 2017, arXiv 1607.04606), so that
"shirts" is near "shirt". An unknown word is hashed like any other: it has an effect through the pieces that it shares with known words
(also by chance, where hashes collide). Pieces form a set: the order and number of words do not matter.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NGRAM = 3
NONE = 0  # padding instead of a piece
SILENT = 0.1  # share of images with a dropped title in models without attributes: it trains requests without a title


@dataclass(frozen=True)
class Pieces:
    """How a model reads titles: at most `num` pieces (0 = titles are not used), each a number from 1 to `buckets`."""

    num: int = 0
    buckets: int = 4096

    def of(self, title: str) -> NDArray[np.int64]:
        """The title's pieces, int64 [num], ascending after the zeros of the padding.

        If there are more than `num`, words are kept before trigrams, and the first before the last.
        """
        return self.of_words(words_of(title))

    def of_words(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The pieces of words from `words_of`."""
        places = dict.fromkeys(_bucket(piece, self.buckets) for piece in (*words, *(gram for word in words for gram in _trigrams(word))))
        pieces = np.full(self.num, NONE, np.int64)
        kept = sorted(list(places)[: self.num])
        pieces[self.num - len(kept) :] = kept
        return pieces


NO_TITLES = Pieces()


def words_of(title: str) -> tuple[str, ...]:
    """The normalised words of a title, in order."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())  # case folding can undo the first normalisation
    return tuple("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in text).split())


def drop_title_words(
    labels: NDArray[np.int64], titles: Sequence[str], sizes: Sequence[int], pieces: Pieces, drop: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The condition of each image in training: labels [n, A] and titles -> [n, A + num], with random parts dropped as in requests.

    A third of the images have only the title, a third only the attributes, and a third both, with each attribute dropped half of the time:
    its value is then `sizes[a]`, one beyond its values. Without attributes, SILENT of the images have no title. A title lacks each of its
    words with probability `drop`; images without a title have only attributes. The number of values drawn from `rng` depends only on the
    words of the titles.
    """
    conditions = np.concatenate([labels, np.full((len(labels), pieces.num), NONE, np.int64)], axis=1)
    attributes = len(sizes)
    for row, title in zip(conditions, titles, strict=True):
        draw, words = rng.random(), words_of(title)
        dropped_attributes, dropped_words = rng.random(attributes) < 0.5, rng.random(len(words)) < drop
        silent = not words or draw < (1 / 3 if attributes else SILENT)
        if not silent:
            row[attributes:] = pieces.of_words([word for word, dropped in zip(words, dropped_words, strict=True) if not dropped])
            row[:attributes] = np.where(dropped_attributes | (draw < 2 / 3), sizes, row[:attributes])
    return conditions


@lru_cache(maxsize=1 << 16)
def _trigrams(word: str) -> tuple[str, ...]:
    bounded = f"<{word}>"
    return tuple(f"#{bounded[start : start + NGRAM]}" for start in range(len(bounded) - NGRAM + 1))  # no word begins with #


@lru_cache(maxsize=1 << 16)
def _bucket(piece: str, buckets: int) -> int:
    return 1 + int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest()) % buckets
