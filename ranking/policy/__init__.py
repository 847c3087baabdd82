"""Lists cut from the ranker's order: caps, and what a shop wants of a list beside its best items."""

from ranking.policy.calibration import Calibration
from ranking.policy.caps import Caps
from ranking.policy.marginal_relevance import MarginalRelevance
from ranking.policy.new_items import NewItems
from ranking.policy.policy import Policy

__all__ = ["Calibration", "Caps", "MarginalRelevance", "NewItems", "Policy"]
