"""From tables as they came to tables that keep their contracts: steps, quarantine, counts."""

from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.in_memory import clean
from dataset.cleaning.quarantine import NAMES, Quarantine

__all__ = ["NAMES", "Cleaning", "Quarantine", "clean"]
