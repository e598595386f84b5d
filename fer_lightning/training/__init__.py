"""The phases of a run, from a configuration to scored weights."""
