"""A training run without Ray: what it is resolved to, its worker, its driver, and what it leaves behind."""
