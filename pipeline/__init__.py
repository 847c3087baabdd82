"""Wiring: configuration, engine, stages, artefacts."""
