"""How likely something is bought again by the time since it was last bought, open intervals counted.

Gaps that were seen to end are the short ones: of a product bought a month before the cut-off only a
repurchase within the month can be known. An interval that is still open is therefore at risk until the
cut-off, and not left out.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.ragged import offsets_of
from dataset.repurchase import Spells

Integers = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Standings:
    """How things stand between owners and what they have got: m owners, p pairs.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Pairs of owner q are rows `offsets[q]:offsets[q + 1]`.
    thing : int32 array of shape (p,)
        Ascending within an owner, distinct.
    group : int32 array of shape (p,)
        -1 for none.
    days : int64 array of shape (p,)
        Whole days since the newest purchase, at least 0.
    n_repeats : int64 array of shape (p,)
        Purchases after the first.
    multiplier : float64 array of shape (m,)
        The owner's repurchases so far over those that the hazards let one expect, drawn to 1.
    """

    offsets: npt.NDArray[np.int64]
    thing: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]
    days: npt.NDArray[np.int64]
    n_repeats: npt.NDArray[np.int64]
    multiplier: npt.NDArray[np.float64]

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """Owner of each pair, int64 of shape (p,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def rows(self, offsets: npt.NDArray[np.int64], thing: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """The pair of each candidate and its owner, int64 of shape (len(thing),); -1 where there is none.

        Parameters
        ----------
        offsets : int64 array of shape (m + 1,)
            Candidates of owner q are `thing[offsets[q]:offsets[q + 1]]`.
        thing : int32 array of shape (n,)
            -1 for none.
        """
        out = np.full(len(thing), -1, np.int64)
        n_things = int(max(self.thing.max(initial=-1), thing.max(initial=-1))) + 1
        _find(self.offsets, self.thing, offsets, thing, n_things, out)
        return out


@dataclass(frozen=True)
class FittedHazard(Saved):
    """Daily hazards by group and by time: g groups and, in the last row, all of them together; b bins.

    A group of -1 is the last row.

    Parameters
    ----------
    daily : float64 array of shape (g + 1, b)
        Probability that what was not bought again on the days before is on this one, within 0 and 1: of
        the days `bin_days * j + 1` to `bin_days * (j + 1)` after a purchase. That of the last bin goes on.
    bin_days : int
    user_smoothing : float
    """

    daily: npt.NDArray[np.float64]
    bin_days: int
    user_smoothing: float

    def hazard(self, group: Integers, days: Integers) -> Floats:
        """Hazard of the day after `days` whole days, float64 of the common shape."""
        return self.daily[group, self._bin(days)]

    def is_due(self, group: Integers, days: Integers) -> npt.NDArray[np.bool_]:
        """Whether the hazard after `days` is above its mean over the bins, bool of the common shape."""
        above = self.daily > self.daily.mean(axis=1, keepdims=True)
        return np.asarray(above[group, self._bin(days)])

    def cumulative(self, group: Integers, days: Integers) -> Floats:
        """Minus the logarithm of the share not bought again within `days`, float64 of the common shape."""
        rate = -np.log1p(-np.minimum(self.daily, 1 - 1e-9))
        edges = np.zeros(rate.shape)
        np.cumsum(self.bin_days * rate[:, :-1], axis=1, out=edges[:, 1:])
        at = self._bin(days)
        return np.asarray(edges[group, at] + (days - at * self.bin_days) * rate[group, at], np.float64)

    def probability(
        self, group: Integers, days: Integers, horizon_days: int, multiplier: Floats | float = 1.0
    ) -> Floats:
        """Probability that what was not bought again for `days` will be within the next `horizon_days`.

        Parameters
        ----------
        group : integer array of shape (n,)
        days : integer array of shape (n,)
        horizon_days : int
        multiplier : float or float64 array of shape (n,)
            Factor of the hazards.

        Returns
        -------
        float64 array of shape (n,)
            Within 0 and 1.
        """
        ahead = self.cumulative(group, days + horizon_days) - self.cumulative(group, days)
        return np.asarray(-np.expm1(-multiplier * ahead), np.float64)

    def quantiles(self, share: float) -> Floats:
        """Days by which such a share is bought again of what is at all within the bins, by group.

        Returns
        -------
        float64 array of shape (g + 1,)
            At least 1; NaN where nothing is ever bought again.
        """
        day = np.arange(1, self.daily.shape[1] * self.bin_days + 1)
        again = -np.expm1(-self.cumulative(np.arange(len(self.daily))[:, None], day[None, :]))
        reached = again >= share * again[:, -1:]
        return np.where(again[:, -1] > 0, day[reached.argmax(axis=1)], np.nan)

    def standings(self, spells: Spells, group: npt.NDArray[np.int32], n_owners: int) -> Standings:
        """Who has got what how long ago, and who buys again more often than others.

        Parameters
        ----------
        spells : Spells
            n purchases.
        group : int32 array of shape (n,)
            Of the thing of each purchase.
        n_owners : int
        """
        newest = np.flatnonzero(spells.is_newest)
        owner = spells.owner
        expected = np.bincount(owner, self.cumulative(group, spells.days), minlength=n_owners)
        seen = np.bincount(owner, spells.ended, minlength=n_owners)
        return Standings(
            offsets=offsets_of(np.bincount(owner[newest], minlength=n_owners)),
            thing=spells.thing[newest],
            group=group[newest],
            days=spells.days[newest],
            n_repeats=np.diff(newest, prepend=-1) - 1,
            multiplier=(seen + self.user_smoothing) / (expected + self.user_smoothing),
        )

    def _bin(self, days: Integers) -> npt.NDArray[np.int64]:
        at = np.asarray(days, np.int64) // self.bin_days
        return np.minimum(at, np.int64(self.daily.shape[1] - 1))


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """Learns the hazard of a repurchase by the time since the last purchase; each field changes results.

    The hazard of a day is the number of repurchases on it over the number of purchases that were not followed
    by one before and whose day was over by the cut-off: the discrete hazard behind the Kaplan-Meier estimate,
    the same for the days of a bin. With O repurchases seen in a bin where a hazard h lets one expect E, that
    of a category is h (O + `smoothing`) / (E + `smoothing`), with h the shop's in the same bin, and that of
    the shop likewise, with h its mean over all bins: the posterior mean under a gamma prior around h.

    Parameters
    ----------
    bin_days : int
        Days that share a hazard, at least 1.
    longest_days : int
        Days that are told apart, at least 1, rounded up to whole bins; later ones have the last hazard.
    smoothing : float
        Repurchases as expected that each bin of a category is credited with; 0: the estimate as it is.
    user_smoothing : float
        The same for how often a user buys again, above 0; the larger, the more alike users are.

    References
    ----------
    Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958), section 2.
    Clayton and Kaldor, "Empirical Bayes estimates of age-standardized relative risks for use in disease
    mapping", Biometrics 43 (1987), section 2 (the gamma prior).
    Vaupel, Manton and Stallard, "The impact of heterogeneity in individual frailty on the dynamics of
    mortality", Demography 16 (1979) (a factor for each person).
    """

    bin_days: int = 7
    longest_days: int = 365
    smoothing: float = 5.0
    user_smoothing: float = 2.0

    def __post_init__(self) -> None:
        check_int(self, "bin_days", low=1)
        check_int(self, "longest_days", low=1, high=36_500)
        check_number(self, "smoothing", low=0)
        check_number(self, "user_smoothing", low=1e-6)

    def fit(self, spells: Spells, group: npt.NDArray[np.int32], n_groups: int) -> FittedHazard:
        """Estimate the hazards of each group and of all together.

        Parameters
        ----------
        spells : Spells
            n purchases, of a snapshot's history alone.
        group : int32 array of shape (n,)
            Of the thing of each purchase; -1 for none, which counts for all together.
        n_groups : int
        """
        seen, at_risk = self._counts(spells, group, n_groups)
        total = seen.sum()
        mean = total / at_risk.sum() if total else 0.0
        shop = self._drawn(seen.sum(axis=0), at_risk.sum(axis=0), np.asarray(mean))
        of_groups = self._drawn(seen[:-1], at_risk[:-1], shop[None, :])
        return FittedHazard(
            np.concatenate([of_groups, shop[None, :]]), int(self.bin_days), float(self.user_smoothing)
        )

    def _counts(
        self, spells: Spells, group: npt.NDArray[np.int32], n_groups: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Repurchases, and days at risk, of each group (the last: none) and bin, (n_groups + 1, b)."""
        n_bins = -(-self.longest_days // self.bin_days)
        shape = (n_groups + 1, n_bins * self.bin_days + 1)
        days = np.minimum(spells.days, shape[1] - 1)
        at = np.where(group < 0, n_groups, group) * shape[1] + days
        ended = spells.ended & (spells.days == days)
        last = np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)
        seen = np.bincount(at[ended], minlength=shape[0] * shape[1]).reshape(shape)
        at_risk = np.cumsum(last[:, ::-1], axis=1)[:, ::-1]  # of a day: whose spells last that long
        binned = [table[:, 1:].reshape(shape[0], n_bins, -1).sum(axis=2) for table in (seen, at_risk)]
        return binned[0], binned[1]

    def _drawn(self, seen: Integers, at_risk: Integers, hazard: Floats) -> Floats:
        """Hazards drawn to a given one, which stands where nothing is known."""
        credited = at_risk * hazard + self.smoothing
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = hazard * (seen + self.smoothing) / credited
        return np.where(credited > 0, drawn, hazard)


@numba.njit(nogil=True, cache=True)
def _find(offsets, thing, candidate_offsets, candidate, n_things, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the row of each candidate among its owner's things; it comes in filled with -1."""
    row_of = np.full(n_things, -1, np.int64)
    for owner in range(len(offsets) - 1):
        for row in range(offsets[owner], offsets[owner + 1]):
            row_of[thing[row]] = row
        for at in range(candidate_offsets[owner], candidate_offsets[owner + 1]):
            if candidate[at] >= 0:
                out[at] = row_of[candidate[at]]
        for row in range(offsets[owner], offsets[owner + 1]):
            row_of[thing[row]] = -1
