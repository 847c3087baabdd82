"""Whether the user resembles those who have been taking the item lately."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_number
from dataset.persistence import Saved
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup
from features.portraits import TRAITS, ItemTraits

_LEAST_SHARE: Final = 0.1  # of the variance among all users: few events must not make an item exclusive
_LEAST_VARIANCE: Final = 1e-4  # traits are logarithms or ratings: what is nearer than this is the same


@dataclass(frozen=True)
class FittedAudience(Saved):
    """How the traits of an item's recent users are spread; t traits.

    Parameters
    ----------
    items : Lookup
    traits : ItemTraits
    mean, deviation : float32 arrays of shape (len(items), t)
        Of each item's users, drawn to those of all; NaN where nobody has the trait.
    usual_mean, usual_deviation : float32 arrays of shape (t,)
        Of all.
    """

    items: Lookup
    traits: ItemTraits
    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    usual_mean: npt.NDArray[np.float32]
    usual_deviation: npt.NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """A column a trait, then all together."""
        return (*(f"{trait}_gap" for trait in TRAITS), "resemblance")

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Each query's user against the users of each candidate; NaN where either side is unknown."""
        out = np.full((len(candidates), len(self.names)), np.nan, np.float32)
        if not len(self.items):
            return out
        portraits = self.traits.of_queries(requests)
        row, query = self.items.rows(candidates.item), candidates.query
        likelihood, is_told = np.zeros(len(row), np.float32), np.zeros(len(row), bool)
        for at in range(len(TRAITS)):
            trait, deviation = portraits[:, at], self.deviation[:, at]
            gap = (trait[query] - self.mean[row, at]) / deviation[row]
            far = (trait - self.usual_mean[at]) / self.usual_deviation[at]
            ratio = (far**2)[query] / 2 - gap**2 / 2 - np.log(deviation / self.usual_deviation[at])[row]
            told = ~np.isnan(ratio)
            out[:, at] = gap
            likelihood[told] += ratio[told]
            is_told |= told
        out[is_told, -1] = likelihood[is_told]
        out[row < 0] = np.nan
        return out


@dataclass(frozen=True, kw_only=True)
class Audience:
    """The user's traits less those of the item's recent users, and how likely it makes the user one of them.

    A trait is what was known of a user right before a moment (see `features.portraits`): of the query's user
    at the query, of the item's users before they took it. Each event weighs its kind's weight x .5^(age /
    `half_life_days`); first events of a user tell nothing, since nothing was known. Mean and variance of each
    trait among an item's users are drawn to those of all events.

    Columns, for each trait, `{trait}_gap`: the user's less the mean, in standard deviations of the item's
    users. Then `resemblance`: the log of how much more likely the user's traits are among the item's users
    than among all, each trait taken as normal and independent of the others. NaN for candidates unknown at
    the cut-off and for users without history.

    Parameters
    ----------
    half_life_days : float
        Age at which an event counts half, above 0. Changes results.
    smoothing : float
        Number of average events that the mean and the variance of every item are credited with. Changes
        results.

    References
    ----------
    Hastie, Tibshirani and Friedman 2009, "The elements of statistical learning", section 6.6.3 (naive Bayes).
    """

    half_life_days: float = 30.0
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_number(self, "half_life_days", low=1e-3)
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedAudience:
        """Look at everybody right before each event of the history."""
        items = Lookup.of_items(snapshot)
        traits = ItemTraits.of(snapshot, items)
        history = snapshot.fitted_histories
        portraits = traits.before_events(history)
        row = items.rows(history.item)
        age = (snapshot.cutoff - history.time) / (SECONDS_PER_DAY * self.half_life_days)
        weight = np.where(row >= 0, history.weight * np.exp2(-age), 0.0)
        shape = (len(items), len(TRAITS))
        mean, deviation = np.full(shape, np.nan), np.full(shape, np.nan)
        usual_mean, usual_deviation = np.full(len(TRAITS), np.nan), np.full(len(TRAITS), np.nan)
        for at in range(len(TRAITS)):
            told = np.flatnonzero(~np.isnan(portraits[:, at]) & (weight > 0))
            if not len(told):
                continue
            spread = self._spread(row[told], portraits[told, at], weight[told], len(items))
            usual_mean[at], usual_deviation[at], mean[:, at], deviation[:, at] = spread
        arrays = (mean, deviation, usual_mean, usual_deviation)
        return FittedAudience(items, traits, *(array.astype(np.float32) for array in arrays))

    def _spread(
        self,
        row: npt.NDArray[np.int32],
        value: npt.NDArray[np.float64],
        weight: npt.NDArray[np.float64],
        n_items: int,
    ) -> tuple[float, float, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and deviation of a trait among all, and of each item's users drawn to them."""
        usual = float(np.average(value, weights=weight))
        away = value - usual
        variance = max(float(np.average(away**2, weights=weight)), _LEAST_VARIANCE)
        count, first, second = (
            np.bincount(row, weights=weight * power, minlength=n_items) for power in (1.0, away, away**2)
        )
        shift = first / (count + self.smoothing)
        own = (second + self.smoothing * variance) / (count + self.smoothing) - shift**2
        deviation = np.sqrt(np.maximum(own, _LEAST_SHARE * variance))
        return usual, float(np.sqrt(variance)), usual + shift, deviation
