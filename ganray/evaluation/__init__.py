"""Scores of a model, without Ray."""
