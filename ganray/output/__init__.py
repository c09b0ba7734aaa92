"""An engine's result as a labelled file."""
