"""Returns take back the latest purchases before them, by quantity, across parts."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dataset.cleaning import Cleaning
from dataset.cleaning.settling import checked, closed, settle
from dataset.cleaning.steps.returns import ReturnsNetted
from tests.dataset.dirty_tables import events

STEP = ReturnsNetted()
CLEANING = Cleaning(steps={"returns": STEP})
EVENT = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from("xy"),
    st.sampled_from(["purchase", "return", "cancellation"]),
    st.integers(0, 9),
    st.just(np.nan),
    st.sampled_from([1.0, 2.0, 3.0]),
)
EVENTS = st.lists(EVENT, max_size=14, unique_by=lambda event: (event[0], event[1], event[3]))


def _by_units(frame: pd.DataFrame) -> tuple[dict[int, float], dict[int, float]]:
    """Oracle: quantities as single pieces on a stack. What is left of purchases, and of returns."""
    stacks: dict[tuple[str, str], list[int]] = {}
    left, open_ = dict.fromkeys(frame.index, 0.0), dict.fromkeys(frame.index, 0.0)
    for at, row in frame.sort_values("timestamp", kind="stable").iterrows():
        stack = stacks.setdefault((row["user"], row["item"]), [])
        for _ in range(int(row["quantity"])):
            if row["kind"] == "purchase":
                stack.append(at)
            elif stack:
                stack.pop()
            else:
                open_[at] += 1
    for stack in stacks.values():
        for at in stack:
            left[at] += 1
    return left, open_


@pytest.mark.slow
@given(EVENTS)
@hypothesis_settings(max_examples=30)
def test_purchases_keep_what_did_not_come_back(rows: list[tuple[object, ...]]) -> None:
    frame = events(rows)
    left, open_ = _by_units(frame)
    bought = frame["kind"] == "purchase"
    applied = STEP.applied(frame, None)
    kept = {at: n for at, n in left.items() if bought[at] and n > 0}
    assert applied.frame["quantity"].to_dict() == kept
    carried = applied.carried if applied.carried is not None else frame.iloc[:0].assign(_left=0.0)
    assert carried["_left"].to_dict() == {at: n for at, n in open_.items() if n > 0}
    end = STEP.closed(carried)
    nothing = [at for at, n in open_.items() if n > 0 and n == frame.loc[at, "quantity"]]
    assert sorted(end.removed.index) == nothing
    accounted = [*applied.frame.index, *applied.merged.index, *end.removed.index, *end.merged.index]
    assert sorted(accounted) == frame.index.tolist()


@pytest.mark.slow
@given(EVENTS, st.sets(st.integers(0, 9)))
@hypothesis_settings(max_examples=10)
def test_parts_settle_as_the_whole(rows: list[tuple[object, ...]], cuts: set[int]) -> None:
    frame = events(rows)
    whole = settle("interactions", frame, CLEANING, {})
    ends = closed(CLEANING, whole.carried)
    days = (frame["timestamp"] - pd.Timestamp("2020-01-30", tz="UTC")).dt.days
    part_of = days.map(lambda day: sum(cut <= day for cut in cuts))
    carried: Mapping[str, pd.DataFrame] = {}
    parts = []
    for part in sorted(set(part_of), reverse=True):
        parts.append(settle("interactions", frame[part_of == part], CLEANING, {}, carried))
        carried = parts[-1].carried
    last = closed(CLEANING, carried)
    tally = sum((part.tally for part in parts), last.tally)
    assert tally.rows == (whole.tally + ends.tally).rows
    keys = ["user", "item", "timestamp", "quantity"]
    kept = pd.concat([part.frame for part in parts] or [frame])
    assert sorted(map(tuple, kept[keys].to_numpy())) == sorted(map(tuple, whole.frame[keys].to_numpy()))


def test_a_return_at_the_moment_of_the_purchase_comes_after_it() -> None:
    frame = events([("a", "x", "return", 1), ("a", "x", "purchase", 1), ("a", "x", "rating", 2, 2.0)])
    applied = STEP.applied(frame, None)
    assert applied.frame["kind"].tolist() == ["rating"]
    assert applied.merged.sort_index().tolist() == ["took back a purchase", "a purchase taken back"]


def test_quantities_below_zero_and_missing_ones() -> None:
    raw = events([("a", "x", "purchase", 1, np.nan, 3.0), ("a", "x", "return", 2, np.nan, -1.0),
                    ("a", "x", "cancellation", 3, np.nan, np.nan), ("b", "x", "return", 3)])  # fmt: skip
    contract = checked("interactions", raw, ["skin_type"])
    assert contract.tally.changed() == {"contract": {"quantity: sign of a return dropped": 1}}
    applied = STEP.applied(contract.frame, None)
    assert applied.frame["quantity"].tolist() == [1.0]
    assert applied.changed == {"quantity: taken back in part": 1}
    assert applied.carried is not None
    assert STEP.closed(applied.carried).removed.tolist() == ["nothing was bought that could be taken back"]
