"""Data: Kaggle files, image folders and synthetic faces, from reading to batches."""
