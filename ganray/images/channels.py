"""Reductions of [..., 3] over its channels, with the bits of numpy's own, which take ten times as long along so short an axis."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)
F = TypeVar("F", bound=np.floating[Any])


def largest(x: NDArray[T]) -> NDArray[T]:
    """The largest of three channels: [...]."""
    most: NDArray[T] = np.maximum(np.maximum(x[..., 0], x[..., 1]), x[..., 2])
    return most


def least(x: NDArray[T]) -> NDArray[T]:
    """The smallest of three channels: [...]."""
    few: NDArray[T] = np.minimum(np.minimum(x[..., 0], x[..., 1]), x[..., 2])
    return few


def total(x: NDArray[F]) -> NDArray[F]:
    """The sum of three channels: [...]."""
    added: NDArray[F] = x[..., 0] + x[..., 1] + x[..., 2]
    return added


def length(x: NDArray[F]) -> NDArray[F]:
    """The Euclidean norm of three channels: [...]."""
    norm: NDArray[F] = np.sqrt(total(x * x))
    return norm


def any_of(x: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of three channels holds: [...]."""
    either: NDArray[np.bool_] = x[..., 0] | x[..., 1] | x[..., 2]
    return either


def all_of(x: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether all of three channels hold: [...]."""
    every: NDArray[np.bool_] = x[..., 0] & x[..., 1] & x[..., 2]
    return every
