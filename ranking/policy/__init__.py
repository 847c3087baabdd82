"""Lists cut from the ranker's order: caps, and what a shop wants of a list beside its best items."""

from ranking.policy.caps import Caps

__all__ = ["Caps"]
