"""Kaggle's files, image folders and synthetic faces, up to batches."""
