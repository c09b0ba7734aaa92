"""An engine's result as a labelled image file."""
