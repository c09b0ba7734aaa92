"""From which doubt on (`edits/doubt.py`: a share of the product, or of its outline) a job counts a result, and does not write it."""

from __future__ import annotations

DOUBTFUL, REFUSED = 0.1, 0.15  # a person should look at it; of 29 in 180 with more, a shop would take six (LOG.md)
