"""Whether lists push groups of users further along the way that their histories already went."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.ragged import Categorical
from dataset.ranked import Ranked
from evaluation.groups import UNKNOWN
from evaluation.list_facts import ListFacts
from evaluation.list_measures import blocks_of
from evaluation.metrics.calibration import list_categories

CATEGORIES_SHOWN: Final = 3


@dataclass(frozen=True, kw_only=True)
class CategoryTotals:
    """What L groups went for and what they are shown, in C categories; the last group is those without label.

    Parameters
    ----------
    history : float64 array of shape (L, C)
        Weight of the group's events in each category.
    events : float64 array of shape (L, C)
        Number of those events.
    listed : float64 array of shape (L, C)
        Places of the group's lists.
    """

    history: npt.NDArray[np.float64]
    events: npt.NDArray[np.float64]
    listed: npt.NDArray[np.float64]

    @classmethod
    def count(
        cls, ranked: Ranked, facts: ListFacts, groups: Mapping[str, Categorical], k: int
    ) -> dict[str, "CategoryTotals"]:
        """The totals of each grouping, gathered block by block of queries.

        Parameters
        ----------
        ranked : Ranked
        facts : ListFacts
        groups : mapping of str to Categorical
            All of the same queries.
        k : int
            Cut-off of the lists.
        """
        n_categories = max(len(facts.category.names), 1)
        totals = {name: np.zeros((3, len(group.names) + 1, n_categories)) for name, group in groups.items()}
        for rows in blocks_of(len(facts)):
            profiles = facts.take(rows).profiles()
            had = profiles.categories
            category = list_categories(ranked.items[rows, :k], facts.category.codes)
            place, shown = np.nonzero(category >= 0)[0], category[category >= 0]
            for name, group in groups.items():
                total, label = totals[name], group.codes[rows]  # label -1 is the last row of the total
                np.add.at(total[0], (label[had.rows], had.values), profiles.weight)
                np.add.at(total[1], (label[had.rows], had.values), profiles.n_events)
                np.add.at(total[2], (label[place], shown), 1)
        return {name: cls(history=t[0], events=t[1], listed=t[2]) for name, t in totals.items()}

    @property
    def biases(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """B_S and B_R, float64 of shape (L, C): the group's share of a category over everybody's share of it,
        in the histories and in the lists; NaN where everybody's share is 0."""
        return _bias(self.history), _bias(self.listed)

    @property
    def disparity(self) -> npt.NDArray[np.float64]:
        """(B_R - B_S) / B_S, float64 of shape (L, C), from -1 up; NaN where it is undefined."""
        before, shown = self.biases
        over = np.where(before > 0, before, np.nan)
        disparity: npt.NDArray[np.float64] = (shown - before) / over
        return disparity


def amplification(
    ranked: Ranked,
    facts: ListFacts,
    groups: Mapping[str, Categorical],
    *,
    k: int,
    min_users: int = 50,
    min_events: int = 100,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Bias disparity of the lists of one run, by grouping and label.

    B_S is a category's share in the group's history over its share in everybody's history, B_R the same of
    the lists, and the disparity (B_R - B_S) / B_S: +.5 where a group's leaning to a category, relative to
    everybody, is half as strong again in what it is shown. The paper divides by the category's share of the
    catalogue, which cancels out of the disparity; divided by everybody's share, what the lists do to a
    category for everybody alike cancels out, and what is left is due to the group.

    Parameters
    ----------
    ranked : Ranked
    facts : ListFacts
    groups : mapping of str to Categorical
        All of the same m queries, who are "everybody".
    k : int
        Cut-off of the lists.
    min_users : int
        Labels with fewer queries are left out.
    min_events : int
        Categories with fewer events in the group's history are left out.

    Returns
    -------
    dict
        Grouping to label to {"n", "mean_absolute_disparity", "amplification", "most"}. The means are weighted
        by the share of each category in the group's history. "amplification" counts a disparity as positive
        where it goes the way of the history (up where B_S > 1, down where B_S < 1): above 0, the lists drive
        groups apart, below 0 they draw them together. "most" holds the categories with the most positive
        disparity, each {"category", "history_share", "list_share", "bias_history", "bias_lists",
        "disparity", "events"}.
        Descriptive: there are no intervals, and the extremes of many categories are large by chance.

    References
    ----------
    Tsintzou, Pitoura, Tsaparas, "Bias disparity in recommendation systems", 2018, arXiv 1811.01461.
    """
    totals = CategoryTotals.count(ranked, facts, groups, k)
    section: dict[str, dict[str, dict[str, Any]]] = {}
    for name, group in groups.items():
        n_users = np.bincount(np.where(group.codes >= 0, group.codes, len(group.names)))
        section[name] = {}
        for code, label in enumerate((*group.names, UNKNOWN)):
            if code < len(n_users) and n_users[code] >= max(min_users, 1):
                figures = _of_label(totals[name], code, facts.category.names, min_events)
                section[name][label] = {"n": int(n_users[code]), **figures}
    return section


def _of_label(totals: CategoryTotals, code: int, names: tuple[str, ...], min_events: int) -> dict[str, Any]:
    disparity = totals.disparity[code]
    before, shown = (bias[code] for bias in totals.biases)
    share, listed = (_shares(counts)[code] for counts in (totals.history, totals.listed))
    kept = np.flatnonzero(np.isfinite(disparity) & (totals.events[code] >= max(min_events, 1)))
    weights, found = share[kept], disparity[kept]
    along = np.sign(before[kept] - 1) * found
    most = [at for at in kept[np.argsort(-found, kind="stable")] if disparity[at] > 0]
    return {
        "mean_absolute_disparity": _mean(np.abs(found), weights),
        "amplification": _mean(along, weights),
        "most": [
            {
                "category": names[at],
                "history_share": float(share[at]),
                "list_share": float(listed[at]),
                "bias_history": float(before[at]),
                "bias_lists": float(shown[at]),
                "disparity": float(disparity[at]),
                "events": int(totals.events[code, at]),
            }
            for at in most[:CATEGORIES_SHOWN]
        ],
    }


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    total = counts.sum(axis=1, keepdims=True)
    return counts / np.where(total > 0, total, np.nan)


def _bias(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    everybody = _shares(counts.sum(axis=0, keepdims=True))
    return _shares(counts) / np.where(everybody > 0, everybody, np.nan)


def _mean(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> float | None:
    return float((values * weights).sum() / weights.sum()) if weights.sum() > 0 else None
