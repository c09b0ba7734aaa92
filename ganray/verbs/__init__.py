"""Verbs that start no Ray."""
