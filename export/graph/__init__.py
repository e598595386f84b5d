"""Transformations before the conversion; none changes what the network computes."""
