"""Networks, ensembles and checkpoints."""
