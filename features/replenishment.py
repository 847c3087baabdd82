"""Whether it is time for another of the same item, and for something of the same category."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.hazard import FittedHazard, Hazard, Standings
from dataset.interactions import KINDS
from dataset.parameters import check_int, check_names
from dataset.persistence import Saved
from dataset.repurchase import Spells
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup, gather_codes

_COLUMNS: Final = ("elapsed_ratio", "hazard", "probability", "is_due", "n_repeats", "user_multiplier")


@dataclass(frozen=True)
class FittedReplenishment(Saved):
    """When products are bought again, and when the next product of a category is.

    Parameters
    ----------
    items : Lookup
    category : int32 array of shape (len(items),)
        -1 for none.
    of_item, of_category : FittedHazard
        Of repurchases of an item, and of further purchases in a category, both by category.
    kinds : tuple of str
    horizon_days : int
    """

    items: Lookup
    category: npt.NDArray[np.int32]
    of_item: FittedHazard
    of_category: FittedHazard
    kinds: tuple[str, ...]
    horizon_days: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the item, then of its category."""
        return tuple(f"{thing}_{name}" for thing in ("item", "category") for name in _COLUMNS)

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """What each query's user has got of each candidate and of its category; NaN where it is nothing."""
        history = requests.history
        got = np.flatnonzero(np.isin(history.kind, [KINDS.index(kind) for kind in self.kinds]))
        query, time, until = history.query[got], history.time[got], requests.queries.time
        row = self.items.rows(history.item[got])
        wanted = self.items.rows(candidates.item)
        out = np.empty((len(candidates), len(self.names)), np.float32)
        spells = Spells.of(query, row, time, until)
        own = self.of_item.standings(spells, gather_codes(self.category, spells.thing), len(requests))
        self._fill(self.of_item, own, candidates.offsets, wanted, out[:, : len(_COLUMNS)])
        spells = Spells.of(query, gather_codes(self.category, row), time, until)
        own = self.of_category.standings(spells, spells.thing, len(requests))
        wanted = gather_codes(self.category, wanted)
        self._fill(self.of_category, own, candidates.offsets, wanted, out[:, len(_COLUMNS) :])
        return out

    def _fill(
        self,
        hazard: FittedHazard,
        own: Standings,
        offsets: npt.NDArray[np.int64],
        wanted: npt.NDArray[np.int32],
        out: npt.NDArray[np.float32],
    ) -> None:
        """Fill `out`, (n, len(_COLUMNS)): computed for what users have got, then looked up."""
        multiplier = own.multiplier[own.owner]
        table = np.full((len(own.thing) + 1, len(_COLUMNS)), np.nan, np.float32)  # row -1 is the last
        table[-1, 4] = 0
        table[:-1, 0] = own.days / hazard.quantiles(0.5)[own.group]
        table[:-1, 1] = hazard.hazard(own.group, own.days)
        table[:-1, 2] = hazard.probability(own.group, own.days, self.horizon_days, multiplier)
        table[:-1, 3] = hazard.is_due(own.group, own.days)
        table[:-1, 4] = own.n_repeats
        out[:] = table[own.rows(offsets, wanted)]
        out[:, 5] = own.multiplier.repeat(np.diff(offsets))


@dataclass(frozen=True, kw_only=True)
class Replenishment:
    """When the user last got this very item, and anything of its category, beside when others got the next.

    Columns, each as `item_…` and as `category_…`: `elapsed_ratio`, days since the user's last purchase over
    the category's median interval, about 1 when it is time for another; `hazard`, of the day to come;
    `probability` of another purchase within the horizon; `is_due`, whether the hazard is above its mean over
    the days that are told apart; `n_repeats`, the user's purchases of it after the first; `user_multiplier`,
    the user's repurchases so far, of anything, over those expected. Purchases of a day are one. Columns are
    NaN where the user never bought such a thing, but for `n_repeats`, 0 then, and `user_multiplier`, 1 for a
    user of whom nothing is known.

    Those of the category say something about items that the user has never bought, too.

    Parameters
    ----------
    horizon_days : int
        Days ahead, at least 1. Changes results.
    kinds : list of str
        Kinds of events that count as a purchase. Changes results.
    hazard : Hazard
        How hazards are estimated. Changes results.
    """

    horizon_days: int = 30
    kinds: Sequence[str] = ("purchase",)
    hazard: Hazard = field(default_factory=Hazard)

    def __post_init__(self) -> None:
        check_int(self, "horizon_days", low=1, high=36_500)
        check_names(self, "kinds", choices=KINDS, may_be_empty=False)
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedReplenishment:
        """Estimate the hazards of items and of categories."""
        items = Lookup.of_items(snapshot)
        category, n = snapshot.items.category.codes[items.codes], len(snapshot.items.category.names)
        events = snapshot.history.take(snapshot.history.is_kind(tuple(self.kinds)))
        row = items.rows(events.item)
        until = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
        of_item = Spells.of(events.user, row, events.time, until)
        of_category = Spells.of(events.user, gather_codes(category, row), events.time, until)
        return FittedReplenishment(
            items=items,
            category=category,
            of_item=self.hazard.fit(of_item, gather_codes(category, of_item.thing), n),
            of_category=self.hazard.fit(of_category, of_category.thing, n),
            kinds=tuple(self.kinds),
            horizon_days=int(self.horizon_days),
        )
