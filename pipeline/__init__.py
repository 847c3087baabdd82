"""Wiring: configuration, engine, stages, artefacts."""

from pipeline.preparation import load
from pipeline.two_stage import TwoStage

__all__ = ["TwoStage", "load"]
