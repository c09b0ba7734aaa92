"""Fuzzing of what reads bytes from outside: `targets.py` lists it, `runner.py` has the rules."""
