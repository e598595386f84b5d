"""Faces in images and videos and their expressions, without torch."""
