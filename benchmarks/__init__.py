"""Measurements of speed and memory, kept as JSON lines under `results/`."""
