"""How the trees of a fitted ranker are added up: one result, at several speeds."""

from ranking.scorers.auto import Auto
from ranking.scorers.bitvectors import BitVectors
from ranking.scorers.native import Native
from ranking.scorers.onedal import OneDal

__all__ = ["Auto", "BitVectors", "Native", "OneDal"]
