"""Benchmarks: each measures a verb or an edit against a bare baseline in the same run."""
