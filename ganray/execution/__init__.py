"""Where shards of work are done: one port, an executor in this process, and (at the rim) one on a Ray cluster."""
