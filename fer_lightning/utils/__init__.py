"""Helpers for files, terminals and the machine, independent of faces."""
