"""Rows that say nothing about shoppers: test accounts, staff, kinds of events that are not wanted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dataset.cleaning.quarantine import NAMES
from dataset.cleaning.step import Applied, LocalStep, State, reasons
from dataset.errors import ParameterError
from dataset.parameters import check_choice, check_names
from dataset.sources.stream import LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class Irrelevant(LocalStep):
    """Rows whose cell in one column is one of some words or fits a pattern go to the quarantine.

    Each row is judged by itself, so nothing leaks. Such rows are no sign of bad data and do not count
    towards the limit of the quarantined share. Events of a user or product left out go along; name the test
    accounts in `interactions` too, as some may be known from events alone.

    Parameters
    ----------
    table : str
        users, items or interactions.
    column : str
        Of text; a table without it is left alone.
    values : sequence of str
        Cells, exactly.
    patterns : sequence of str
        Regular expressions of Python, of the whole cell.
    reason : str
        What such a row is, for the report: "test account".
    """

    table: str
    column: str
    values: Sequence[str] = ()
    patterns: Sequence[str] = ()
    reason: str = "irrelevant"

    def __post_init__(self) -> None:
        check_choice(self, "table", NAMES)
        check_names(self, "values")
        check_names(self, "patterns")
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise ParameterError("Irrelevant", "reason", "some words", self.reason)
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ParameterError(
                    "Irrelevant", "patterns", f"regular expressions ({error})", pattern
                ) from error

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """The rows of which nothing of the kind is known."""
        if self.column not in frame:
            return Applied(frame=frame, changed={f"{self.column}: there is no such column": 0})
        codes, cells = pd.factorize(frame[self.column])
        found = [re.compile(pattern) for pattern in self.patterns]
        bad = [cell in self.values or any(p.fullmatch(str(cell)) for p in found) for cell in cells.tolist()]
        out = pd.Series(np.array([*bad, False], bool)[codes], index=frame.index)  # a missing cell is code -1
        return Applied(frame=frame[~out], removed=reasons(f"{LEFT_OUT}{self.reason}", out))
