"""The HTTP application. No Ray."""
