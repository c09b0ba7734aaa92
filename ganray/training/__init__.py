"""Training in pure torch: no files, no Ray. `fit` runs in one process or under Ray Train on N workers, through a `Context`."""
