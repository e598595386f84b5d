"""Training runs: the phases, from a configuration to scored weights."""
