"""Facial-expression recognition on FER2013: train, evaluate, export to a phone."""

import os

# OpenMP reads it when torch is loaded. By default threads spin at barriers, and on a busy machine they take the cores
# that the threads they wait for need: a training step then cost 1.5 times the CPU time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
