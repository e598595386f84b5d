"""Facial-expression recognition on FER2013: train, evaluate, export to a phone."""

__version__ = "0.2.0"
