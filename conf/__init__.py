"""Hydra's configs, installed as ``fer_lightning.conf``."""
