"""From which doubt on (`edits/doubt.py`: a share of the product, or of its outline) a job counts a result, and does not write it."""

from __future__ import annotations

DOUBTFUL, REFUSED = 0.1, 0.15  # a person should look at it; of nine in 80 with more, a shop would take three (LOG.md)
