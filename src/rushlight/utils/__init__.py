"""Tools around training: data, checkpoints, hooks, logging."""
