"""How often each value occurs, by group: statistics that add up exactly, however a table is divided."""

import hashlib
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.cleaning.step import State

Values: TypeAlias = npt.NDArray[Any]
_DIGITS = 6


def counted(values: "pd.Series[Any]", groups: "pd.Series[Any] | None" = None) -> State:
    """Counts of the values that are there, numbers to six significant digits, which bounds their number.

    Parameters
    ----------
    values : Series
        Numbers or labels.
    groups : Series or None
        Label of the group of each row; a missing one counts as "".
    """
    group = pd.Series("", index=values.index, dtype="str") if groups is None else labels_of(groups)
    given = values.notna()
    found = pd.DataFrame({"group": group[given], "value": values[given]}).value_counts().reset_index()
    if pd.api.types.is_numeric_dtype(found["value"]):
        found["value"] = [float(f"{value:.{_DIGITS}g}") for value in found["value"].tolist()]
    return _plain(found)


def added(states: Sequence[State]) -> State:
    """The counts of several parts together, in the order of group and value."""
    filled = [pd.DataFrame(dict(state)) for state in states if state["count"]]
    return _plain(pd.concat(filled)) if filled else {"group": [], "value": [], "count": []}


def labels_of(groups: "pd.Series[Any]") -> "pd.Series[str]":
    """Groups as text, "" where missing."""
    return groups.astype("str").fillna("")


class Histogram:
    """A state, ready to be asked; groups in ascending order, values ascending within each.

    Parameters
    ----------
    state : State
        As `added` gives it.
    by_group : bool
        Whether groups are told apart.
    """

    def __init__(self, state: State, *, by_group: bool) -> None:
        frame = pd.DataFrame({name: state[name] for name in ("group", "value", "count")})
        keys = ["group", "value"] if by_group else ["value"]
        frame = frame.groupby(keys, sort=True)["count"].sum().reset_index()
        groups = frame["group"] if by_group else pd.Series("", index=frame.index, dtype="str")
        self._frame = frame.assign(group=groups)
        self._values: Values = frame["value"].to_numpy()
        self._reached = np.cumsum(frame["count"].to_numpy(np.int64))
        self.groups = pd.Index(groups.unique())
        self.counts = self._frame.groupby("group", sort=True)["count"].sum().to_numpy(np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]]).astype(np.int64)

    def of(self, groups: "pd.Series[str]") -> npt.NDArray[np.int64]:
        """Position of each group, -1 where nothing of it was seen."""
        return np.asarray(self.groups.get_indexer(groups), np.int64)

    def ranked(self, group: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]) -> Values:
        """The value of the given rank, from 0, of each given group."""
        return self._values[np.searchsorted(self._reached, self._starts[group] + rank, side="right")]

    def medians(self) -> Values:
        """The median number of each group; the mean of the middle two where their number is even."""
        at = np.arange(len(self.groups))
        return (self.ranked(at, (self.counts - 1) // 2) + self.ranked(at, self.counts // 2)) / 2

    def modes(self) -> Values:
        """The commonest value of each group, the lowest of several."""
        ordered = self._frame.sort_values(["group", "count"], ascending=[True, False], kind="stable")
        return ordered.drop_duplicates("group")["value"].to_numpy()

    def quantile(self, level: float) -> float:
        """Of the numbers of all groups together, interpolated linearly (Hyndman and Fan 1996, type 7)."""
        place = level * (int(self.counts.sum()) - 1)
        whole = np.array([int(np.floor(place)), int(np.ceil(place))])
        low, high = self.ranked(np.zeros(2, np.int64), whole)
        return float(low + (high - low) * (place - whole[0]))


def uniform(ids: "pd.Series[str]", *salt: object) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each id, from a hash of it and the salt: the same wherever the row stands."""
    if not len(ids):
        return np.zeros(0)
    key = hashlib.sha256(repr(salt).encode()).hexdigest()[:16]
    hashed = pd.util.hash_array(ids.to_numpy(object), hash_key=key, categorize=False)
    return (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _plain(frame: pd.DataFrame) -> State:
    total = frame.groupby(["group", "value"], sort=True)["count"].sum().reset_index()
    return {name: total[name].tolist() for name in ("group", "value", "count")}
