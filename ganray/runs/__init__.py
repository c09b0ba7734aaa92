"""What a training run is told and what it leaves: preflight, checkpoints, recorder, pages, cards, trackers."""
