"""The specification of what is measured by fitting: on how many users, and by which recommenders."""

from dataclasses import dataclass, replace

import numpy as np

from dataset.dataset import Dataset
from dataset.parameters import check_int
from features.feature_set import FeatureSet
from retrieval.fusion import Retrieval


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is fitted, once to see how much a random split flatters, once to see what candidates look like.

    Parameters
    ----------
    retrieval : Retrieval
        Cheap recommenders, each of which is measured alone, and which together name the candidates. They
        must not search embeddings. Changes results.
    features : FeatureSet
        Of the candidates; columns that it excludes are looked at too. Changes results.
    max_events : int
        Events that are fitted on: where there are more, users are drawn, each with all events. Changes
        results a little; time and memory grow with it.
    queries : int
        Users of them that are asked for in each split, at most. Changes results a little.
    feature_queries : int
        Users of them whose candidates are described, at most. Changes results a little.
    k : int
        Length of the lists.
    block_size : int
        Users worked on together; changes only speed and memory.
    """

    retrieval: Retrieval
    features: FeatureSet
    max_events: int = 2_000_000
    queries: int = 20_000
    feature_queries: int = 3000
    k: int = 10
    block_size: int = 1024

    def __post_init__(self) -> None:
        for name in ("max_events", "queries", "feature_queries", "k", "block_size"):
            check_int(self, name, low=1)

    def sample(self, dataset: Dataset, seed: int) -> tuple[Dataset, int | None]:
        """Users with all their events, `max_events` at most, and how many users if not all."""
        events = dataset.interactions
        if len(events) <= self.max_events:
            return dataset, None
        activity = np.bincount(events.user, minlength=len(dataset.users))
        order = np.random.default_rng(seed).permutation(np.flatnonzero(activity))
        drawn = order[np.cumsum(activity[order]) <= self.max_events]
        kept = np.zeros(len(dataset.users), bool)
        kept[drawn] = True
        return replace(dataset, interactions=events.take(kept[events.user])), len(drawn)
