"""Scores of a model. No Ray."""
