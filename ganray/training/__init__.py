"""Training as pure torch: no files, no Ray. `fit` runs alone on a laptop, and under Ray Train on N workers, through a `Context`."""
