"""Titles as numbers: each word and its character trigrams, hashed to places in a table. No vocabulary to keep, nothing to download.

A title is normalised (Unicode NFKC), lower-cased (case-folded) and cut at whatever is no letter, mark or digit: "Long-Sleeve SHIRT" is
"long sleeve shirt". A word's pieces are itself and the trigrams of <word> (Bojanowski et al. 2017, arXiv 1607.04606), so that "shirts" is
near "shirt". An unknown word is hashed like any other: it says what the pieces say that it shares with known words (by chance, too: two
may fall into one place), and otherwise nothing. Pieces form a set: neither the order of words nor their number counts.
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
NONE = 0  # in place of a piece
SILENT = 0.1  # share of images whose title is kept back where there is nothing else to say: what is asked for without a title


@dataclass(frozen=True)
class Pieces:
    """How a model reads titles: `num` pieces at most (0 = it reads none), each a number from 1 to `buckets`."""

    num: int = 0
    buckets: int = 4096

    def of(self, title: str) -> NDArray[np.int64]:
        """The title's pieces, int64 [num], ascending behind the zeros that fill it up.

        Where there are more than `num`, whole words are kept before trigrams, and the first before the last.
        """
        return self.of_words(words_of(title))

    def of_words(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The pieces of words as `words_of` gives them."""
        places = dict.fromkeys(_bucket(piece, self.buckets) for piece in (*words, *(gram for word in words for gram in _trigrams(word))))
        pieces = np.full(self.num, NONE, np.int64)
        kept = sorted(list(places)[: self.num])
        pieces[self.num - len(kept) :] = kept
        return pieces


NO_TITLES = Pieces()


def words_of(title: str) -> tuple[str, ...]:
    """The words of a title as they are compared, in their order."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())  # folding can undo the first one
    return tuple("".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in text).split())


def drop_title_words(
    labels: NDArray[np.int64], titles: Sequence[str], sizes: Sequence[int], pieces: Pieces, drop: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """What training says of each image: labels [n, A] and titles -> [n, A + num], some of it kept back so that requests may do so, too.

    A third of the images are told by the title alone, a third by the attributes alone, a third by both with each attribute kept back half
    of the time: it is `sizes[a]` then, one beyond its values. Without attributes, SILENT of the images are told by nothing. A title that is
    told lacks each of its words with probability `drop`; where there is none, attributes alone tell. How much is drawn from `rng` depends
    on the titles' words alone.
    """
    told = np.concatenate([labels, np.full((len(labels), pieces.num), NONE, np.int64)], axis=1)
    attributes = len(sizes)
    for row, title in zip(told, titles, strict=True):
        voice, words = rng.random(), words_of(title)
        kept_back, left_out = rng.random(attributes) < 0.5, rng.random(len(words)) < drop
        silent = not words or voice < (1 / 3 if attributes else SILENT)
        if not silent:
            row[attributes:] = pieces.of_words([word for word, out in zip(words, left_out, strict=True) if not out])
            row[:attributes] = np.where(kept_back | (voice < 2 / 3), sizes, row[:attributes])
    return told


@lru_cache(maxsize=1 << 16)
def _trigrams(word: str) -> tuple[str, ...]:
    bounded = f"<{word}>"
    return tuple(f"#{bounded[start : start + NGRAM]}" for start in range(len(bounded) - NGRAM + 1))  # no word begins with #


@lru_cache(maxsize=1 << 16)
def _bucket(piece: str, buckets: int) -> int:
    return 1 + int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest()) % buckets
