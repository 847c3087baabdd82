"""Missing cells that something stands in for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from dataset.cleaning.fills import Fill
from dataset.cleaning.histograms import added, counted
from dataset.cleaning.quarantine import NAMES
from dataset.cleaning.step import Applied, State
from dataset.errors import DataContractError
from dataset.parameters import check_choice, check_mapping


@dataclass(frozen=True, kw_only=True)
class MissingFilled:
    """Missing numbers and labels are filled, each column in its own way.

    All statistics are those of the cells that were there when the step began, so the order of the columns
    says nothing. What a fill may leak stands in its docstring: a constant nothing, the others see rows
    after a split in time. LightGBM copes with missing values, so fill only what must not be missing.

    Parameters
    ----------
    table : str
        users, items or interactions.
    columns : mapping of str to Fill
        A column that the table has not got is left alone.
    """

    table: str
    columns: Mapping[str, Fill]
    carries: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_choice(self, "table", NAMES)
        check_mapping(self, "columns")

    @property
    def surveys(self) -> bool:
        """Whether a fill depends on the cells of the whole table."""
        return any(fill.surveys for fill in self.columns.values())

    def survey(self, frame: pd.DataFrame) -> State:
        """How often each value occurs, by column and group."""
        return {
            name: counted(self._cells(frame, name), frame.get(fill.by))
            for name, fill in self.columns.items()
            if fill.surveys and name in frame
        }

    def merged(self, states: Sequence[State]) -> State:
        """The counts together."""
        names = dict.fromkeys(name for state in states for name in state)
        return {name: added([state[name] for state in states if name in state]) for name in names}

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """All rows, with fewer cells missing."""
        filled, changed = {}, {}
        for name, fill in self.columns.items():
            if name not in frame:
                changed[f"{name}: there is no such column"] = 0
                continue
            cells = self._cells(frame, name)
            rows = frame[cells.isna()]
            values = fill.values(self.table, name, rows, (state or {}).get(name)).dropna()
            changed[f"{name}: {type(fill).__name__.lower()} filled in"] = len(values)
            if len(values):
                filled[name] = cells.copy()
                filled[name].loc[values.index] = values.astype(cells.dtype)
        return Applied(frame=frame.assign(**filled), changed=changed)

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Nothing was carried."""
        return Applied(frame=carried.iloc[:0])

    def _cells(self, frame: pd.DataFrame, name: str) -> "pd.Series[float] | pd.Series[str]":
        cells = frame[name]
        number = pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells)
        if not number and str(cells.dtype) != "str":
            raise DataContractError(
                f"Numbers and labels can be filled in. Got {name} of {self.table}, which holds {cells.dtype}."
            )
        return cells
