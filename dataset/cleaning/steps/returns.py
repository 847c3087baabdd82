"""Purchases that came back."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numba
import numpy as np
import pandas as pd

from dataset.cleaning.step import LEFT, Applied, LocalStep, State, reasons
from dataset.cleaning.steps.duplicate_events import tie_breakers
from dataset.contracts import TRANSITIONAL_KINDS

_BACK: Final = "_back"
_ALMOST_NOTHING: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class ReturnsNetted(LocalStep):
    """Events of the kinds return and cancellation take back what the user had bought, and leave the data.

    A return takes back the latest purchase of the same user and product that is not later than itself, by
    quantity, then the one before it, and so on. A missing quantity is 1. A purchase that is taken back
    wholly is merged with its return; one that is taken back in part keeps the rest of its quantity. A return
    of nothing that was bought goes to the quarantine.

    A return after a split in time takes back a purchase before it, so the history lacks a purchase that was
    known at the time. That is little, and the other way about the model learns what shoppers rejected.

    Notes
    -----
    Within a user and product it is the matching of brackets: purchases open, returns close. A run of
    brackets can be reduced by itself, which is why parts may be settled one after the other; returns that
    find nothing in their part are carried to the one before it.
    """

    table: ClassVar[str] = "interactions"

    @property
    def carries(self) -> bool:
        """Yes: a purchase may lie in an earlier part."""
        return True

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """The events without returns, purchases reduced, open returns carried."""
        if LEFT not in frame:
            frame = frame.assign(**{LEFT: np.nan})
        back = frame["kind"].isin(TRANSITIONAL_KINDS)
        if not back.any():
            return Applied(frame=frame.drop(columns=LEFT))
        before = frame["quantity"].fillna(1.0)
        before = frame[LEFT].fillna(before)
        left = before.copy()
        involved = _involved(frame, back)
        left.loc[involved.index] = _matched(involved, before)
        touched = left < before
        gone = ~back & touched & (left == 0)
        partly = ~back & touched & (left > 0)
        done = back & (left == 0) & (before > 0)
        kept = frame[~(back | gone)].drop(columns=LEFT)
        kept.loc[partly[partly].index, "quantity"] = left[partly]
        return Applied(
            frame=kept,
            merged=pd.concat([reasons("a purchase taken back", gone), reasons("took back a purchase", done)]),
            carried=frame[back & ~done].assign(**{LEFT: left[back & ~done]}),
            changed={"quantity: taken back in part": int(partly.sum())},
        )

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Returns that took back something are settled, the others returned nothing."""
        used = carried[LEFT] < carried["quantity"].fillna(1.0)
        return Applied(
            frame=carried.iloc[:0].drop(columns=LEFT),
            merged=reasons("took back a purchase", used),
            removed=reasons("nothing was bought that could be taken back", ~used),
        )


def _involved(frame: pd.DataFrame, back: "pd.Series[bool]") -> pd.DataFrame:
    """Returns, and purchases of a user and product that something came back of, in the order of time."""
    # isin first: it is quick and leaves few rows for the exact comparison of pairs.
    near = frame["user"].isin(frame.loc[back, "user"]) & frame["item"].isin(frame.loc[back, "item"])
    rows = frame[near & (back | (frame["kind"] == "purchase"))].assign(**{_BACK: back})
    rows["_pair"] = rows.groupby(["user", "item"], sort=True).ngroup()
    rows = rows[rows["_pair"].isin(rows.loc[rows[_BACK], "_pair"])]
    tied = [name for name in tie_breakers(frame) if name != LEFT]
    return rows.sort_values(["_pair", "timestamp", _BACK, "kind", *tied, LEFT], na_position="first")


def _matched(rows: pd.DataFrame, before: "pd.Series[float]") -> "pd.Series[float]":
    left = before.loc[rows.index].to_numpy(np.float64, copy=True)
    _take_back(rows["_pair"].to_numpy(np.int64), rows[_BACK].to_numpy(bool), left)
    left[left < _ALMOST_NOTHING] = 0.0
    return pd.Series(left, index=rows.index)


@numba.njit(nogil=True, cache=True)
def _take_back(pair, back, left):  # type: ignore[no-untyped-def]
    """Match returns with the latest open purchase of their pair, in place.

    `pair`: ascending, by time within; `left`: quantity not yet matched.
    """
    stack = np.empty(len(pair), np.int64)
    height = 0
    for row in range(len(pair)):
        if row > 0 and pair[row] != pair[row - 1]:
            height = 0
        if not back[row]:
            stack[height] = row
            height += 1
            continue
        while height > 0 and left[row] > 0:
            top = stack[height - 1]
            taken = min(left[row], left[top])
            left[row] -= taken
            left[top] -= taken
            if left[top] <= 0:
                height -= 1
