"""What `generate` keeps of each request's samples: all of them, or the best share."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from ganray.errors import ConfigError

ALL, BEST = "all", "best:"
REMEDY = "Use all, or best:SHARE with a share over 0 and at most 1, e.g. best:0.3"


def canonical_keep(text: str) -> str:
    """`all`, or `best:SHARE` with the share in its shortest form: the same choice is the same job. Raises ConfigError for anything else."""
    if text == ALL:
        return ALL
    try:
        share = Decimal(text.removeprefix(BEST)) if text.startswith(BEST) else Decimal(0)
    except InvalidOperation:
        share = Decimal(0)
    if not (share.is_finite() and 0 < share <= 1):
        raise ConfigError(f"keep = {text!r} is no choice", REMEDY)
    return f"{BEST}{share.normalize():f}"


def num_kept(keep: str, count: int) -> int:
    """How many of a request's `count` samples a canonical `keep` writes at most: the share of them, rounded down, at least one."""
    if keep in ("", ALL):
        return count
    return max(1, int(Fraction(keep.removeprefix(BEST)) * count))  # exact: 0.1 of 30 is 3 whatever the binary fraction
