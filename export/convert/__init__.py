"""Converters from a torch network to each file format."""
