"""What a step of cleaning is: it takes a table, or a part of one, and says what became of every row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

import pandas as pd

STREAM: Final = "_stream"
"""Column of staged tables: position (int) of the stream that a row came from."""
LEFT: Final = "_left"
"""Column of rows carried from part to part: what of their quantity nothing has settled yet."""

State: TypeAlias = Mapping[str, Any]
"""Statistics of a whole table, plain enough for JSON."""


def no_reasons() -> "pd.Series[str]":
    """Reasons of no row."""
    return pd.Series([], index=pd.RangeIndex(0), dtype="str")


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What a step made of a frame; every row that came in is in exactly one of the first four.

    Parameters
    ----------
    frame : DataFrame
        The rows kept, under their labels and in their order, cells perhaps changed.
    removed : Series of str
        Reason of each row taken out for the quarantine, by label.
    merged : Series of str
        Reason of each row that went into another, or was settled against another, by label.
    carried : DataFrame or None
        Rows that earlier parts decide on (see `Step.carries`), with what is left of them.
    changed : mapping of str to int
        Cells changed, by "column: how".
    """

    frame: pd.DataFrame
    removed: "pd.Series[str]" = field(default_factory=no_reasons)
    merged: "pd.Series[str]" = field(default_factory=no_reasons)
    carried: pd.DataFrame | None = None
    changed: Mapping[str, int] = field(default_factory=dict)


class Step(Protocol):
    """One idea of cleaning, for one canonical table.

    A step is a specification. What it does to a row depends on the row, on the rows of the same user and
    month (a part holds all of them), and on the state: never on the order of the rows or on how the table
    is divided.
    """

    @property
    def table(self) -> str:
        """users, items or interactions."""
        ...

    @property
    def surveys(self) -> bool:
        """Whether `applied` needs the state of the whole table; else it is given None."""
        ...

    @property
    def carries(self) -> bool:
        """Whether rows pass from a part to the next earlier one; then parts go from newest to oldest.

        The rows carried are appended to the frame of the earlier part. What is carried out of the
        earliest part is given to `closed`.
        """
        ...

    def survey(self, frame: pd.DataFrame) -> State:
        """Statistics of a part, as the steps before this one leave it."""
        ...

    def merged(self, states: Sequence[State]) -> State:
        """The state of all parts together; the same for any order and division."""
        ...

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """What becomes of the rows; the frame is left as it is, its labels are distinct."""
        ...

    def closed(self, carried: pd.DataFrame) -> Applied:
        """What becomes of rows that nothing earlier settled; the frame of the result is empty."""
        ...


class LocalStep:
    """The part of a step that needs nothing but the rows at hand."""

    @property
    def surveys(self) -> bool:
        """No."""
        return False

    @property
    def carries(self) -> bool:
        """No."""
        return False

    def survey(self, frame: pd.DataFrame) -> State:
        """Nothing."""
        return {}

    def merged(self, states: Sequence[State]) -> State:
        """Nothing."""
        return {}

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Nothing was carried."""
        return Applied(frame=carried.iloc[:0])


def reasons(why: str, rows: "pd.Series[bool]") -> "pd.Series[str]":
    """One reason for every row that is marked, by label."""
    return pd.Series(why, index=rows.index[rows.to_numpy(bool)], dtype="str")
