"""What a user has bought and may soon need again."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dataset.hazard import FittedHazard, Hazard, Standings
from dataset.interactions import KINDS
from dataset.ordering import top_k_of_segments
from dataset.parameters import check_int, check_names
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.repurchase import Spells
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors


@dataclass(frozen=True)
class FittedReplenishment(Saved):
    """When products of each category are bought again.

    Parameters
    ----------
    hazard : FittedHazard
        Of repurchases of an item, by category.
    category_of_item : int32 array of shape (n_items,)
        -1 for none, and for items unknown at the snapshot.
    kinds : tuple of str
    horizon_days : int
    """

    hazard: FittedHazard
    category_of_item: npt.NDArray[np.int32]
    kinds: tuple[str, ...]
    horizon_days: int

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The k items that are likeliest bought again, of those that the user has got and may get."""
        own = self._standings(requests)
        allowed = requests.eligibility.allows(own.owner, own.thing)
        chance = self._chance(own)
        return top_k_of_segments(
            own.offsets, own.thing, np.where(allowed & (chance > 0), chance, -np.inf).astype(np.float32), k
        )

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Probability that each candidate is bought again within the horizon; NaN if it never was bought."""
        own = self._standings(requests)
        chance = np.append(self._chance(own), np.float32(np.nan))  # row -1 is the last
        return chance[own.rows(offsets, item)]

    def _standings(self, requests: Requests) -> Standings:
        history = requests.history
        got = np.flatnonzero(np.isin(history.kind, [KINDS.index(kind) for kind in self.kinds]))
        spells = Spells.of(history.query[got], history.item[got], history.time[got], requests.queries.time)
        return self.hazard.standings(spells, self.category_of_item[spells.thing], len(requests))

    def _chance(self, own: Standings) -> npt.NDArray[np.float32]:
        """Probability of each pair, float32: what rounding makes equal is a tie."""
        multiplier = own.multiplier[own.owner]
        return self.hazard.probability(own.group, own.days, self.horizon_days, multiplier).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Replenishment:
    """Items that the user has got, by the probability that they are bought again within a horizon.

    The probability follows from the hazards of the item's category since the user's last purchase of the item
    and from how often the user has bought things again so far. What a user may not get is never nominated, so
    the source has nothing to say where repurchase is not allowed: set `split.repurchase=true`.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    horizon_days : int
        Days ahead, at least 1. Changes results: a short one asks what is due, a long one what is ever
        bought again.
    kinds : sequence of str
        Kinds of events that count as a purchase. Changes results.
    hazard : Hazard
        How hazards are estimated. Changes results.
    """

    quota: int = 30
    horizon_days: int = 30
    kinds: tuple[str, ...] = ("purchase",)
    hazard: Hazard = field(default_factory=Hazard)

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "horizon_days", low=1, high=36_500)
        check_names(self, "kinds", choices=KINDS, may_be_empty=False)
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> FittedReplenishment:
        """Estimate the hazards from the snapshot's history; who has not bought again yet counts as such."""
        labels = snapshot.items.category
        category = np.where(snapshot.catalogue, labels.codes, -1).astype(np.int32)
        events = snapshot.history.take(snapshot.history.is_kind(self.kinds))
        until = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
        spells = Spells.of(events.user, events.item, events.time, until)
        fitted = self.hazard.fit(spells, category[spells.thing], len(labels.names))
        return FittedReplenishment(fitted, category, self.kinds, int(self.horizon_days))
