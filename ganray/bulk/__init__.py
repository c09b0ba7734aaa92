"""Exactly-once bulk jobs: identity, commit, layouts, gate, estimates, pages."""
